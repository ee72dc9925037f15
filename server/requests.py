"""What is asked of the worker, in order, with the answers that are owed."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from incumbent.lifecycle.drivers.ports import IDLE, SETTLED, SHUTDOWN, Request


class Requests:
    """The asks that nobody has taken yet, and those that are not answered yet."""

    def __init__(self) -> None:
        self.is_idle: Callable[[], bool] = lambda: False  # whether the worker was unused too long
        self.is_settled: Callable[[], bool] = lambda: False  # whether it has served for a while
        self._told_settled = False
        self._asks: deque[Request] = deque()
        self._futures: dict[int, asyncio.Future[bool]] = {}
        self._number = 0
        self._asked = asyncio.Event()

    def ask(self, what: str) -> asyncio.Future[bool]:
        """Put an ask before the worker; done when it may be answered, true for a joined one."""
        self._number += 1
        future = asyncio.get_running_loop().create_future()
        self._futures[self._number] = future
        self._asks.append(Request(what, self._number))
        self._asked.set()
        return future

    def hear_signals(self) -> None:
        """Let SIGTERM and SIGINT ask for a stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask, SHUTDOWN)

    async def next_ask(self) -> Request:
        """Wait until something is asked of the worker, nobody used it for too long, or it settled.

        It settles once.
        """
        while not self._asks:
            if self._settles():
                self._told_settled = True
                return Request(SETTLED)
            if self.is_idle():
                return Request(IDLE)
            await self.something_new()
        return self._asks.popleft()

    async def poll_ask(self) -> Request | None:
        """Give what was asked meanwhile, if anything."""
        await asyncio.sleep(0)
        return self.taken()

    async def accept_ask(self, ask: Request, joined: bool = False) -> None:
        """Let the 202 out; the state that tells of it is already seen in health."""
        future = self._futures.pop(ask.number, None)
        if future is not None and not future.done():
            future.set_result(joined)

    async def accept_all(self, joined: bool) -> None:
        """Let every 202 out that is owed."""
        for number in list(self._futures):
            await self.accept_ask(Request("", number), joined)

    def tick(self) -> None:
        """Look again whether the worker was unused for too long, or has settled."""
        if self.is_idle() or self._settles():
            self._asked.set()

    def _settles(self) -> bool:
        return not self._told_settled and self.is_settled()

    def taken(self) -> Request | None:
        """Take the next ask, if there is one."""
        return self._asks.popleft() if self._asks else None

    @property
    def waiting(self) -> bool:
        """Whether there is an ask that nobody has taken."""
        return bool(self._asks)

    def something_new(self) -> Coroutine[Any, Any, bool]:
        """Wait until something is asked after this call."""
        self._asked.clear()  # now, not when the waiting begins: what is asked between would be lost
        return self._asked.wait()

    def something(self) -> Coroutine[Any, Any, bool]:
        """Wait until something is asked, or was since the last look for something new."""
        return self._asked.wait()
