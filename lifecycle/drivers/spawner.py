"""Brings a worker to verified on behalf of one caller: the spawner's driver."""

from __future__ import annotations

from collections.abc import Mapping

from .. import health as h
from ..health import Health, ProbeResult
from ..lock.spawn_lock import HELD
from ..machine import states
from ..record import needed
from ..versions import at_least, newer
from . import child_outcome
from .driver import Driver, Work
from .ports import (
    ACCEPTED,
    LOCK_REFUSED,
    MISSED,
    RECYCLE,
    REFUSED,
    RESTART,
    Child,
    ChildExit,
    Launcher,
    Run,
)

LAUNCHES = 2  # a run: the build, then the last good one; more would relaunch after every stop

FITS = "fits"
STALE = "stale"
REJECTED = "rejected"


class Spawner(Driver):
    """One `ensure` or one `restart`.

    `asked` and `launches` belong to the run: the recycle happens once, because rows lead back
    to idle.
    """

    def __init__(self, system: Launcher, restart: bool) -> None:
        super().__init__("spawner", states.IDLE, system)
        self._system = system
        self._restart = restart
        self.begun = Run(0.0, "")
        self.seen: ProbeResult | None = None
        self.error = ""
        self._asked = False
        self._launches = 0
        self._target = ""  # the instance whose leaving we wait for
        self._to_ask = ""  # the instance that was judged and not asked yet
        self._child: Child | None = None
        self._ended: ChildExit | None = None
        self._good_next = False

    def work(self) -> Mapping[str, Work]:
        """Give what to do in each state that is not final."""
        return {
            states.IDLE: self._idle,
            states.LOCKING: self._locking,
            states.HANDING_OFF: self._handing_off,
            states.SPAWNING: self._spawning,
        }

    async def run(self) -> str:
        """Run until verified or failed and give the last event."""
        self.begun = await self._system.begin(self._restart)
        return await super().run()

    @property
    def health(self) -> Health | None:
        """The worker last seen."""
        return self.seen.health if self.seen else None

    async def _idle(self) -> str:
        saw = await self._look()
        if saw == FITS:
            return "worker_fits"
        if saw == REJECTED:
            return "build_rejected"
        if saw == STALE:
            if self._asked:
                return "recycle_spent"
            self._aim(ask=True)
            return "restart_wanted" if self._restart else "worker_stale"
        if saw == h.WORKER_LEAVING:
            self._aim(ask=self._restart and not self._asked)
            return "worker_leaving"
        if saw == h.DARK:
            return await self._launchable()
        return await self._wait_or_foreign(saw)

    async def _locking(self) -> str:
        result = await self._system.acquire()
        self.detail = result.reason
        if result.event == LOCK_REFUSED:
            self.error = result.reason
        if result.event != HELD:
            return result.event
        saw = await self._look()
        if saw == FITS:
            return "worker_fits"
        if saw == REJECTED:
            return "build_rejected"
        if saw == STALE:
            return "older_worker_again" if self._asked else "older_worker"
        if saw == h.WORKER_LEAVING:
            self._aim(ask=self._restart and not self._asked)
            return "worker_leaving"
        if saw == h.DARK:
            launchable = await self._launchable()
            if launchable == "nothing_recorded":
                return launchable
            return await self._wait(HELD)
        return await self._wait_or_foreign(saw)

    async def _handing_off(self) -> str:
        if self._to_ask:
            return await self._ask()
        if not await self._system.pause():
            return "deadline_passed"
        saw = await self._look()
        if saw == FITS:
            return "worker_fits"
        if saw == REJECTED:
            return "build_rejected"
        if saw == STALE:
            return self._not_replaced()
        if saw == h.WORKER_LEAVING:
            return "worker_leaving"
        if saw == h.DARK:
            return await self._launchable() if await self._system.lock_is_free() else HELD
        return await self._wait_or_foreign(saw)

    async def _ask(self) -> str:
        reply = await self._system.ask(RESTART if self._restart else RECYCLE, self._to_ask)
        self.detail = reply.reason
        if reply.kind == ACCEPTED:
            self._to_ask = ""
            self._asked = True
            return "ask_accepted"
        if reply.kind == MISSED:
            self._to_ask = ""
            return "ask_missed"
        if reply.kind == REFUSED:
            self.error = reply.reason
            return "handover_refused"
        return await self._wait("worker_silent")

    def _not_replaced(self) -> str:
        assert self.health is not None
        if self.health.instance != self._target:
            return "older_worker_again" if self._asked else "older_worker"
        if self._asked:
            self.error = self.health.refusal
            return "handover_refused"
        return "called_off"

    async def _spawning(self) -> str:
        if self._child is None:
            return await self._spawn()
        if self._ended is None:
            self._ended = await self._system.watch(self._child)
            if self._ended.late:
                self._ended = await self._system.kill(self._child)
                return "child_deadline"
        child, ended = self._child, self._ended
        self._child = self._ended = None
        return await self._settled(child, ended)

    async def _spawn(self) -> str:
        self.seen = await self._system.probe()
        if self.seen.kind != h.DARK:
            await self._system.release()
            return "not_dark"
        record = await self._system.record()
        build = record and (record.good if self._good_next else record.recorded)
        if build is None:
            await self._system.release()
            return "no_record"
        self._launches += 1
        self._child = await self._system.spawn(build, standby=False)
        self.detail = f"pid={self._child.pid} version={build.version}"
        return "spawned"

    async def _settled(self, child: Child, ended: ChildExit) -> str:
        word = child_outcome.verdict(ended)
        ours = await child_outcome.keep_record(self._system, child, ended)
        if word in (child_outcome.CHILD_FAILED, child_outcome.CHILD_KILLED):
            self.error = child_outcome.reason(ended)
            self.detail = self.error
            record = await self._system.record()
            if word == child_outcome.CHILD_FAILED:
                self._good_next = True
                ours = ours and record is not None and record.good is not None
            if ours and self._launches < LAUNCHES:
                return word
            await self._system.release()
            return f"{word}_last"
        await self._system.release()
        if word == child_outcome.CHILD_LOST:
            self.error = self.detail = child_outcome.reason(ended)
        if word == child_outcome.CHILD_LEFT:
            self._launches = LAUNCHES
        if word == child_outcome.CHILD_READY:
            self.seen = ended.seen
            if self._restart and not at_least(child.build.version, self.begun.wanted):
                return "older_child_ready"
        return word

    async def _look(self) -> str:
        """Probe, then judge a worker that serves against what is needed now."""
        self.seen = await self._system.probe()
        health = self.seen.health
        if health is None or self.seen.kind == h.WORKER_STARTING:
            return self.seen.kind
        record = await self._system.record()
        wanted = self.begun.wanted
        need = needed(record, wanted, self._restart) if record else wanted
        fits = not need or at_least(health.version, need)
        if self._restart:
            fits = fits and health.since >= self.begun.began
        if fits and health.state in states.SERVING_STATES:
            return FITS
        if self.seen.kind == h.WORKER_LEAVING:
            return h.WORKER_LEAVING
        recorded = record.recorded if record else None
        set_back = recorded is None or newer(wanted, recorded.version)
        if self._restart and wanted and record is not None and set_back:
            return REJECTED
        return STALE

    async def _launchable(self) -> str:
        if self._launches >= LAUNCHES:
            return "launches_spent"
        record = await self._system.record()
        if record is None or record.recorded is None:
            return "nothing_recorded"
        return "port_dark"

    async def _wait_or_foreign(self, saw: str) -> str:
        if saw in (h.FOREIGN, h.NO_ADDRESS):
            self.detail = self.seen.detail if self.seen else ""
            return "port_foreign"
        return await self._wait("worker_starting" if saw == h.WORKER_STARTING else "worker_silent")

    async def _wait(self, event: str) -> str:
        return event if await self._system.pause() else "deadline_passed"

    def _aim(self, ask: bool) -> None:
        assert self.health is not None
        self._target = self.health.instance
        self._to_ask = self._target if ask else ""
        self.detail = f"pid={self.health.pid} version={self.health.version}"
