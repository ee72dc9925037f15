"""Leads one process up, through its service, out of it: the worker's driver."""

from __future__ import annotations

from ..lock.spawn_lock import HELD
from ..machine import states
from ..versions import at_least
from . import child_outcome
from .coming_up import ComingUp
from .driver import Work
from .launch_attempts import RETRIED, LaunchAttempts
from .ports import (
    EXIT_LOST,
    EXIT_WRONG_VERSION,
    IDLE,
    LOCK_REFUSED,
    RECYCLE,
    RESTART,
    SETTLED,
    SHUTDOWN,
    Request,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .worker_ports import WorkerPort

_EXIT_CODES = {
    "listen_lost": EXIT_LOST,
    "token_gone": EXIT_LOST,
    "data_held": EXIT_LOST,
    "wrong_version": EXIT_WRONG_VERSION,
}


class WorkerDriver(ComingUp):
    """The one run of the worker's machine in this process.

    `managed` says that a service manager starts the worker again: it is not to be fought.
    """

    def __init__(
        self, port: WorkerPort, standby: bool, version: str, managed: bool = False
    ) -> None:
        super().__init__(port, standby)
        self._version = version
        self._managed = managed
        self.why = RESTART
        self._unanswered: Request | None = None
        self.attempts = LaunchAttempts(port)

    def work(self) -> dict[str, Work]:
        """Give what to do in each state that is not final."""
        return super().work() | {
            states.VERIFIED: self._verified,
            states.LOCKING: self._locking,
            states.HANDING_OFF: self._handing_off,
            states.WARMING_UP: self._warming_up,
            states.DRAINING: self._draining,
            states.DRAINED: self._taking_app_down,
            states.APP_DOWN: self._removing_pid,
            states.PASSING_SOCKET: self._passing_socket,
            states.CLOSING: self._closing,
            states.SPAWNING: self._spawning,
            states.AWAITING_CHILD: self._awaiting_child,
            states.AWAITING_SUCCESSOR: self._awaiting_successor,
            states.RESUMING: self._resuming,
            states.RESUMING_NAMED: self._resuming_named,
            states.RESUMING_PID_WRITTEN: self._resuming_pid_written,
            states.STOPPING: self._draining,
            states.STOPPING_DRAINED: self._taking_app_down,
            states.STOPPING_APP_DOWN: self._removing_pid,
            states.STOPPING_PID_REMOVED: self._closing_for_good,
        }

    async def run(self) -> str:
        """Run until the process has nothing left to do and give the last event."""
        event = await super().run()
        await self._port.address.close()
        return event

    @property
    def exit_code(self) -> int:
        """What the process exits with, once the run is over."""
        if self.state != states.FAILED:
            return 0
        return _EXIT_CODES.get(self.last_event, 1)

    # Serving.

    async def _verified(self) -> str:
        ask = await self._port.requests.next_ask()
        self.detail = ask.what
        if ask.what == SHUTDOWN:
            await self._port.requests.accept_ask(ask)
            return "stop_asked"
        if ask.what == IDLE:
            return "idle_over"
        if ask.what == SETTLED:
            await self._port.address.settle()
            return "settled"
        self.why = ask.what
        self._unanswered = ask
        await self._port.hold_lock_wait()
        return "handover_asked"

    async def _locking(self) -> str:
        if self._unanswered is not None:
            await self._port.requests.accept_ask(self._unanswered)
            self._unanswered = None
        ask = await self._port.requests.poll_ask()
        if ask is not None:
            return await self._asked_again(ask)
        if self.why == RECYCLE and await self._is_current():
            return "is_current"
        result = await self._port.lock.acquire()
        self.detail = result.reason
        if result.event == LOCK_REFUSED:
            await self._port.refuse(result.reason)
        elif result.event == HELD and not await self._port.pause():
            await self._port.refuse(f"the spawn lock was held all the while: {result.reason}")
            return "lock_wait_over"
        return result.event

    async def _asked_again(self, ask: Request, joined: bool = False) -> str:
        await self._port.requests.accept_ask(ask, joined and ask.what != SHUTDOWN)
        self.detail = ask.what
        if ask.what == SHUTDOWN:
            return "stop_asked"
        if ask.what == RESTART:
            self.why = RESTART
        return "handover_asked"

    async def _is_current(self) -> bool:
        record = await self._port.store.record()
        recorded = record.recorded if record else None
        return recorded is not None and at_least(self._version, recorded.version)

    async def _handing_off(self) -> str:
        self.attempts.begin()
        if self._managed:
            return "left_to_manager"
        event = await self.attempts.spawn_standby(self._port.children.can_pass_socket)
        if event == "no_record":
            await self._port.refuse("no launch record that this worker can read")
            await self._port.lock.release()
            return "record_unusable"
        if event == "unfit":
            return "rebind_chosen"
        self.detail = self.attempts.detail
        return "standby_spawned"

    async def _warming_up(self) -> str:
        said = await self._port.children.warm_up(self.attempts.unsettled)
        if isinstance(said, Request):
            if said.what == SHUTDOWN:
                await self.attempts.kill()
                await self._port.lock.release()
            return await self._asked_again(said, joined=True)
        if said.ready:
            return "standby_ready"
        event = await self.attempts.settle_standby(said)
        await self._refuse_for_standby()
        await self._port.lock.release()
        return event

    async def _refuse_for_standby(self) -> None:
        self.detail = self.attempts.detail
        await self._port.refuse(f"the successor {self.detail}")

    # Leaving.

    async def _draining(self) -> str:
        if await self._port.children.drain(self.attempts.child):
            return "drained"
        # The app is still up, the PID file stands: to accept again is all it takes.
        event = await self.attempts.settle_standby()
        await self._refuse_for_standby()
        await self._port.app.accept_again()
        await self._port.lock.release()
        return event

    async def _taking_app_down(self) -> str:
        await self._port.app.stop_app()
        return "app_down"

    async def _removing_pid(self) -> str:
        await self._port.address.remove_pid()
        return "pid_removed" if self.attempts.child is None else "pid_removed_to_pass"

    async def _closing(self) -> str:
        await self._port.address.free_data()
        await self._port.address.close()
        return "closed"

    async def _closing_for_good(self) -> str:
        await self._port.address.free_data()
        await self._port.address.close()
        if self._managed:
            await self._port.lock.release()
        return "closed"

    async def _passing_socket(self) -> str:
        if await self._port.children.pass_socket(self.attempts.unsettled):
            return "socket_passed"
        event = await self.attempts.settle_standby()
        await self._refuse_for_standby()
        return event

    async def _spawning(self) -> str:
        if await self._stop_was_asked():
            await self._port.lock.release()
            return "stop_asked"
        event = await self.attempts.spawn()
        self.detail = self.attempts.detail
        if event == "no_record":
            await self._port.lock.release()
        return event

    async def _awaiting_child(self) -> str:
        event = await self._settled()
        if event not in RETRIED and event != "child_deadline":
            await self._port.lock.release()
        return event

    async def _awaiting_successor(self) -> str:
        """Wait for the successor's fate; what we keep of the port goes before the lock does."""
        event = (await self._settled()).removesuffix("_last")
        if event in RETRIED or event == "child_deadline":
            return event
        if event == child_outcome.CHILD_LOST:
            return child_outcome.CHILD_KILLED
        await self._port.address.close()
        await self._port.lock.release()
        return event

    async def _settled(self) -> str:
        event = await self.attempts.settle()
        self.detail = self.attempts.detail
        if event.removesuffix("_last") in RETRIED:
            await self._port.refuse(f"the successor {self.detail}")
        return event

    async def _resuming(self) -> str:
        if await self._stop_was_asked():
            await self._port.lock.release()
            return "stop_asked"
        await self._port.address.name_holder()
        return "named"

    async def _resuming_named(self) -> str:
        await self._port.address.write_pid()
        return "pid_written"

    async def _resuming_pid_written(self) -> str:
        step = await self._port.app.start_app()
        if step.event != "app_up":
            await self._port.lock.release()
            await self._port.address.remove_pid()
            self.detail = step.reason
            return "app_failed"
        await self._port.lock.release()
        await self._port.app.accept_again()
        return "app_up"
