"""Serves HTTP on a listening socket it was given, through uvicorn's protocols, without its waits.

uvicorn's own server sleeps 100 ms in its main loop and 100 ms in shutdown (0.54). What is used
of it here is its Config, ServerState and protocols; the accepting and the draining are ours,
because a handover must be able to stop accepting without losing the socket, to keep connections
that are idle just now, and to accept again.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from .accepting import Accepting
from .draining import Drain
from .leaving import Leaving
from .protocol import HttpConnection
from .sessions import new_sessions
from .traffic import Traffic
from .uvicorn_parts import Config, ServerState

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Connections:
    """One application on one listening socket; `kept` are connections that nobody serves now.

    `app_for` may choose another app for each request, from its scope.
    """

    def __init__(self, app: Any, app_for: Callable[[Any], Any] | None = None) -> None:
        self._state = ServerState()
        self.traffic = Traffic(self._state.connections)
        told = {"owner": self.traffic, "app_for": staticmethod(app_for or (lambda _: app))}
        self._config = Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            http=type("Connection", (HttpConnection,), told),
            ws="none",
            timeout_graceful_shutdown=None,
        )
        self._config.load()
        self._config.ws_protocol_class = new_sessions(self.traffic)
        self._accepting = Accepting(self.traffic, self._protocol)
        self.app_state: dict[str, Any] = {}
        self.kept: list[socket.socket] = []
        self.tick()

    @property
    def accepting(self) -> bool:
        """Whether connections are accepted now."""
        return self._accepting.listener is not None

    def tick(self) -> None:
        """Do what is due once a second: a new Date header, the end of who said nothing for long."""
        date = http_date(time.time()).encode()
        self._state.default_headers = [(b"date", date), *self._config.encoded_headers]
        self.traffic.close_idle(self._config.timeout_keep_alive)

    async def accept(self, listener: socket.socket) -> None:
        """Accept on the listener, which stays the caller's; serve the connections kept so far."""
        self.traffic.when_idle = None
        self._accepting.start(listener)
        kept = self.kept[:]
        del self.kept[:]
        for connection in kept:
            await self._accepting.serve(connection)

    async def drain(self, keep: bool, timeout: float) -> list[str]:
        """Finish what is in flight, stop accepting; give what was ended or cut off, in sentences.

        Connections that are idle are closed, or kept for `accept` or a successor when `keep`.
        `timeout` is in seconds, for all of it.
        """
        leaving = Leaving(self.traffic, keep, self.kept)
        return await Drain(self.traffic, self._accepting, leaving).run(keep, timeout)

    def cut(self) -> None:
        """Cut off whatever is left, at once."""
        self.traffic.cut()

    def leave(self) -> None:
        """Accept nothing more; close our copies of the connections kept."""
        self._accepting.stop()
        for connection in self.kept:
            connection.close()
        del self.kept[:]

    def _protocol(self) -> asyncio.Protocol:
        made: Any = self._config.http_protocol_class
        protocol: asyncio.Protocol = made(
            config=self._config, server_state=self._state, app_state=self.app_state
        )
        return protocol


def http_date(now: float) -> str:
    """Give a moment as RFC 9110 has it; `email.utils`, which has this, takes 7 ms to import."""
    at = time.gmtime(now)
    day = f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year}"
    return f"{day} {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT"
