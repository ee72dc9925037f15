"""Brings one process from its first step to an app that is up."""

from __future__ import annotations

from ..machine import states
from .driver import Driver, Work
from .ports import SHUTDOWN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .worker_ports import WorkerPort


class ComingUp(Driver):
    """The worker's run until it serves: it listens itself, or is given the socket as a standby."""

    def __init__(self, port: WorkerPort, standby: bool) -> None:
        super().__init__("worker", states.STANDBY if standby else states.IDLE, port)
        self._port = port
        self._loaded = False

    def work(self) -> dict[str, Work]:
        """Give what to do in each state before the app is up."""
        return {
            states.IDLE: self._idle,
            states.BOUND: self._naming,
            states.NAMED: self._writing_pid,
            states.STARTING: self._starting,
            states.STANDBY: self._standby,
            states.READY: self._ready,
            states.ADOPTED: self._naming,
        }

    async def _idle(self) -> str:
        step = await self._port.address.listen()
        self.detail = step.reason
        return step.event

    async def _standby(self) -> str:
        step = await self._port.app.load()
        self.detail = step.reason
        if step.event == "imported":
            self._loaded = True
            await self._port.parent.say_ready()
        return step.event

    async def _ready(self) -> str:
        step = await self._port.parent.await_socket()
        self.detail = step.reason
        return step.event

    async def _naming(self) -> str:
        """Name ourselves as who runs the app; a successor takes what it was not given."""
        if self.state == states.ADOPTED:
            step = await self._port.address.take_data()
            self.detail = step.reason
            if step.event == "data_held":
                return step.event
        await self._port.address.name_holder()
        return "named"

    async def _writing_pid(self) -> str:
        if await self._stop_was_asked():
            return "stop_asked"
        await self._port.address.write_pid()
        return "pid_written"

    async def _starting(self) -> str:
        if not self._loaded:
            step = await self._port.app.load()
            if step.event != "imported":
                return await self._not_started(step.event, step.reason)
            self._loaded = True
        step = await self._port.app.start_app()
        if step.event != "app_up":
            return await self._not_started(step.event, step.reason)
        if await self._stop_was_asked():
            await self._port.app.stop_app()
            return await self._not_started("stop_asked", "")
        await self._port.parent.say_up()
        return "app_up"

    async def _not_started(self, event: str, reason: str) -> str:
        await self._port.address.remove_pid()
        self.detail = reason
        return event

    async def _stop_was_asked(self) -> bool:
        stop = False
        while (ask := await self._port.requests.poll_ask()) is not None:
            await self._port.requests.accept_ask(ask)
            stop = stop or ask.what == SHUTDOWN
        return stop
