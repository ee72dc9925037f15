"""Serves HTTP on a listening socket it was given, through uvicorn's protocol, without its waits.

uvicorn's own server sleeps 100 ms in its main loop and 100 ms in shutdown (0.54). What is used
of it here is its Config, ServerState and H11Protocol; the accepting and the draining are ours,
because a handover must be able to stop accepting without losing the socket, to keep connections
that are idle just now, and to accept again.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
import time
from email.utils import formatdate
from typing import Any

import h11

from .uvicorn_parts import Config, H11Protocol, ServerState

ACCEPTS_A_TURN = 100  # then those who are connected have their turn
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
NO_ROOM_S = 0.2  # until the next try; who waits, waits in the backlog
KEPT_LIMIT = 1000  # connections carried over a handover; more are closed politely


class _Protocol(H11Protocol):
    """uvicorn's protocol, which tells when a response is complete."""

    host: Host

    def on_response_complete(self) -> None:
        """Tell the host, after what uvicorn does."""
        super().on_response_complete()
        self.host.turned_idle(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the host, after what uvicorn does."""
        super().connection_lost(exc)
        self.host.turned_idle(self)


class Host:
    """One application on one listening socket."""

    def __init__(self, app: Any) -> None:
        self._config = Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            http=type("Protocol", (_Protocol,), {"host": self}),
            timeout_graceful_shutdown=None,
        )
        self._config.load()
        self._state = ServerState()
        self.app_state: dict[str, Any] = {}
        self._listener: socket.socket | None = None
        self._arriving: set[asyncio.Task[object]] = set()
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
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                print(f"incumbent: can't accept now: {error.strerror}", file=sys.stderr)
                loop.remove_reader(self._listener)
                loop.call_later(NO_ROOM_S, self._listen_again)
                return
            connection.setblocking(False)
            arriving = loop.create_task(self._arrive(connection))
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)

    async def _arrive(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # gone already
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    async def drain(self, keep: bool, timeout: float) -> int:
        """Stop accepting, finish what is in flight; give how many had to be cut off.

        Connections that are idle are closed, or kept for `accept` or a successor when `keep`.
        `timeout` is in seconds.
        """
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener = None
        if self._arriving:
            await asyncio.wait(set(self._arriving))  # accepted: from here on they count
        self._leaving, self._keep = True, keep
        for connection in list(self._state.connections):
            self._let_go(connection)
        try:
            await asyncio.wait_for(self._all_gone(), timeout)
        except TimeoutError:
            cut = list(self._state.connections)
            for connection in cut:
                connection.transport.abort()
            for task in list(self._state.tasks):
                task.cancel()
            await asyncio.sleep(0)
            return len(cut)
        return 0

    def turned_idle(self, connection: _Protocol) -> None:
        """Let a connection go that has just finished its response while we are leaving."""
        if self._leaving:
            asyncio.get_running_loop().call_soon(self._let_go, connection)

    def close_kept(self) -> None:
        """Close our copies of the connections kept."""
        for connection in self.kept:
            connection.close()
        self.kept = []

    async def _all_gone(self) -> None:
        while self._state.connections or self._state.tasks:
            self._settled.clear()
            await self._settled.wait()

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self._config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self._config, server_state=self._state, app_state=self.app_state
        )
        return protocol

    def _let_go(self, connection: Any) -> None:
        asyncio.get_running_loop().call_soon(self._settled.set)
        if connection not in self._state.connections or connection.transport.is_closing():
            return
        if not isinstance(connection, _Protocol):
            connection.shutdown()  # an upgraded connection knows how to say goodbye
        elif not _is_idle(connection):
            return  # comes back through `turned_idle`, or is cut off at the deadline
        elif self._keep and len(self.kept) < KEPT_LIMIT:
            transport = connection.transport
            transport.pause_reading()
            self.kept.append(transport.get_extra_info("socket").dup())
            transport.abort()  # closes this descriptor only: the connection lives on in the copy
        else:
            connection.shutdown()


def _is_idle(connection: _Protocol) -> bool:
    cycle = connection.cycle
    return (
        (cycle is None or cycle.response_complete)
        and connection.conn.their_state is h11.IDLE
        and not connection.conn.trailing_data[0]
        and connection.transport.get_write_buffer_size() == 0
    )
