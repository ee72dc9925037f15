"""HTTP connections by uvicorn's protocol, made to tell what becomes of each request."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote

from httptools import parse_url

from .uvicorn_parts import HttpToolsProtocol, RequestResponseCycle

HEAD_LIMIT_BYTES = 65_536  # of a head, or of anything else that is no body
HEAD_S = 5.0  # a request's head is whole within this time from its first byte
STALLED_S = 1.0  # a body of which nothing came for so long is half a request
EVENT_STREAM = b"text/event-stream"
_CLOSED = b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout" + _CLOSED  # RFC 9110
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large" + _CLOSED  # RFC 6585


class Owner(Protocol):
    """Who is told what becomes of each request."""

    in_flight: dict[asyncio.Task[None], Any]  # from its whole head to the end of its task

    def ended(self, task: asyncio.Task[None]) -> None:
        """Take note that the task of a request has ended, which may outlive its response."""

    def turned_idle(self, connection: Any) -> None:
        """Take note that a response is complete, or a connection lost."""

    def head_began(self, connection: HttpConnection) -> None:
        """Take note of a head that is not whole yet."""

    def head_ended(self, connection: HttpConnection) -> None:
        """Take note that it is whole, or given up."""


def path_of(scope: Any) -> str:
    """Give the path as it was asked for, fit to be printed."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("ascii", "backslashreplace")[:200]


class Request(RequestResponseCycle):
    """A request with its response: uvicorn's, which knows what kind it is of."""

    connection: HttpConnection
    since: float  # on the loop's clock
    _begun: dict[str, Any] | None = None

    def send(self, message: Any) -> Any:
        """Keep the message that begins the response; give what uvicorn's own gives."""
        if not self.response_started:
            self._begun = message
        return RequestResponseCycle.send(self, message)

    @property
    def path(self) -> str:
        """The path as it was asked for, fit to be printed."""
        return path_of(self.scope)

    @property
    def is_stream(self) -> bool:
        """Whether it goes on until somebody ends it, and its client connects again by nature.

        So is an event stream in answer to a GET: what answers a POST so has a result at its end.
        """
        if self._begun is None or self.scope["method"] != "GET":
            return False
        if self.response_complete or self.disconnected or self.transport.is_closing():
            return False
        return any(
            name.lower() == b"content-type" and value.startswith(EVENT_STREAM)
            for name, value in self._begun.get("headers", ())
        )

    @property
    def is_stalled(self) -> bool:
        """Whether its client has stopped in the middle of the body, before an answer began."""
        connection = self.connection
        return (
            self.more_body
            and not (self.response_started or self.disconnected or connection.flow.read_paused)
            and connection.loop.time() - connection.heard_at > STALLED_S
        )

    def end(self) -> None:
        """End the response so that the client sees a clean end; tell the app."""
        if self.response_started:
            if self.chunked_encoding:
                self.transport.write(b"0\r\n\r\n")
            else:  # its length was announced
                self.keep_alive = False
        self.disconnected = True
        self.message_event.set()
        self.transport.close()


class HttpConnection(HttpToolsProtocol):
    """One HTTP connection, which tells its owner what becomes of each request.

    Its time between two requests is limited by the owner, once a second, by `idle_since`: a timer
    for each response would cost more than all that is told here.
    """

    owner: Owner
    app_for: Callable[[Any], Any]  # gives the app for a request's scope
    heard_at = 0.0  # when something came last, on the loop's clock
    idle_since = 0.0  # the end of the last response; 0 before the first
    _head_is_late: asyncio.TimerHandle | None = None
    _in_head = False
    _in_message = False
    _without_body = 0  # bytes since the last end of a head, part of a body, end of a message

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._waiting: deque[Request] = deque()  # those that came before an answer

    def data_received(self, data: bytes) -> None:
        """Limit the size of a head and the time in which it becomes whole, beside uvicorn's own."""
        self.heard_at = self.loop.time()
        if len(data) > HEAD_LIMIT_BYTES:
            data, rest = data[:HEAD_LIMIT_BYTES], data[HEAD_LIMIT_BYTES:]
        else:
            rest = b""
        self._without_body += len(data)
        HttpToolsProtocol.data_received(self, data)
        if self._without_body > HEAD_LIMIT_BYTES:
            self._refuse(TOO_LARGE)
        elif rest and self.transport.get_protocol() is self:
            self.data_received(rest)
        if self._in_head or self._head_is_late is not None:
            self._watch_head()

    def on_message_begin(self) -> None:
        """Take note of a head that is not whole yet."""
        self._in_head = self._in_message = True
        HttpToolsProtocol.on_message_begin(self)

    def on_headers_complete(self) -> None:
        """Begin the request, or let it wait for those before it.

        In uvicorn's place, whose requests would not tell what we ask them.
        """
        self._in_head, self._without_body = False, 0
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        if version != "1.1":
            scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        if self.url[:1] == b"/":
            url = parse_url(self.url)
            scope["raw_path"], scope["query_string"] = url.path, url.query or b""
            path = url.path.decode("ascii")
            scope["path"] = unquote(path) if "%" in path else path
        else:  # a whole address names its host, which must not get lost; or it is a "*"
            scope["raw_path"], scope["query_string"] = self.url, b""
            scope["path"] = self.url.decode("latin-1")
        before = self.cycle
        request = self.cycle = Request(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        request.connection, request.since = self, self.heard_at
        if before is None or before.response_complete:
            self._begin(request)
        else:
            self.flow.pause_reading()
            self._waiting.append(request)

    def on_body(self, body: bytes) -> None:
        """Take note that there is one, beside what uvicorn does."""
        self._without_body = 0
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        """Take note of the end of a request, beside what uvicorn does."""
        self._in_message, self._without_body = False, 0
        HttpToolsProtocol.on_message_complete(self)

    def on_response_complete(self) -> None:
        """Begin the next request if it came already; tell the owner."""
        self.idle_since = self.loop.time()
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self._waiting:
                self._begin(self._waiting.popleft())
        self.owner.turned_idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the head, after what uvicorn does; tell the owner."""
        super().connection_lost(exc)
        self._forget_head()
        self.owner.turned_idle(self)

    @property
    def is_answered(self) -> bool:
        """Whether no answer is due; the rest of a body may still come, of an answer still go."""
        return not self._waiting and (self.cycle is None or self.cycle.response_complete)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way in either direction."""
        return (
            self.is_answered
            and not self._in_message
            and self.transport.get_write_buffer_size() == 0
        )

    def refuse_head(self) -> None:
        """Close a connection whose head does not become whole."""
        self._refuse(TOO_SLOW)

    def _begin(self, request: Request) -> None:
        """Run the app that is chosen for a request."""
        task = self.loop.create_task(request.run_asgi(self.app_for(request.scope)))
        self.owner.in_flight[task] = request
        task.add_done_callback(self.owner.ended)

    def _refuse(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self.transport.close()

    def _watch_head(self) -> None:
        if not self._in_head:
            self._forget_head()
        elif self._head_is_late is None:
            self._head_is_late = self.loop.call_later(HEAD_S, self.refuse_head)
            self.owner.head_began(self)

    def _forget_head(self) -> None:
        if self._head_is_late is not None:
            self._head_is_late.cancel()
            self._head_is_late = None
            self.owner.head_ended(self)
