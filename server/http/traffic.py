"""What is under way on the connections of one server, as they tell it themselves."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from .protocol import HttpConnection, Request
from .sessions import Session

NO_USE = ("/api/health", "/api/readiness")


class Traffic:
    """Every connection, what is in flight on it, which heads have only begun.

    `settled` is set whenever something has ended; `when_idle` is called with each connection that
    has finished its response.
    """

    def __init__(self, connections: set[Any]) -> None:
        self.connections = connections
        self.in_flight: dict[asyncio.Task[None], Request | Session] = {}
        self.half_open: dict[HttpConnection, float] = {}  # the longest first
        self.settled = asyncio.Event()
        self.when_idle: Callable[[Any], None] | None = None
        self._used = time.monotonic()
        self.was_cut = False  # whether something in flight was cut off

    def ended(self, task: asyncio.Task[None]) -> None:
        """Take note that the task of a request has ended, which may outlive its response."""
        request = self.in_flight.pop(task, None)
        if request is not None and request.path not in NO_USE:
            self._used = time.monotonic()
        self.settled.set()

    def used(self) -> None:
        """Take note that the app is used, by something else than a request."""
        self._used = time.monotonic()

    def unused(self) -> float:
        """Give for how many seconds nobody asked anything but how the worker is."""
        if any(request.path not in NO_USE for request in self.in_flight.values()):
            self._used = time.monotonic()
        return time.monotonic() - self._used

    def turned_idle(self, connection: Any) -> None:
        """Let a connection go that has just finished its response while we are leaving."""
        self.settled.set()
        if self.when_idle is not None:
            asyncio.get_running_loop().call_soon(self.when_idle, connection)

    def head_began(self, connection: HttpConnection) -> None:
        """Take note of a head that is not whole yet."""
        self.half_open[connection] = asyncio.get_running_loop().time()

    def head_ended(self, connection: HttpConnection) -> None:
        """Take note that it is whole, or given up."""
        self.half_open.pop(connection, None)

    def idle(self) -> Iterable[HttpConnection]:
        """Give the connections on which nothing is under way."""
        return (
            connection
            for connection in list(self.connections)
            if isinstance(connection, HttpConnection)
            and connection.is_idle
            and not connection.transport.is_closing()
        )

    def close_idle(self, limit: float) -> None:
        """Close the connections that had an answer and said nothing for `limit` seconds since."""
        for connection in self.idle():
            if connection.idle_since and connection.loop.time() - connection.idle_since > limit:
                connection.shutdown()

    def that_hold_up(self) -> list[Request | Session]:
        """Give the requests that end by themselves, for which others would have to wait."""
        return [r for r in self.in_flight.values() if not (r.is_stream or r.is_stalled)]

    def are_sending(self) -> bool:
        """Whether a client has not taken all of an answer that is complete."""
        streams = {r.connection for r in self.in_flight.values() if r.is_stream}
        left = self.connections - streams
        return any(connection.transport.get_write_buffer_size() for connection in left)

    async def all_gone(self) -> None:
        """Wait until there is no connection left, and nothing in flight."""
        while self.connections or self.in_flight:
            self.settled.clear()
            await self.settled.wait()

    def cut(self) -> None:
        """Cut off whatever is left, at once."""
        for connection in list(self.connections):
            connection.transport.abort()
        self.was_cut = self.was_cut or bool(self.in_flight)
        for task in list(self.in_flight):
            task.cancel()


def told(what: str, requests: Iterable[Request | Session]) -> list[str]:
    """Give the sentence on these requests, by their paths, if there are any."""
    counts = Counter(request.path for request in requests)
    if not counts:
        return []
    paths = [f"{path} ({count})" for path, count in sorted(counts.items())]
    return [f"{what} {', '.join(paths)}"]
