"""Serves HTTP on a listening socket it was given, through uvicorn's protocols, without its waits.

uvicorn's own server sleeps 100 ms in its main loop and 100 ms in shutdown (0.54). What is used
of it here is its Config, ServerState and protocols; the accepting and the draining are ours,
because a handover must be able to stop accepting without losing the socket, to keep connections
that are idle just now, and to accept again.

A drain has three parts. While requests are in flight it goes on serving, since whoever connects
after the end of accepting waits for the last of them. In a quiet moment it stops accepting and ends
the streams, whose clients connect again by nature; should the app have to clean up after them, it
serves on meanwhile. What is left then has the rest of the time.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from collections import Counter
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

from incumbent.lifecycle.messages import say

from ..process.descriptors import room
from .protocol import HttpConnection, Request, Telling
from .uvicorn_parts import Config, ServerState

ACCEPTS_A_TURN = 100  # then those who are connected have their turn
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
NO_ROOM_S = 0.2  # until the next try; who waits, waits in the backlog
CLOSED_A_TURN = 16  # when there is no room; also copies made before their originals are closed
KEPT_LIMIT = 1000  # connections carried over a handover; more are closed politely

QUIET_SHARE = 0.5  # of a drain's time may be spent on waiting for a quiet moment
TRULY_QUIET_S = 0.25  # then a moment counts as quiet in which all that is in flight has just begun
JUST_BEGUN_S = 0.02
LOOK_S = 0.02  # how often a moment may become quiet although nothing ends
HEAD_MOMENT_S = 0.1  # a head that comes in two pieces is whole in less
GOODBYE_S = 0.1  # for a client to take what it is sent at the end of its stream


class Connections:
    """One application on one listening socket."""

    def __init__(self, app: Any) -> None:
        self._config = Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            http=type("Connection", (HttpConnection,), {"owner": self}),
            timeout_graceful_shutdown=None,
        )
        self._config.load()
        websocket = self._config.ws_protocol_class
        if websocket is not None:
            telling = type("WebSocket", (Telling, websocket), {"owner": self})
            self._config.ws_protocol_class = telling
        self._state = ServerState()
        self.app_state: dict[str, Any] = {}
        self._listener: socket.socket | None = None
        self._room = room()
        self._arriving: set[asyncio.Task[object]] = set()
        self._in_flight: dict[asyncio.Task[None], Request] = {}
        self._half_open: dict[HttpConnection, float] = {}  # the longest first
        self._leaving = False
        self._keep = False
        self._settled = asyncio.Event()
        self.kept: list[socket.socket] = []
        self.tick()

    @property
    def accepting(self) -> bool:
        """Whether connections are accepted now."""
        return self._listener is not None

    def tick(self) -> None:
        """Renew what changes by the second: the Date header."""
        date = formatdate(time.time(), usegmt=True).encode()
        self._state.default_headers = [(b"date", date), *self._config.encoded_headers]

    async def accept(self, listener: socket.socket) -> None:
        """Accept on the listener, which stays the caller's; serve the connections kept so far.

        By hand, since `asyncio.Server.close` loses the connections that it has accepted but not
        registered yet (3.11: `Server._attach` asserts).
        """
        self._leaving = False
        self._room = room()
        self._listener = listener
        listener.setblocking(False)
        self._listen_again()
        kept, self.kept = self.kept, []
        for connection in kept:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _listen_again(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().add_reader(self._listener, self._take)

    def _take(self) -> None:
        """Take in the connections that wait, some at a time."""
        loop = asyncio.get_running_loop()
        assert self._listener is not None
        for _ in range(ACCEPTS_A_TURN):
            if len(self._state.connections) + len(self._arriving) >= self._room:
                if self._arriving:
                    return  # some count twice for a moment
                if not self._made_room():
                    self._wait_for_room("as many connections as there is room for")
                return
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                if not self._made_room():
                    self._wait_for_room(error.strerror or type(error).__name__)
                return
            connection.setblocking(False)
            arriving = loop.create_task(self._arrive(connection))
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)

    def _made_room(self) -> bool:
        """Close the oldest connections with half a request, else some idle ones, if there are."""
        oldest = list(self._half_open)[:CLOSED_A_TURN]
        for connection in oldest:
            connection.refuse_head()
        if oldest:
            return True
        idle = list(self._idle())[:CLOSED_A_TURN]
        for connection in idle:
            connection.shutdown()
        return bool(idle)

    def _wait_for_room(self, why: str) -> None:
        assert self._listener is not None
        say([f"can't accept now: {why}"])
        self._pause_accepting()
        asyncio.get_running_loop().call_later(NO_ROOM_S, self._listen_again)

    def _idle(self) -> Iterable[HttpConnection]:
        return (
            connection
            for connection in list(self._state.connections)
            if isinstance(connection, HttpConnection)
            and connection.is_idle
            and not connection.transport.is_closing()
        )

    def _pause_accepting(self) -> None:
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)

    async def _arrive(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # gone already
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    # What the connections tell.

    def began(self, task: asyncio.Task[None], request: Request) -> None:
        """Take note of a request whose head is whole."""
        self._in_flight[task] = request

    def ended(self, task: asyncio.Task[None]) -> None:
        """Take note that the task of a request has ended, which may outlive its response."""
        self._in_flight.pop(task, None)
        self._settled.set()

    def turned_idle(self, connection: Any) -> None:
        """Let a connection go that has just finished its response while we are leaving."""
        self._settled.set()
        if self._leaving:
            asyncio.get_running_loop().call_soon(self._let_go, connection)

    def head_began(self, connection: HttpConnection) -> None:
        """Take note of a head that is not whole yet."""
        self._half_open[connection] = asyncio.get_running_loop().time()

    def head_ended(self, connection: HttpConnection) -> None:
        """Take note that it is whole, or given up."""
        self._half_open.pop(connection, None)

    # The drain.

    async def drain(self, keep: bool, timeout: float) -> list[str]:
        """Finish what is in flight, stop accepting; give what was ended or cut off, in sentences.

        Connections that are idle are closed, or kept for `accept` or a successor when `keep`.
        `timeout` is in seconds, for all of it.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        listener, told = self._listener, []
        ended: dict[asyncio.Task[None], Request] = {}
        if keep:
            await self._close(list(self._idle())[KEPT_LIMIT:])
        while True:
            quiet = await self._quiet_moment(loop.time(), deadline - timeout * (1 - QUIET_SHARE))
            if not quiet:
                told += self._told("no quiet moment, others wait for", self._that_hold_up())
            self._pause_accepting()
            self._listener = None
            if self._arriving:
                await asyncio.wait(set(self._arriving))  # accepted: from here on they count
            streams = self._end_streams()
            told += self._told("ended", streams.values())
            if await self._ended_soon(streams) or not quiet:
                break
            ended |= streams
            self._listener = listener
            self._listen_again()
        for task in ended:
            task.cancel()  # had its time to clean up, unless it is done
        self._leaving, self._keep = True, keep
        for number, connection in enumerate(list(self._state.connections), 1):
            self._let_go(connection)
            if number % CLOSED_A_TURN == 0:
                await asyncio.sleep(0)  # what was closed gives its descriptor back
        try:
            await asyncio.wait_for(self._all_gone(), max(deadline - loop.time(), 0))
        except TimeoutError:
            told += self._told("cut off at the deadline:", self._in_flight.values())
            self.cut()
            await asyncio.sleep(0)
        return told

    def cut(self) -> None:
        """Cut off whatever is left, at once."""
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in list(self._in_flight):
            task.cancel()

    def close_kept(self) -> None:
        """Close our copies of the connections kept."""
        for connection in self.kept:
            connection.close()
        self.kept = []

    async def _quiet_moment(self, began: float, deadline: float) -> bool:
        """Wait until nobody would have to wait for what is in flight; False when it is too late."""
        loop = asyncio.get_running_loop()
        if self._listener is None:
            return True
        while True:
            now = loop.time()
            oldest = min((request.since for request in self._that_hold_up()), default=now)
            heads = any(now - since < HEAD_MOMENT_S for since in self._half_open.values())
            patience = 0.0 if now - began < TRULY_QUIET_S else JUST_BEGUN_S
            if now - oldest <= patience and not (heads or self._arriving or self._are_sending()):
                return True
            if now >= deadline:
                return False
            self._settled.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), min(LOOK_S, deadline - now))

    def _that_hold_up(self) -> list[Request]:
        return [r for r in self._in_flight.values() if not (r.is_stream or r.is_stalled)]

    def _are_sending(self) -> bool:
        """Whether a client has not taken all of an answer that is complete."""
        streams = {r.connection for r in self._in_flight.values() if r.is_stream}
        left = self._state.connections - streams
        return any(connection.transport.get_write_buffer_size() for connection in left)

    def _end_streams(self) -> dict[asyncio.Task[None], Request]:
        """End what would go on for ever; give the requests, whose apps may have to clean up."""
        ending = {t: r for t, r in self._in_flight.items() if r.is_stream or r.is_stalled}
        for request in ending.values():
            if request.cycle is None:
                request.connection.shutdown()  # a websocket knows how to say goodbye
            else:
                request.connection.end_response()
            asyncio.get_running_loop().call_later(GOODBYE_S, request.connection.transport.abort)
        return ending

    async def _ended_soon(self, streams: dict[asyncio.Task[None], Request]) -> bool:
        """Whether the apps have ended these; a response that goes on unheard is cancelled."""
        if streams:
            await asyncio.wait(streams, timeout=JUST_BEGUN_S)
        for task, request in streams.items():
            if request.cycle is not None:
                task.cancel()
        if streams:
            await asyncio.wait(streams, timeout=JUST_BEGUN_S)
        return all(task.done() for task in streams)

    async def _all_gone(self) -> None:
        while self._state.connections or self._in_flight:
            self._settled.clear()
            await self._settled.wait()

    async def _close(self, connections: Iterable[HttpConnection]) -> None:
        """Close idle connections, some at a time."""
        for number, connection in enumerate(connections, 1):
            connection.shutdown()
            if number % CLOSED_A_TURN == 0:
                await asyncio.sleep(0)

    def _let_go(self, connection: Any) -> None:
        asyncio.get_running_loop().call_soon(self._settled.set)
        if connection not in self._state.connections or connection.transport.is_closing():
            return
        try:
            self._left(connection)
        except OSError as error:  # above all when there is no descriptor for a copy
            say([f"a connection is closed: {error.strerror}"])
            connection.shutdown()
        except Exception as error:  # one connection does not keep a worker from leaving
            say([f"a connection is cut off: {error!r}"])
            connection.transport.abort()

    def _left(self, connection: Any) -> None:
        if not isinstance(connection, HttpConnection):
            connection.shutdown()
        elif connection in self._half_open:
            loop = asyncio.get_running_loop()
            left = self._half_open[connection] + HEAD_MOMENT_S - loop.time()
            if left > 0:
                loop.call_later(left, self._let_go, connection)
            else:
                connection.refuse_head()
        elif not connection.is_answered:
            return  # comes back through `turned_idle`, or is cut off at the deadline
        elif self._keep and connection.is_idle and len(self.kept) < KEPT_LIMIT:
            transport = connection.transport
            transport.pause_reading()
            self.kept.append(transport.get_extra_info("socket").dup())
            transport.abort()  # closes this descriptor only: the connection lives on in the copy
        else:
            connection.shutdown()  # once all of the answer is taken

    def _told(self, what: str, requests: Iterable[Request]) -> list[str]:
        counts = Counter(request.path for request in requests)
        if not counts:
            return []
        paths = [f"{path} ({count})" for path, count in sorted(counts.items())]
        return [f"{what} {', '.join(paths)}"]

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self._config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self._config, server_state=self._state, app_state=self.app_state
        )
        return protocol
