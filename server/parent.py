"""The worker's end of the pair that joins it to the process that spawned it."""

from __future__ import annotations

import asyncio
import contextlib

from incumbent.lifecycle.drivers.ports import StepResult
from incumbent.lifecycle.posix.child_process import READY_BYTE, UP_BYTE

from .by_hand import ByHand
from .listening import Listening
from .process import socket_passing
from .process.spawn_context import SpawnContext
from .process.watchdog import Watchdog
from .requests import Requests


class Parent:
    """Whoever spawned this worker, as far as it is told something, or passes something on."""

    def __init__(
        self,
        context: SpawnContext,
        listening: Listening,
        requests: Requests,
        by_hand: ByHand,
        watchdog: Watchdog,
    ) -> None:
        self._context, self._listening, self._requests = context, listening, requests
        self._by_hand, self._watchdog = by_hand, watchdog

    async def say_ready(self) -> None:
        """Tell the parent that the standby is ready."""
        self._watchdog.call_off()
        self._tell(READY_BYTE)

    async def say_up(self) -> None:
        """Tell the parent, in a byte that outlives us, that we are about to answer ok."""
        self._tell(UP_BYTE)
        self._listening.is_ours_alone()  # whoever passed us the socket never takes it back now
        await self._by_hand.came_up()

    def _tell(self, byte: bytes) -> None:
        if self._context.pipe is not None:
            with contextlib.suppress(OSError):
                self._context.pipe.send(byte)

    async def await_socket(self) -> StepResult:
        """Wait for the socket, the end of the parent, or a stop."""
        assert self._context.pipe is not None
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        loop.add_reader(self._context.pipe, came.set)
        asked = asyncio.ensure_future(self._requests.something())
        coming = asyncio.ensure_future(came.wait())
        await asyncio.wait({asked, coming}, return_when=asyncio.FIRST_COMPLETED)
        loop.remove_reader(self._context.pipe)
        asked.cancel()
        coming.cancel()
        if self._requests.waiting and not came.is_set():
            return StepResult("stop_asked")
        received = socket_passing.receive(self._context.pipe)
        if received is None:
            return StepResult("pipe_closed")
        self._listening.adopt(received)
        return StepResult("socket_received")

    def hang_up(self) -> None:
        """Close our end: nothing is owed any more."""
        if self._context.pipe is not None:
            self._context.pipe.close()
            self._context.pipe = None
