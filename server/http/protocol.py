"""uvicorn's protocols, made to tell their host what becomes of each request."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple, Protocol

import h11

from .uvicorn_parts import H11Protocol, RequestResponseCycle

HEAD_S = 5.0  # a request's head is whole within this time from its first byte
STALLED_S = 1.0  # a body of which nothing came for so long is half a request
EVENT_STREAM = b"text/event-stream"
TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # RFC 9110
)


class Listener(Protocol):
    """Who is told."""

    def began(self, task: asyncio.Task[None], request: Request) -> None:
        """Take note of a request whose head is whole."""

    def ended(self, task: asyncio.Task[None]) -> None:
        """Take note that the task of a request has ended, which may outlive its response."""

    def turned_idle(self, connection: Any) -> None:
        """Take note that a response is complete, or a connection lost."""

    def head_began(self, connection: HttpConnection) -> None:
        """Take note of a head that is not whole yet."""

    def head_ended(self, connection: HttpConnection) -> None:
        """Take note that it is whole, or given up."""


class Request(NamedTuple):
    """A request in flight; a websocket has no `cycle`."""

    connection: Any
    cycle: Any
    since: float

    @property
    def path(self) -> str:
        """The path as it was asked for, fit to be printed."""
        scope = self.cycle.scope if self.cycle is not None else self.connection.scope
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        return raw.decode("ascii", "backslashreplace")[:200]

    @property
    def is_stream(self) -> bool:
        """Whether it goes on until somebody ends it, and its client connects again by nature."""
        if self.connection.transport.is_closing():
            return False
        if self.cycle is None:
            return True
        return self.cycle.is_event_stream and not (
            self.cycle.response_complete or self.cycle.disconnected
        )

    @property
    def is_stalled(self) -> bool:
        """Whether its client has stopped in the middle of the body, before an answer began."""
        cycle, connection = self.cycle, self.connection
        return (
            cycle is not None
            and cycle.more_body
            and not (cycle.response_started or cycle.disconnected or connection.flow.read_paused)
            and connection.loop.time() - connection.heard_at > STALLED_S
        )


class _Tasks:
    """Takes the place of the set in which uvicorn keeps the tasks of all requests."""

    __slots__ = ("_connection", "_owner")

    def __init__(self, owner: Listener, connection: Any) -> None:
        self._owner, self._connection = owner, connection

    def add(self, task: asyncio.Task[None]) -> None:
        """Take note of a task that was just made."""
        connection = self._connection
        cycle = getattr(connection, "cycle", None)
        if cycle is not None:
            cycle.__class__ = _Cycle
        self._owner.began(task, Request(connection, cycle, connection.loop.time()))

    def discard(self, task: asyncio.Task[None]) -> None:
        """Take note of the end of a task."""
        self._owner.ended(task)


class _Cycle(RequestResponseCycle):
    """uvicorn's request and response, which knows what kind of response it is."""

    is_event_stream = False  # of a GET: what answers a POST so has a result at its end

    async def send(self, message: Any) -> None:
        if not self.response_started and self.scope["method"] == "GET":
            for name, value in message.get("headers", ()):
                if name.lower() == b"content-type" and value.startswith(EVENT_STREAM):
                    self.is_event_stream = True
        await super().send(message)


class Telling:
    """What any protocol of uvicorn needs in front of it, to tell its owner."""

    owner: Listener
    heard_at = 0.0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.tasks = _Tasks(self.owner, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, after what uvicorn does."""
        super().connection_lost(exc)  # type: ignore[misc]  # the protocol behind this one
        self.owner.turned_idle(self)


class HttpConnection(Telling, H11Protocol):  # type: ignore[misc]  # in the place of its tasks
    """One HTTP connection."""

    _head_is_late: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Limit the time in which a head becomes whole, after what uvicorn does."""
        super().data_received(data)
        self.heard_at = self.loop.time()
        self._watch_head()

    def on_response_complete(self) -> None:
        """Tell the owner, after what uvicorn does."""
        super().on_response_complete()
        self.owner.turned_idle(self)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the head, after what uvicorn does."""
        super().connection_lost(exc)
        self._forget_head()

    @property
    def is_half_open(self) -> bool:
        """Whether a head has begun that is not whole."""
        return self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])

    @property
    def is_answered(self) -> bool:
        """Whether no answer is due; the rest of a body may still come, of an answer still go."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way in either direction."""
        return (
            self.is_answered
            and self.conn.their_state is h11.IDLE
            and not self.conn.trailing_data[0]
            and self.transport.get_write_buffer_size() == 0
        )

    def refuse_head(self) -> None:
        """Close a connection whose head does not become whole."""
        if not self.transport.is_closing():
            self.transport.write(TOO_SLOW)
            self.transport.close()

    def end_response(self) -> None:
        """End the response in flight so that the client sees a clean end; tell the app."""
        cycle = self.cycle
        if cycle.response_started:
            try:
                self.transport.write(self.conn.send(h11.EndOfMessage()))
            except h11.LocalProtocolError:  # its length was announced
                cycle.keep_alive = False
        cycle.disconnected = True
        cycle.message_event.set()
        self.transport.close()

    def _watch_head(self) -> None:
        if not self.is_half_open:
            self._forget_head()
        elif self._head_is_late is None:
            self._head_is_late = self.loop.call_later(HEAD_S, self.refuse_head)
            self.owner.head_began(self)

    def _forget_head(self) -> None:
        if self._head_is_late is not None:
            self._head_is_late.cancel()
            self._head_is_late = None
            self.owner.head_ended(self)
