"""Takes in connections from the listening socket, as many as there is room for.

By hand, since `asyncio.Server.close` loses the connections that it has accepted but not registered
yet (3.11: `Server._attach` asserts).
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

from incumbent.lifecycle.messages import say

from ..process.descriptors import room
from .peers import Peers
from .traffic import Traffic

ACCEPTS_A_TURN = 100  # then those who are connected have their turn
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
NO_ROOM_S = 0.2  # until the next try; who waits, waits in the backlog
CLOSED_A_TURN = 16  # when there is no room; also copies made before their originals are closed


class Accepting:
    """The accepting on one listener, which stays the caller's; None while nothing is accepted."""

    def __init__(self, traffic: Traffic, new_protocol: Callable[[], asyncio.Protocol]) -> None:
        self._traffic, self._new_protocol = traffic, new_protocol
        self.listener: socket.socket | None = None
        self._peers = Peers()
        self._room = room()
        self._arriving: set[asyncio.Task[object]] = set()

    def start(self, listener: socket.socket) -> None:
        """Accept on the listener from now on."""
        self._room = room()
        self.listener = listener
        self._peers.begin(listener)
        listener.setblocking(False)
        self._listen_again()

    def stop(self) -> None:
        """Accept nothing more; who waits, waits in the backlog."""
        self._pause()
        self._peers.end()
        self.listener = None

    async def serve(self, connection: socket.socket) -> None:
        """Serve a connection that was accepted before."""
        connection.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(self._new_protocol, connection)

    async def all_arrived(self) -> None:
        """Wait until what was accepted counts as a connection."""
        if self._arriving:
            await asyncio.wait(set(self._arriving))

    @property
    def arriving(self) -> bool:
        """Whether something was accepted that counts as no connection yet."""
        return bool(self._arriving)

    def _listen_again(self) -> None:
        if self.listener is not None:
            asyncio.get_running_loop().add_reader(self.listener, self._take)

    def _take(self) -> None:
        """Take in the connections that wait, some at a time."""
        loop = asyncio.get_running_loop()
        assert self.listener is not None
        for _ in range(ACCEPTS_A_TURN):
            if len(self._traffic.connections) + len(self._arriving) >= self._room:
                if self._arriving:
                    return  # some count twice for a moment
                if not self._made_room():
                    self._wait_for_room("as many connections as there is room for")
                return
            try:
                connection, address = self.listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in NO_ROOM:
                    raise
                if not self._made_room():
                    self._wait_for_room(error.strerror or type(error).__name__)
                return
            if not self._peers.admits(connection, address):
                connection.close()
                continue
            connection.setblocking(False)
            arriving = loop.create_task(self._arrive(connection))
            self._arriving.add(arriving)
            arriving.add_done_callback(self._arriving.discard)

    def _made_room(self) -> bool:
        """Close the oldest connections with half a request, else some idle ones, if there are."""
        oldest = list(self._traffic.half_open)[:CLOSED_A_TURN]
        for connection in oldest:
            connection.refuse_head()
        if oldest:
            return True
        idle = list(self._traffic.idle())[:CLOSED_A_TURN]
        for connection in idle:
            connection.shutdown()
        return bool(idle)

    def _wait_for_room(self, why: str) -> None:
        assert self.listener is not None
        say([f"can't accept now: {why}"])
        self._pause()
        asyncio.get_running_loop().call_later(NO_ROOM_S, self._listen_again)

    def _pause(self) -> None:
        if self.listener is not None:
            asyncio.get_running_loop().remove_reader(self.listener)

    async def _arrive(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):  # gone already
            await asyncio.get_running_loop().connect_accepted_socket(self._new_protocol, connection)
