"""Passes the listening socket, with the connections that are idle just now, to a successor."""

from __future__ import annotations

import array
import os
import socket
import struct
from typing import NamedTuple

from .descriptors import room

_HEAD = struct.Struct("!cI")
_LISTENER = b"B"
_SHARED = b"S"  # the same, of a socket that a service manager holds too; 0.1.0 reads both alike
_MORE = b"C"
_CHUNK = 200  # the kernel passes at most 253 descriptors in one message (unix(7))
PASS_TIMEOUT_S = 2.0


class Passed(NamedTuple):
    """What was passed.

    `shared` says that a service manager holds the listener too; `serve_lock` is the descriptor of
    the serve lock, -1 from a predecessor of the first edition.
    """

    listener: socket.socket
    kept: list[socket.socket]
    shared: bool
    serve_lock: int


def send(
    pipe: socket.socket,
    listener: socket.socket,
    kept: list[socket.socket],
    shared: bool = False,
    serve_lock: int = -1,
) -> bool:
    """Send the listening socket; False when the standby is gone.

    `serve_lock` goes with it, where it is a descriptor. Connections that the kernel does not take
    any more stay with the sender.
    """
    pipe.settimeout(PASS_TIMEOUT_S)
    chunks = [kept[i : i + _CHUNK] for i in range(0, len(kept), _CHUNK)]
    try:
        first = [listener.fileno()] + [serve_lock] * (serve_lock >= 0)
        socket.send_fds(pipe, [_HEAD.pack(_SHARED if shared else _LISTENER, len(chunks))], first)
        for chunk in chunks:
            fds = [connection.fileno() for connection in chunk]
            socket.send_fds(pipe, [_HEAD.pack(_MORE, len(fds))], fds)
    except OSError:
        return False
    return True


def receive(pipe: socket.socket) -> Passed | None:
    """Wait for the listening socket; None when the predecessor is gone, or there is no descriptor
    for it.

    Every descriptor is made close-on-exec by the call that receives it. The listener comes first;
    connections for which there is no room are closed, or were not even received.
    """
    pipe.setblocking(True)
    try:
        head = _receive_one(pipe)
        if head is None or not head[2]:
            return None
        kind, chunks, fds = head
        listener = _socket_of(fds[0])
        kept: list[socket.socket] = []
        for _ in range(chunks):
            more = _receive_one(pipe)
            if more is None:
                break
            kept += _with_room(more[2])
    except OSError:
        return None
    return Passed(listener, kept, kind == _SHARED, fds[1] if len(fds) > 1 else -1)


def _with_room(fds: list[int]) -> list[socket.socket]:
    """Keep the connections that leave some descriptors for the work: numbers rise as they go."""
    kept = []
    for fd in fds:
        if fd < room():
            kept.append(_socket_of(fd))
        else:
            os.close(fd)
    return kept


def _receive_one(pipe: socket.socket) -> tuple[bytes, int, list[int]] | None:
    space = socket.CMSG_SPACE(_CHUNK * array.array("i").itemsize)
    said, extra, _, _ = pipe.recvmsg(_HEAD.size, space, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    if len(said) < _HEAD.size:
        return None
    fds = array.array("i")
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)
    what, number = _HEAD.unpack(said)
    return what, int(number), list(fds)


def _socket_of(fd: int) -> socket.socket:
    return socket.socket(fileno=fd)
