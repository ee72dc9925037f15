"""Leads one process up, through its service, out of it: the worker's driver."""

from __future__ import annotations

from collections.abc import Mapping

from ..lock.spawn_lock import HELD
from ..machine import states
from ..versions import at_least
from . import child_outcome
from .driver import Driver, Work
from .ports import (
    EXIT_LOST,
    EXIT_WRONG_VERSION,
    LOCK_REFUSED,
    RECYCLE,
    RESTART,
    SHUTDOWN,
    Child,
    ChildExit,
    Request,
    WorkerPort,
)

ATTEMPTS = 2  # the successor, then the last good build

_EXIT_CODES = {
    "listen_lost": EXIT_LOST,
    "token_gone": EXIT_LOST,
    "wrong_version": EXIT_WRONG_VERSION,
}


class WorkerDriver(Driver):
    """The one run of the worker's machine in this process.

    `managed` says that a service manager starts the worker again: it is not to be fought.
    """

    def __init__(
        self, port: WorkerPort, standby: bool, version: str, managed: bool = False
    ) -> None:
        initial = states.STANDBY if standby else states.IDLE
        super().__init__("worker", initial, port)
        self._port = port
        self._loaded = False
        self._version = version
        self._managed = managed
        self._why = RESTART
        self._unanswered: Request | None = None
        self._attempts = 0
        self._good_next = False
        self._still_ours = False
        self._child: Child | None = None
        self._ended: ChildExit | None = None

    def work(self) -> Mapping[str, Work]:
        """Give what to do in each state that is not final."""
        return {
            states.IDLE: self._idle,
            states.BOUND: self._writing_pid,
            states.STARTING: self._starting,
            states.STANDBY: self._standby,
            states.READY: self._ready,
            states.ADOPTED: self._writing_pid,
            states.VERIFIED: self._verified,
            states.LOCKING: self._locking,
            states.HANDING_OFF: self._handing_off,
            states.WARMING_UP: self._warming_up,
            states.DRAINING: self._draining,
            states.DRAINED: self._taking_app_down,
            states.APP_DOWN: self._removing_pid,
            states.PASSING_SOCKET: self._passing_socket,
            states.SPAWNING: self._spawning,
            states.AWAITING_CHILD: self._awaiting_child,
            states.AWAITING_SUCCESSOR: self._awaiting_successor,
            states.RESUMING: self._resuming,
            states.RESUMING_PID_WRITTEN: self._resuming_pid_written,
            states.STOPPING: self._draining,
            states.STOPPING_DRAINED: self._taking_app_down,
            states.STOPPING_APP_DOWN: self._removing_pid,
            states.STOPPING_PID_REMOVED: self._closing_for_good,
        }

    async def run(self) -> str:
        """Run until the process has nothing left to do and give the last event."""
        event = await super().run()
        await self._port.close()
        return event

    @property
    def exit_code(self) -> int:
        """What the process exits with, once the run is over."""
        if self.state != states.FAILED:
            return 0
        return _EXIT_CODES.get(self.last_event, 1)

    # Coming up.

    async def _idle(self) -> str:
        step = await self._port.listen()
        self.detail = step.reason
        return step.event

    async def _standby(self) -> str:
        step = await self._port.load()
        self.detail = step.reason
        if step.event == "imported":
            self._loaded = True
            await self._port.say_ready()
        return step.event

    async def _ready(self) -> str:
        step = await self._port.await_socket()
        self.detail = step.reason
        return step.event

    async def _writing_pid(self) -> str:
        if self.state == states.BOUND and await self._stop_was_asked():
            return "stop_asked"
        await self._port.write_pid()
        return "pid_written"

    async def _starting(self) -> str:
        if not self._loaded:
            step = await self._port.load()
            if step.event != "imported":
                return await self._not_started(step.event, step.reason)
            self._loaded = True
        step = await self._port.start_app()
        if step.event != "app_up":
            return await self._not_started(step.event, step.reason)
        if await self._stop_was_asked():
            await self._port.stop_app()
            return await self._not_started("stop_asked", "")
        await self._port.say_up()
        return "app_up"

    async def _not_started(self, event: str, reason: str) -> str:
        await self._port.remove_pid()
        self.detail = reason
        return event

    # Serving.

    async def _verified(self) -> str:
        ask = await self._port.next_ask()
        self.detail = ask.what
        if ask.what == SHUTDOWN:
            await self._port.accept_ask(ask)
            return "stop_asked"
        self._why = ask.what
        self._unanswered = ask
        await self._port.hold_lock_wait()
        return "handover_asked"

    async def _locking(self) -> str:
        if self._unanswered is not None:
            await self._port.accept_ask(self._unanswered)
            self._unanswered = None
        ask = await self._port.poll_ask()
        if ask is not None:
            return await self._asked_again(ask)
        if self._why == RECYCLE and await self._is_current():
            return "is_current"
        result = await self._port.acquire()
        self.detail = result.reason
        if result.event == LOCK_REFUSED:
            await self._port.refuse(result.reason)
        elif result.event == HELD and not await self._port.pause():
            await self._port.refuse(f"the spawn lock was held all the while: {result.reason}")
            return "lock_wait_over"
        return result.event

    async def _asked_again(self, ask: Request) -> str:
        await self._port.accept_ask(ask)
        self.detail = ask.what
        if ask.what == SHUTDOWN:
            return "stop_asked"
        if ask.what == RESTART:
            self._why = RESTART
        return "handover_asked"

    async def _is_current(self) -> bool:
        record = await self._port.record()
        recorded = record.recorded if record else None
        return recorded is not None and at_least(self._version, recorded.version)

    async def _handing_off(self) -> str:
        self._attempts = 0
        self._good_next = False
        if self._managed:
            return "left_to_manager"
        record = await self._port.record()
        if record is None or record.recorded is None:
            await self._port.refuse("no launch record that this worker can read")
            await self._port.release()
            return "record_unusable"
        build = record.recorded
        if not await self._port.can_pass_socket(build):
            return "rebind_chosen"
        self._child = await self._port.spawn(build, standby=True)
        self.detail = f"pid={self._child.pid} version={build.version}"
        return "standby_spawned"

    async def _warming_up(self) -> str:
        child = self._the_child()
        said = await self._port.warm_up(child)
        if isinstance(said, Request):
            if said.what == SHUTDOWN:
                await self._port.kill(child)
                await self._port.release()
            return await self._asked_again(said)
        if said.ready:
            return "standby_ready"
        ended = await self._port.kill(child) if said.late else said
        word = child_outcome.verdict(ended)
        self.detail = child_outcome.reason(ended)
        await self._port.refuse(f"the successor {self.detail}")
        if word == child_outcome.CHILD_FAILED:
            await child_outcome.keep_record(self._port, child, ended)
        await self._port.release()
        self._child = None
        return "standby_failed" if word == child_outcome.CHILD_FAILED else "standby_gone"

    # Leaving.

    async def _draining(self) -> str:
        await self._port.drain()
        return "drained"

    async def _taking_app_down(self) -> str:
        await self._port.stop_app()
        return "app_down"

    async def _removing_pid(self) -> str:
        await self._port.remove_pid()
        return "pid_removed"

    async def _closing(self) -> str:
        await self._port.close()
        return "closed"

    async def _closing_for_good(self) -> str:
        await self._port.close()
        if self._managed:
            await self._port.release()
        return "closed"

    async def _passing_socket(self) -> str:
        if self._child is None:
            return await self._closing()
        if await self._port.pass_socket(self._child):
            return "socket_passed"
        ended = await self._port.kill(self._child)
        self.detail = child_outcome.reason(ended)
        await self._port.refuse(f"the successor {self.detail}")
        self._child = None
        return "standby_gone"

    async def _spawning(self) -> str:
        if await self._stop_was_asked():
            await self._port.release()
            return "stop_asked"
        record = await self._port.record()
        build = record and (record.good if self._good_next else record.recorded)
        if build is None:
            await self._port.release()
            return "no_record"
        self._attempts += 1
        self._child = await self._port.spawn(build, standby=False)
        self.detail = f"pid={self._child.pid} version={build.version}"
        return "spawned"

    async def _awaiting_child(self) -> str:
        event = await self._settle()
        if event not in (child_outcome.CHILD_FAILED, child_outcome.CHILD_KILLED):
            return event
        if event == child_outcome.CHILD_FAILED:
            self._good_next = True
        if self._still_ours and self._attempts < ATTEMPTS:
            return event
        await self._port.release()
        return f"{event}_last"

    async def _awaiting_successor(self) -> str:
        event = await self._settle()
        if event == child_outcome.CHILD_LOST:
            return child_outcome.CHILD_KILLED
        return event

    async def _settle(self) -> str:
        """Wait for the child's fate; release unless somebody has to come after it."""
        child = self._the_child()
        if self._ended is None:
            self._ended = await self._port.watch(child)
            if self._ended.late:
                self._ended = await self._port.kill(child)
                return "child_deadline"
        ended = self._ended
        self._child = self._ended = None
        word = child_outcome.verdict(ended)
        self._still_ours = await child_outcome.keep_record(self._port, child, ended)
        if word in (child_outcome.CHILD_FAILED, child_outcome.CHILD_KILLED):
            self.detail = child_outcome.reason(ended)
            await self._port.refuse(f"the successor {self.detail}")
        elif word != child_outcome.CHILD_LOST or self.state == states.AWAITING_CHILD:
            await self._port.release()
        return word

    async def _resuming(self) -> str:
        if await self._stop_was_asked():
            await self._port.release()
            return "stop_asked"
        await self._port.write_pid()
        return "pid_written"

    async def _resuming_pid_written(self) -> str:
        step = await self._port.start_app()
        if step.event != "app_up":
            await self._port.release()
            await self._port.remove_pid()
            self.detail = step.reason
            return "app_failed"
        await self._port.release()
        await self._port.accept_again()
        return "app_up"

    async def _stop_was_asked(self) -> bool:
        stop = False
        while (ask := await self._port.poll_ask()) is not None:
            await self._port.accept_ask(ask)
            stop = stop or ask.what == SHUTDOWN
        return stop

    def _the_child(self) -> Child:
        assert self._child is not None
        return self._child
