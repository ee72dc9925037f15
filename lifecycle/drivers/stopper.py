"""Proves the port dark on behalf of one caller: the stop run's driver."""

from __future__ import annotations

from collections.abc import Mapping

from .. import health as h
from ..health import ProbeResult
from ..lock.spawn_lock import HELD
from ..machine import states
from .driver import Work
from .forcing import ForcingDriver
from .ports import ACCEPTED, LOCK_REFUSED, MISSED, REFUSED, SHUTDOWN, Launcher, Target


class Stopper(ForcingDriver):
    """One `stop`: asks the instance it saw, waits until that one is gone, looks again."""

    def __init__(self, system: Launcher, force: bool = False) -> None:
        super().__init__("stop", system, force)
        self.found = False
        self.target: Target | None = None
        self._to_ask = False
        self._out_of_reach = False  # as the serve lock said at the last look

    def work(self) -> Mapping[str, Work]:
        """Give what to do in each state that is not final."""
        return {
            states.IDLE: self._idle,
            states.HANDING_OFF: self._handing_off,
            states.LOCKING: self._locking,
            states.HOLDING: self._holding,
            states.JUDGING: self._judging,
            states.FORCING: self._forcing,
        }

    async def _idle(self) -> str:
        self.seen = await self._look()
        if self.seen.kind == h.DARK:
            return "port_dark"
        if self.seen.kind in (h.FOREIGN, h.NO_ADDRESS):
            self.error = self.detail = self.seen.detail
            return "port_foreign"
        if self.seen.health is None:
            return await self._silent()
        health = self.seen.health
        self.target = Target(health.instance, health.host, health.port)
        self.found = self._to_ask = True
        self.detail = f"pid={self.seen.health.pid} version={self.seen.health.version}"
        return "worker_starting" if self.seen.kind == h.WORKER_STARTING else "worker_found"

    async def _handing_off(self) -> str:
        assert self.target is not None
        if self._to_ask:
            reply = await self._system.ask(SHUTDOWN, self.target)
            self.error = self.detail = reply.reason
            if reply.kind == ACCEPTED:
                self._to_ask = False
                return "ask_accepted"
            if reply.kind == MISSED:  # one that is another at each look is asked in no hurry
                return await self._wait("ask_missed")
            if reply.kind == REFUSED:
                return "ask_refused"
            return await self._silent("instance_stays")
        if not await self._system.pause():
            return "deadline_passed"
        self.seen = await self._look()
        health = self.seen.health
        if self.seen.kind == h.SILENT and await self._judges():
            return "silence_judged"
        if self.seen.kind == h.SILENT or (health and health.instance == self.target.instance):
            return "instance_stays"
        return "instance_gone"

    async def _locking(self) -> str:
        result = await self._system.lock.acquire()
        self.detail = result.reason
        if result.event == LOCK_REFUSED:
            self.error = result.reason
        if result.event != HELD:
            return result.event
        self.seen = await self._system.probe()
        return await self._wait(HELD if self.seen.kind == h.DARK else "not_dark")

    async def _holding(self) -> str:
        """Dark is not enough: one that has listened elsewhere may go on to serve."""
        self.seen = await self._system.probe()
        if self.seen.kind != h.DARK:
            await self._system.lock.release()
            return "not_dark"
        there = await self._system.look_elsewhere()
        again, self._out_of_reach = self._out_of_reach, there.kind == h.OUT_OF_REACH
        if there.kind == h.DATA_FREE:
            await self._system.lock.release()
            return "port_dark"
        waits = await self._system.pause()
        await self._system.lock.release()
        self.detail = there.detail
        if self._out_of_reach and again:  # its content is stale for a moment between lock and write
            self.error = there.detail
            return "data_held_elsewhere"
        return "data_held" if waits else "deadline_passed"

    async def _look(self) -> ProbeResult:
        """Give what is at the own port; where that is dark, the worker elsewhere, if any."""
        seen = await self._system.probe()
        if seen.kind != h.DARK:
            return seen
        there = await self._system.look_elsewhere()
        return there if there.health is not None else seen

    def _worker_ended(self) -> None:
        self.found = True
        self._to_ask = False
