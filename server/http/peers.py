"""Lets in whom the kernel calls our own user, or root."""

from __future__ import annotations

import errno
import socket
import time
from typing import Any

from incumbent.lifecycle.client.peer import SocketDiag, is_trusted
from incumbent.lifecycle.messages import say

TELL_S = 60.0  # between two lines on refused connections: whoever is refused can't fill the disk
PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN)


class Peers:
    """The question of whose a connection is, while one listener accepts.

    Where the kernel can't tell at all, which a question about the listener itself shows, everybody
    is let in, and that is told once. Beyond that any doubt counts against the connection.
    """

    def __init__(self) -> None:
        self.can_tell = True
        self._here: Any = None
        self._diag: SocketDiag | None = None
        self._refused, self._tell_at = 0, 0.0

    def begin(self, listener: socket.socket) -> None:
        """Be ready for the connections of this listener."""
        self.end()
        self._here = listener.getsockname()
        if self.can_tell:
            self._open()

    def end(self) -> None:
        """Ask the kernel no more, until the next `begin`."""
        if self._diag is not None:
            self._diag.close()
            self._diag = None

    def admits(self, connection: socket.socket, address: Any) -> bool:
        """Whether the connection from this address is our own user's, or root's."""
        if self._diag is None and self.can_tell:
            self._open()
        if not self.can_tell:
            return True
        try:
            owner = self._diag.owner(address, connection.getsockname()) if self._diag else None
        except OSError:
            owner = None
        known = owner is not None and owner[1] != 0  # else the uid says 0 of nobody
        if owner is not None and known and is_trusted(owner[0]):
            return True
        self._tell(f"the user {owner[0]}" if owner is not None and known else "an unknown user")
        return False

    def _open(self) -> None:
        try:
            diag = SocketDiag()
        except OSError as error:
            self._failed(error)
            return
        try:
            knows = diag.owner(self._here, None) is not None
        except OSError as error:
            diag.close()
            self._failed(error)
            return
        if knows:
            self._diag = diag
        else:
            diag.close()
            self._failed(OSError("it does not know our own listener"))

    def _failed(self, error: OSError) -> None:
        if error.errno in PASSING:
            return  # tried again for the next connection
        self.can_tell = False
        why = error.strerror or str(error)
        say([f"the kernel does not tell whose a connection is ({why}): any local user can connect"])

    def _tell(self, who: str) -> None:
        self._refused += 1
        now = time.monotonic()
        if now >= self._tell_at:
            say([f"refused a connection of {who} ({self._refused} since the last such line)"])
            self._refused, self._tell_at = 0, now + TELL_S
