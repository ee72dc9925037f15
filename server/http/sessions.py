"""Websockets by uvicorn's protocol, made to tell what becomes of each session."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

from .protocol import Owner, path_of


class Session(NamedTuple):
    """A websocket, from its handshake to its app's end."""

    connection: Any
    since: float

    @property
    def path(self) -> str:
        """The path as it was asked for, fit to be printed."""
        return path_of(self.connection.scope)

    @property
    def is_stream(self) -> bool:
        """Whether it goes on until somebody ends it, and its client connects again by nature."""
        return not self.connection.transport.is_closing()

    @property
    def is_stalled(self) -> bool:
        """Whether it is half a request: never."""
        return False

    def end(self) -> None:
        """Say goodbye as websockets do."""
        self.connection.shutdown()


class _Sessions:
    """Takes the place of the set in which uvicorn keeps the tasks of all websockets."""

    __slots__ = ("_connection", "_owner")

    def __init__(self, owner: Owner, connection: Any) -> None:
        self._owner, self._connection = owner, connection

    def add(self, task: asyncio.Task[None]) -> None:
        """Take note of a task that was just made."""
        connection = self._connection
        self._owner.in_flight[task] = Session(connection, connection.loop.time())

    def discard(self, task: asyncio.Task[None]) -> None:
        """Take note of the end of a task."""
        self._owner.ended(task)


class TellingSession:
    """What uvicorn's protocol needs in front of it, to tell its owner."""

    owner: Owner

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.tasks = _Sessions(self.owner, self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner, after what uvicorn does."""
        super().connection_lost(exc)  # type: ignore[misc]  # the protocol behind this one
        self.owner.turned_idle(self)


def new_sessions(owner: Owner) -> Any:
    """Give what makes the protocol of a session; None without a library for websockets.

    That library is loaded with the first session: most workers never see one.
    """
    if not any(find_spec(library) for library in ("websockets", "wsproto")):
        return None
    of_this_owner = functools.cache(lambda: _protocol(owner))
    return lambda **given: of_this_owner()(**given)


def _protocol(owner: Owner) -> Callable[..., Any]:
    from uvicorn.protocols.websockets import auto

    uvicorns: Any = auto.AutoWebSocketsProtocol  # a class, though it says only what it is called as
    return type("Session", (TellingSession, uvicorns), {"owner": owner})
