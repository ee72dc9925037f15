"""Ends a worker that hangs, for a run that may force it."""

from __future__ import annotations

from .. import health as h
from ..health import ProbeResult
from ..lock.spawn_lock import HELD
from ..machine import states
from .driver import Driver
from .ports import KILLED, LOCK_REFUSED, Launcher


class ForcingDriver(Driver):
    """A launcher's run; `force` says whether it may end a silent worker, which it does once.

    The process that was judged when the silence began must still be silent under the spawn lock.
    """

    def __init__(self, machine: str, system: Launcher, force: bool) -> None:
        super().__init__(machine, states.IDLE, system)
        self._system = system
        self.force = force
        self.seen: ProbeResult | None = None
        self.error = ""

    async def _silent(self, event: str = "worker_silent") -> str:
        """Wait on for an answer, unless the run may force it and has waited enough."""
        return "silence_judged" if await self._judges() else await self._wait(event)

    async def _judges(self) -> bool:
        return self.force and await self._system.judge_silence()

    async def _judging(self) -> str:
        """Look again until the spawn lock is ours: whoever holds it may be replacing the worker."""
        self.seen = await self._system.probe()
        if self.seen.kind != h.SILENT:
            return "silence_ended"
        result = await self._system.lock.acquire()
        self.detail = result.reason
        if result.event == LOCK_REFUSED:
            self.error = result.reason
        return await self._wait(HELD) if result.event == HELD else result.event

    async def _forcing(self) -> str:
        self.force = False
        end = await self._system.end_judged()
        self.error = "" if end.event == KILLED else f"not forced: {end.reason}"
        await self._system.lock.release()
        self.detail = end.reason
        if end.event == KILLED:
            self._worker_ended()
        return end.event

    def _worker_ended(self) -> None:
        """Begin anew: whoever was asked is gone."""
        raise NotImplementedError

    async def _wait(self, event: str) -> str:
        return event if await self._system.pause() else "deadline_passed"
