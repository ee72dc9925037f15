"""Passes the listening socket, with the connections that are idle just now, to a successor."""

from __future__ import annotations

import array
import os
import socket
import struct

_HEAD = struct.Struct("!cI")
_BATON = b"B"
_MORE = b"C"
_CHUNK = 200  # the kernel passes at most 253 descriptors in one message (unix(7))
PASS_TIMEOUT_S = 2.0


def send(pipe: socket.socket, listener: socket.socket, kept: list[socket.socket]) -> bool:
    """Send the baton; False when the understudy is gone.

    Connections that the kernel does not take any more stay with the sender.
    """
    pipe.settimeout(PASS_TIMEOUT_S)
    chunks = [kept[i : i + _CHUNK] for i in range(0, len(kept), _CHUNK)]
    try:
        socket.send_fds(pipe, [_HEAD.pack(_BATON, len(chunks))], [listener.fileno()])
        for chunk in chunks:
            fds = [connection.fileno() for connection in chunk]
            socket.send_fds(pipe, [_HEAD.pack(_MORE, len(fds))], fds)
    except OSError:
        return False
    return True


def receive(pipe: socket.socket) -> tuple[socket.socket, list[socket.socket]] | None:
    """Wait for the baton; None when the predecessor is gone.

    Every descriptor is made close-on-exec by the call that receives it.
    """
    pipe.setblocking(True)
    try:
        head = _receive_one(pipe)
        if head is None:
            return None
        chunks, fds = head
        listener = _socket_of(fds[0])
        kept: list[socket.socket] = []
        for _ in range(chunks):
            more = _receive_one(pipe)
            if more is None:
                break
            kept += [_socket_of(fd) for fd in more[1]]
    except OSError:
        return None
    return listener, kept


def _receive_one(pipe: socket.socket) -> tuple[int, list[int]] | None:
    room = socket.CMSG_SPACE(_CHUNK * array.array("i").itemsize)
    said, extra, _, _ = pipe.recvmsg(_HEAD.size, room, getattr(socket, "MSG_CMSG_CLOEXEC", 0))
    if len(said) < _HEAD.size:
        return None
    fds = array.array("i")
    for level, kind, data in extra:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)
    return int(_HEAD.unpack(said)[1]), list(fds)


def _socket_of(fd: int) -> socket.socket:
    return socket.socket(fileno=fd)
