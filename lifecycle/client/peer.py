"""Asks the kernel whose the two ends of a loopback connection are (Linux, sock_diag(7))."""

import _socket
import os
from sys import byteorder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Address = tuple[Any, ...]  # host, port, and what IPv6 has beside them

_SOCK_DIAG = 4  # the netlink family; these numbers are the kernel's, from linux/sock_diag.h,
_BY_FAMILY = 20  # linux/inet_diag.h, linux/netlink.h
_REQUEST = 1
_ERROR = 2
_TCP = 6
_ENOENT = 2
_ESTABLISHED = 1
_LISTENING = 10
_ANSWER_BYTES = 4096
_NOBODY = bytes(18)  # a port and an address: the other end of a listener


class SocketDiag:
    """One netlink socket, to be closed; raises OSError where the kernel has no such thing."""

    __slots__ = ("_netlink",)

    def __init__(self) -> None:
        family = getattr(_socket, "AF_NETLINK", None)
        if family is None:
            raise OSError("not Linux")
        kind = _socket.SOCK_RAW | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC
        self._netlink = _socket.socket(family, kind, _SOCK_DIAG)

    def close(self) -> None:
        """Close it."""
        self._netlink.close()

    def owner(self, here: "Address", there: "Address | None") -> tuple[int, int] | None:
        """Give uid and inode of the socket at `here` that is connected to `there`.

        Without a `there` it is the one that listens. None where there is no such socket. The inode
        is 0 where no process has the socket open: it was closed, or not accepted yet; the uid of
        those means nothing before Linux 6.17. Raises OSError where the kernel does not answer. The
        kernel answers within the call (Linux 6: 20 µs).
        """
        local, remote = _packed(here), _NOBODY if there is None else _packed(there)
        family = _socket.AF_INET6 if ":" in here[0] else _socket.AF_INET
        self._netlink.send(
            b"".join(
                (
                    (72).to_bytes(4, byteorder),
                    _BY_FAMILY.to_bytes(2, byteorder),
                    _REQUEST.to_bytes(2, byteorder),
                    bytes(8),
                    bytes((family, _TCP, 0, 0)),
                    b"\xff\xff\xff\xff",  # in any state
                    local[:2],
                    remote[:2],
                    local[2:].ljust(16, b"\0"),
                    remote[2:].ljust(16, b"\0"),
                    bytes(4),  # through any interface
                    b"\xff\xff\xff\xff\xff\xff\xff\xff",  # under any cookie
                )
            )
        )
        answer = self._netlink.recv(_ANSWER_BYTES)
        if int.from_bytes(answer[4:6], byteorder) == _ERROR:
            code = -int.from_bytes(answer[16:20], byteorder, signed=True)
            if code == _ENOENT:
                return None
            raise OSError(code, os.strerror(code))
        # Where it has no such connection, the kernel gives the socket that listens at `here`.
        listens = answer[17] == _LISTENING
        if answer[20:24] != local[:2] + remote[:2] or listens != (there is None):
            return None
        uid = int.from_bytes(answer[80:84], byteorder)
        inode = int.from_bytes(answer[84:88], byteorder)
        if inode == 0 and answer[17] != _ESTABLISHED:
            return None  # closed at its end; what is not accepted yet is established
        return uid, inode


def _packed(address: "Address") -> bytes:
    host = address[0].partition("%")[0]
    family = _socket.AF_INET6 if ":" in host else _socket.AF_INET
    return int(address[1]).to_bytes(2, "big") + _socket.inet_pton(family, host)


def is_trusted(uid: int) -> bool:
    """Whether this is our own user, or root."""
    return uid in (0, os.geteuid())


class GoneError(Exception):
    """Nobody has the other end any more."""


def stranger(here: "Address", there: "Address") -> int | None:
    """Give the uid of another user who has the far end of this process's own connection.

    None where it is ours or root's, or the kernel can't tell. Raises GoneError where it is
    nobody's. Until a connection is accepted, it is whose the listener is. The listener is looked
    at first: what is still not accepted after that look belongs to it, since a listener takes
    such connections with it when it goes.
    """
    try:
        diag = SocketDiag()
    except OSError:
        return None
    try:
        listening = diag.owner(there, None)
        accepted = diag.owner(there, here)
        if accepted is None:
            if diag.owner(here, there) is None:
                return None  # it does not even know this process's own end
            raise GoneError
    except OSError:
        return None
    finally:
        diag.close()
    uid, inode = accepted
    if inode == 0:
        if listening is None:
            raise GoneError
        uid = listening[0]
    return None if is_trusted(uid) else uid


def user_named(uid: int) -> str:
    """Give who this is, for people."""
    import pwd

    try:
        return f"the user {pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"a user without a name (uid {uid})"
