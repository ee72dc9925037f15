"""Speaks with the service manager that started this process, if one did."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import Row

FIRST_FD = 3  # where a manager's sockets begin, by its convention
FROM_MANAGER = (
    "INVOCATION_ID",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
    "SYSTEMD_EXEC_PID",
)


class Manager:
    """What a service manager told us in our environment, and what we tell it.

    The words are systemd's: sd_notify(3), sd_listen_fds(3), systemd.exec(5). `respawns` says that
    the manager ends with us everything that we started, then starts us again: so a restart is
    its work. One that takes part in sd_notify is told of the successor instead.
    """

    def __init__(
        self, environ: MutableMapping[str, str], by_hand: bool, managed: bool = False
    ) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        inside = _is_main(environ) or os.getpid() == 1
        self.respawns = managed or (by_hand and inside and not self._address)
        self._sockets = _passed(environ) if by_hand else []

    @property
    def passed_on(self) -> dict[str, str]:
        """What a successor needs, to speak with the manager in its turn."""
        return {"NOTIFY_SOCKET": self._address} if self._address else {}

    def tell(self, row: Row, successor: int) -> None:
        """Tell the manager what this transition means to it, if anything."""
        if row.dest == states.VERIFIED and row.source not in (states.LOCKING, states.VERIFIED):
            self._notify(f"READY=1\nSTATUS=serving\nMAINPID={os.getpid()}")
        elif row.dest == states.HANDED_OVER:
            self._notify(f"STATUS=handed over\nMAINPID={successor}")
        elif row.dest in (states.STOPPING, states.STOPPED):
            self._notify("STOPPING=1")

    def _notify(self, words: str) -> None:
        """Send one datagram; a manager that does not listen is no reason to stop working."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.setblocking(False)
                channel.sendto(words.encode(), address)
        except OSError:
            return

    def socket_for(self, host: str, port: int) -> socket.socket | None:
        """Give the listening socket that the manager holds for us; None when it holds none.

        Raises ValueError when what it passed listens elsewhere. The others are closed.
        """
        passed, self._sockets = self._sockets, []
        found = None
        for candidate in passed:
            if found is None and _listens_on(candidate, host, port):
                found = candidate
            else:
                candidate.close()
        if passed and found is None:
            raise ValueError(
                f"the service manager's socket does not listen on {host}:{port}; "
                "set ListenStream or INCUMBENT_PORT"
            )
        return found


def _is_main(environ: MutableMapping[str, str]) -> bool:
    """Whether this is a unit's main process; a shell in a session inherits INVOCATION_ID too."""
    return "INVOCATION_ID" in environ and environ.get("SYSTEMD_EXEC_PID", _me()) == _me()


def _passed(environ: MutableMapping[str, str]) -> list[socket.socket]:
    """Take over the sockets meant for this process, close-on-exec at once."""
    count, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != _me() or not count.isdigit():
        return []
    found = []
    for fd in range(FIRST_FD, FIRST_FD + int(count)):
        try:
            os.set_inheritable(fd, False)
            found.append(socket.socket(fileno=fd))
        except OSError:
            continue
    return found


def _listens_on(candidate: socket.socket, host: str, port: int) -> bool:
    try:
        listening = candidate.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        return bool(listening) and candidate.getsockname()[:2] == (host, port)
    except OSError:
        return False


def _me() -> str:
    return str(os.getpid())
