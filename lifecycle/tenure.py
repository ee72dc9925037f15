"""Leads one process into office, through it, out of it: the worker's driver."""

from __future__ import annotations

from collections.abc import Mapping

from . import settling, states
from .driver import Driver, Work
from .lock import HELD
from .system import (
    EXIT_LOST,
    EXIT_WRONG_VERSION,
    LOCK_REFUSED,
    RECYCLE,
    RESTART,
    SHUTDOWN,
    Ask,
    Child,
    Ended,
    Office,
)
from .versions import at_least

ATTEMPTS = 2  # the successor, then the last good build

_EXIT_CODES = {
    "listen_lost": EXIT_LOST,
    "lease_gone": EXIT_LOST,
    "wrong_version": EXIT_WRONG_VERSION,
}


class Tenure(Driver):
    """The one run of the worker's machine in this process.

    `managed` says that a service manager starts the worker again: it is not to be fought.
    """

    def __init__(
        self, office: Office, understudy: bool, version: str, managed: bool = False
    ) -> None:
        initial = states.UNDERSTUDY if understudy else states.IDLE
        super().__init__("worker", initial, office)
        self._office = office
        self._loaded = False
        self._version = version
        self._managed = managed
        self._why = RESTART
        self._unanswered: Ask | None = None
        self._attempts = 0
        self._good_next = False
        self._still_ours = False
        self._child: Child | None = None
        self._ended: Ended | None = None

    def work(self) -> Mapping[str, Work]:
        """Give what to do in each state that is not final."""
        return {
            states.IDLE: self._idle,
            states.BOUND: self._list_pid,
            states.STARTING: self._starting,
            states.UNDERSTUDY: self._understudy,
            states.READY: self._ready,
            states.ADOPTED: self._list_pid,
            states.VERIFIED: self._verified,
            states.LOCKING: self._locking,
            states.HANDING_OFF: self._handing_off,
            states.REHEARSING: self._rehearsing,
            states.DRAINING: self._draining,
            states.DRAINED: self._taking_app_down,
            states.APP_DOWN: self._removing_pid,
            states.OFFERING: self._offering,
            states.SPAWNING: self._spawning,
            states.TENDING: self._tending,
            states.SHEPHERDING: self._shepherding,
            states.RESUMING: self._resuming,
            states.RESUMING_LISTED: self._resuming_listed,
            states.STOPPING: self._draining,
            states.STOPPING_DRAINED: self._taking_app_down,
            states.STOPPING_APP_DOWN: self._removing_pid,
            states.STOPPING_UNLISTED: self._closing_for_good,
        }

    async def run(self) -> str:
        """Run until the process has nothing left to do and give the last event."""
        event = await super().run()
        await self._office.close()
        return event

    @property
    def exit_code(self) -> int:
        """What the process exits with, once the run is over."""
        if self.state != states.FAILED:
            return 0
        return _EXIT_CODES.get(self.last_event, 1)

    # Into office.

    async def _idle(self) -> str:
        step = await self._office.listen()
        self.facts = step.reason
        return step.event

    async def _understudy(self) -> str:
        step = await self._office.load()
        self.facts = step.reason
        if step.event == "imported":
            self._loaded = True
            await self._office.say_ready()
        return step.event

    async def _ready(self) -> str:
        step = await self._office.await_baton()
        self.facts = step.reason
        return step.event

    async def _list_pid(self) -> str:
        if self.state == states.BOUND and await self._stop_was_asked():
            return "stop_asked"
        await self._office.write_pid()
        return "pid_written"

    async def _starting(self) -> str:
        if not self._loaded:
            step = await self._office.load()
            if step.event != "imported":
                return await self._not_started(step.event, step.reason)
            self._loaded = True
        step = await self._office.start_app()
        if step.event != "app_up":
            return await self._not_started(step.event, step.reason)
        if await self._stop_was_asked():
            await self._office.stop_app()
            return await self._not_started("stop_asked", "")
        await self._office.say_up()
        return "app_up"

    async def _not_started(self, event: str, reason: str) -> str:
        await self._office.remove_pid()
        self.facts = reason
        return event

    # In office.

    async def _verified(self) -> str:
        ask = await self._office.next_ask()
        self.facts = ask.what
        if ask.what == SHUTDOWN:
            await self._office.accept_ask(ask)
            return "stop_asked"
        self._why = ask.what
        self._unanswered = ask
        await self._office.hold_lock_wait()
        return "handover_asked"

    async def _locking(self) -> str:
        if self._unanswered is not None:
            await self._office.accept_ask(self._unanswered)
            self._unanswered = None
        ask = await self._office.poll_ask()
        if ask is not None:
            return await self._asked_again(ask)
        if self._why == RECYCLE and await self._is_current():
            return "is_current"
        claim = await self._office.acquire()
        self.facts = claim.reason
        if claim.event == LOCK_REFUSED:
            await self._office.refuse(claim.reason)
        elif claim.event == HELD and not await self._office.pause():
            await self._office.refuse(f"the spawn lock was held all the while: {claim.reason}")
            return "lock_wait_over"
        return claim.event

    async def _asked_again(self, ask: Ask) -> str:
        await self._office.accept_ask(ask)
        self.facts = ask.what
        if ask.what == SHUTDOWN:
            return "stop_asked"
        if ask.what == RESTART:
            self._why = RESTART
        return "handover_asked"

    async def _is_current(self) -> bool:
        record = await self._office.record()
        recorded = record.recorded if record else None
        return recorded is not None and at_least(self._version, recorded.version)

    async def _handing_off(self) -> str:
        self._attempts = 0
        self._good_next = False
        if self._managed:
            return "left_to_manager"
        record = await self._office.record()
        if record is None or record.recorded is None:
            await self._office.refuse("no launch record that this worker can read")
            await self._office.release()
            return "record_unusable"
        build = record.recorded
        if not await self._office.can_pass_socket(build):
            return "rebind_chosen"
        self._child = await self._office.spawn(build, understudy=True)
        self.facts = f"pid={self._child.pid} version={build.version}"
        return "understudy_spawned"

    async def _rehearsing(self) -> str:
        child = self._the_child()
        said = await self._office.rehearse(child)
        if isinstance(said, Ask):
            if said.what == SHUTDOWN:
                await self._office.kill(child)
                await self._office.release()
            return await self._asked_again(said)
        if said.ready:
            return "understudy_ready"
        ended = await self._office.kill(child) if said.late else said
        word = settling.verdict(ended)
        self.facts = settling.reason(ended)
        await self._office.refuse(f"the successor {self.facts}")
        if word == settling.FAILED:
            await settling.keep_record(self._office, child, ended)
        await self._office.release()
        self._child = None
        return "understudy_failed" if word == settling.FAILED else "understudy_gone"

    # Out of office.

    async def _draining(self) -> str:
        await self._office.drain()
        return "drained"

    async def _taking_app_down(self) -> str:
        await self._office.stop_app()
        return "app_down"

    async def _removing_pid(self) -> str:
        await self._office.remove_pid()
        return "pid_removed"

    async def _closing(self) -> str:
        await self._office.close()
        return "closed"

    async def _closing_for_good(self) -> str:
        await self._office.close()
        if self._managed:
            await self._office.release()
        return "closed"

    async def _offering(self) -> str:
        if self._child is None:
            return await self._closing()
        if await self._office.pass_baton(self._child):
            return "baton_passed"
        ended = await self._office.kill(self._child)
        self.facts = settling.reason(ended)
        await self._office.refuse(f"the successor {self.facts}")
        self._child = None
        return "understudy_gone"

    async def _spawning(self) -> str:
        if await self._stop_was_asked():
            await self._office.release()
            return "stop_asked"
        record = await self._office.record()
        build = record and (record.good if self._good_next else record.recorded)
        if build is None:
            await self._office.release()
            return "no_record"
        self._attempts += 1
        self._child = await self._office.spawn(build, understudy=False)
        self.facts = f"pid={self._child.pid} version={build.version}"
        return "spawned"

    async def _tending(self) -> str:
        event = await self._settle()
        if event not in (settling.FAILED, settling.KILLED):
            return event
        if event == settling.FAILED:
            self._good_next = True
        if self._still_ours and self._attempts < ATTEMPTS:
            return event
        await self._office.release()
        return f"{event}_last"

    async def _shepherding(self) -> str:
        event = await self._settle()
        if event == settling.LOST:
            return settling.KILLED
        return event

    async def _settle(self) -> str:
        """Wait for the child's fate; release unless somebody has to come after it."""
        child = self._the_child()
        if self._ended is None:
            self._ended = await self._office.watch(child)
            if self._ended.late:
                self._ended = await self._office.kill(child)
                return "child_deadline"
        ended = self._ended
        self._child = self._ended = None
        word = settling.verdict(ended)
        self._still_ours = await settling.keep_record(self._office, child, ended)
        if word in (settling.FAILED, settling.KILLED):
            self.facts = settling.reason(ended)
            await self._office.refuse(f"the successor {self.facts}")
        elif word != settling.LOST or self.state == states.TENDING:
            await self._office.release()
        return word

    async def _resuming(self) -> str:
        if await self._stop_was_asked():
            await self._office.release()
            return "stop_asked"
        await self._office.write_pid()
        return "pid_written"

    async def _resuming_listed(self) -> str:
        step = await self._office.start_app()
        if step.event != "app_up":
            await self._office.release()
            await self._office.remove_pid()
            self.facts = step.reason
            return "app_failed"
        await self._office.release()
        await self._office.accept_again()
        return "app_up"

    async def _stop_was_asked(self) -> bool:
        stop = False
        while (ask := await self._office.poll_ask()) is not None:
            await self._office.accept_ask(ask)
            stop = stop or ask.what == SHUTDOWN
        return stop

    def _the_child(self) -> Child:
        assert self._child is not None
        return self._child
