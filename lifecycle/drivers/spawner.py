"""Brings a worker to verified on behalf of one caller: the spawner's driver."""

from __future__ import annotations

from collections.abc import Mapping

from .. import health as h
from ..generation import Generation
from ..health import Health
from ..lock.spawn_lock import HELD
from ..machine import states
from ..versions import at_least
from . import child_outcome
from .driver import Work
from .forcing import ForcingDriver
from .judgement import FITS, REJECTED, STALE, judged
from .launch_attempts import RETRIED, LaunchAttempts
from .ports import (
    ACCEPTED,
    JOINED,
    LOCK_REFUSED,
    MISSED,
    RECYCLE,
    REFUSED,
    RESTART,
    SHUTDOWN,
    Launcher,
    Run,
    Target,
)

ELSEWHERE = "elsewhere"


class Spawner(ForcingDriver):
    """One `ensure` or one `restart`.

    What was asked, moved, launched belongs to the run: each happens once, because rows lead back
    to idle.
    """

    def __init__(self, system: Launcher, restart: bool, force: bool = False) -> None:
        super().__init__("spawner", system, force)
        self.restart = restart
        self.begun = Run(Generation(), "")
        self._asked = False
        self._moved = False  # a worker elsewhere was stopped for this run
        self._out_of_reach = False  # as the serve lock said at the last look
        self.target = ""  # the instance whose leaving we wait for
        self._to_ask: Target | None = None  # the worker that was judged and not asked yet
        self.attempts = LaunchAttempts(system)

    def work(self) -> Mapping[str, Work]:
        """Give what to do in each state that is not final."""
        return {
            states.IDLE: self._idle,
            states.LOCKING: self._locking,
            states.HANDING_OFF: self._handing_off,
            states.SPAWNING: self._spawning,
            states.MOVING: self._moving,
            states.JUDGING: self._judging,
            states.FORCING: self._forcing,
        }

    async def run(self) -> str:
        """Run until verified or failed and give the last event."""
        self.begun = await self._system.begin(self.restart)
        return await super().run()

    @property
    def health(self) -> Health | None:
        """The worker last seen."""
        return self.seen.health if self.seen else None

    @property
    def fell_back(self) -> bool:
        """Whether a build failed in this run by its own fault."""
        return self.attempts.falls_back

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
            return "restart_wanted" if self.restart else "worker_stale"
        if saw == h.WORKER_LEAVING:
            self._aim(ask=self.restart and not self._asked)
            return "worker_leaving"
        if saw == ELSEWHERE:
            return self._elsewhere()
        if saw == h.DARK:
            return await self._launchable()
        return await self._wait_or_foreign(saw)

    async def _locking(self) -> str:
        result = await self._system.lock.acquire()
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
            self._aim(ask=self.restart and not self._asked)
            return "worker_leaving"
        if saw == ELSEWHERE:
            return await self._wait(HELD) if not self._moved else "moved_already"
        if saw == h.DARK:
            launchable = await self._launchable()
            if launchable == "nothing_to_try":
                return launchable
            return await self._wait(HELD)
        return await self._wait_or_foreign(saw)

    async def _handing_off(self) -> str:
        if self._to_ask is not None:
            return await self._ask(self._to_ask)
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
        if saw == ELSEWHERE:
            return self._elsewhere() if await self._system.lock.lock_is_free() else HELD
        if saw == h.DARK:
            return await self._launchable() if await self._system.lock.lock_is_free() else HELD
        return await self._wait_or_foreign(saw)

    async def _ask(self, target: Target) -> str:
        reply = await self._system.ask(RESTART if self.restart else RECYCLE, target)
        self.detail = reply.reason
        if reply.kind == ACCEPTED:
            self._to_ask = None
            self._asked = True
            return "ask_accepted"
        if reply.kind == JOINED:
            self._to_ask = None
            return "ask_joined"
        if reply.kind == MISSED:  # one that is another at each look is asked in no hurry
            self._to_ask = None
            return await self._wait("ask_missed")
        if reply.kind == REFUSED:
            self.error = reply.reason
            return "handover_refused"
        return await self._silent()

    def _not_replaced(self) -> str:
        assert self.health is not None
        if self.health.instance != self.target:
            return "older_worker_again" if self._asked else "older_worker"
        if self._asked:
            self.error = self.health.refusal
            return "handover_refused"
        return "called_off"

    async def _spawning(self) -> str:
        if self.attempts.child is not None:
            return await self._settled()
        self.seen = await self._system.probe()
        if self.seen.kind != h.DARK:
            await self._system.lock.release()
            return "not_dark"
        event = await self._data_held()
        if event:
            return event
        event = await self.attempts.spawn()
        self.detail = self.attempts.detail
        if event == "no_record":
            await self._system.lock.release()
        return event

    async def _data_held(self) -> str:
        """Look at the serve lock, under the spawn lock; "" when nobody runs the app."""
        there = await self._system.look_elsewhere()
        again, self._out_of_reach = self._out_of_reach, there.kind == h.OUT_OF_REACH
        if there.kind == h.DATA_FREE:
            return ""
        if there.health is not None and self.restart and not self._moved:
            self.seen = there
            self._to_ask = self._named(there.health)
            return "elsewhere_under_lock"
        waits = await self._system.pause()
        await self._system.lock.release()
        self.detail = there.detail
        if self._out_of_reach and again:  # its content is stale for a moment between lock and write
            self.error = there.detail
            return "data_held_elsewhere"
        return "data_held" if waits else "deadline_passed"

    async def _moving(self) -> str:
        """Have the worker elsewhere stopped, keeping the spawn lock throughout."""
        if self._to_ask is not None:
            reply = await self._system.ask(SHUTDOWN, self._to_ask)
            self.detail = self.error = reply.reason
            if reply.kind == ACCEPTED:
                self._to_ask = None
                self._moved = True
                self.error = ""
                return "move_asked"
            if reply.kind == MISSED:
                self._to_ask = None
                return "ask_missed"
        there = await self._system.look_elsewhere()
        if there.kind == h.DATA_FREE:
            return "serve_lock_free"
        if await self._system.pause():
            return "data_held"
        await self._system.lock.release()
        return "deadline_passed"

    async def _settled(self) -> str:
        child = self.attempts.unsettled
        event = await self.attempts.settle()
        if event == "child_deadline":
            return event
        self.detail = self.attempts.detail
        if self.detail:
            self.error = self.detail
        if event in RETRIED:
            return event
        await self._system.lock.release()
        if event == child_outcome.CHILD_LEFT:
            self.attempts.spend()
        outcome = self.attempts.outcome
        if event == child_outcome.CHILD_READY and outcome is not None:
            self.seen = outcome.seen
            older = not at_least(child.build.version, self.begun.wanted)
            if self.restart and (older or self.attempts.falls_back):
                return "older_child_ready"
        return event

    async def _look(self) -> str:
        """Probe, then judge a worker that serves against what is needed now.

        Where the own port is nobody's of ours, the worker may be elsewhere: an `ensure` judges it
        there like one at home, a `restart` has it moved.
        """
        self.seen = await self._system.probe()
        if self.seen.kind in (h.DARK, h.FOREIGN):
            there = await self._system.look_elsewhere()
            if there.health is not None:
                if self.restart and self.seen.kind == h.DARK:
                    return ELSEWHERE
                self.seen = there
        health = self.seen.health
        if health is None or self.seen.kind == h.WORKER_STARTING:
            return self.seen.kind
        record = await self._system.store.record()
        return judged(self.seen.kind, health, record, self.begun, self.restart)

    async def _launchable(self) -> str:
        if self.attempts.spent:
            return "launches_spent"
        return "port_dark" if await self._system.store.candidates() else "nothing_to_try"

    async def _wait_or_foreign(self, saw: str) -> str:
        if saw in (h.FOREIGN, h.NO_ADDRESS):
            self.detail = self.seen.detail if self.seen else ""
            return "port_foreign"
        if saw == h.WORKER_STARTING:
            return await self._wait("worker_starting")
        return await self._silent()

    def _worker_ended(self) -> None:
        self._asked = False  # the ask died with it
        self._to_ask = None

    def _aim(self, ask: bool) -> None:
        assert self.health is not None
        self.target = self.health.instance
        self._to_ask = self._named(self.health) if ask else None
        self.detail = f"pid={self.health.pid} version={self.health.version}"

    def _elsewhere(self) -> str:
        return "moved_already" if self._moved else "worker_elsewhere"

    @staticmethod
    def _named(health: Health) -> Target:
        return Target(health.instance, health.host, health.port)
