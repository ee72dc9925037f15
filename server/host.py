"""Serves HTTP on a listening socket it was given, through uvicorn's protocol, without its waits.

uvicorn's own server sleeps 100 ms in its main loop and 100 ms in shutdown (0.54). What is used
of it here is its Config, ServerState and H11Protocol; the accepting and the draining are ours,
because a handover must be able to stop accepting without losing the socket, to keep connections
that are idle just now, and to accept again.
"""

from __future__ import annotations

import asyncio
import socket
import time
from email.utils import formatdate
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

BACKLOG = 2048
LOOP_TURNS = 6  # an accepted connection is registered some turns later; before that it is lost
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
        self._config = uvicorn.Config(
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
        self._server: asyncio.Server | None = None
        self._leaving = False
        self._keep = False
        self._settled = asyncio.Event()
        self.kept: list[socket.socket] = []
        self.tick()

    @property
    def accepting(self) -> bool:
        """Whether connections are accepted now."""
        return self._server is not None

    def tick(self) -> None:
        """Renew what changes by the second: the Date header."""
        date = formatdate(time.time(), usegmt=True).encode()
        self._state.default_headers = [(b"date", date), *self._config.encoded_headers]

    async def accept(self, listener: socket.socket) -> None:
        """Accept on a copy of the listener, and serve the connections kept so far."""
        self._leaving = False
        loop = asyncio.get_running_loop()
        copy = listener.dup()
        copy.setblocking(False)
        self._server = await loop.create_server(self._protocol, sock=copy, backlog=BACKLOG)
        kept, self.kept = self.kept, []
        for connection in kept:
            connection.setblocking(False)
            await loop.connect_accepted_socket(self._protocol, connection)

    async def drain(self, keep: bool, timeout: float) -> int:
        """Stop accepting, finish what is in flight; give how many had to be cut off.

        Connections that are idle are closed, or kept for `accept` or a successor when `keep`.
        `timeout` is in seconds.
        """
        if self._server is not None:
            self._server.close()
            self._server = None
        for _ in range(LOOP_TURNS):
            await asyncio.sleep(0)
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
