"""Does things as another user of this machine, who needs no account: a number is enough."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from .world import SOON_S

US, THEM = 41_201, 41_202  # no user of this machine has these numbers

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT TESTED: only root can act as another user"
)
needs_setpriv = pytest.mark.skipif(
    not shutil.which("setpriv"), reason="NOT TESTED: it takes setpriv to act as another user"
)


def as_user(uid: int) -> list[str]:
    """Give what stands before a command for it to be this user's, wherever the code is."""
    who = ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"]
    return [*who, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


def begun_as(uid: int, act: Callable[[int], None]) -> tuple[int, int]:
    """Let a child do something as this user; give its pid, and what reads what it writes to `act`'s
    descriptor.
    """
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reads)
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            act(writes)
        except BaseException as error:
            os.write(writes, f"the child failed: {error!r}".encode())
        finally:
            os._exit(0)
    os.close(writes)
    return pid, reads


def done_as(uid: int, act: Callable[[], bytes]) -> bytes:
    """Give what this gives when this user does it."""

    def told(fd: int) -> None:
        os.write(fd, act())

    pid, reads = begun_as(uid, told)
    with os.fdopen(reads, "rb") as said:
        heard = said.read()
    os.waitpid(pid, 0)
    return heard


def connected(port: int, host: str = "127.0.0.1") -> socket.socket:
    """Connect, with nothing imported for it: another user may not be able to read our Python."""
    connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    connection.settimeout(SOON_S)
    connection.connect((host, port))
    return connection


def heard(port: int, says: bytes, host: str = "127.0.0.1", seconds: float = 3.0) -> bytes:
    """Give every byte that the port answers to these, up to its end."""
    received = b""
    with contextlib.suppress(OSError), connected(port, host) as connection:
        connection.settimeout(seconds)
        connection.sendall(says)
        while more := connection.recv(65536):
            received += more
    return received


class Impostor:
    """Another user's server; `received` is every byte that it was ever sent."""

    def __init__(self) -> None:
        self.received = b""


@contextlib.contextmanager
def impostor(uid: int, port: int, answer: bytes, accepts: bool = True) -> Iterator[Impostor]:
    """Let this user listen on the port; with or without ever accepting."""

    def serve(fd: int) -> None:
        with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
            os.write(fd, b"!")  # it listens
            while not accepts:
                signal.pause()
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=hear, args=(connection, fd), daemon=True).start()

    def hear(connection: socket.socket, fd: int) -> None:
        with contextlib.suppress(OSError):
            while said := connection.recv(65536):
                os.write(fd, said)
                connection.sendall(answer)

    pid, reads = begun_as(uid, serve)
    there = Impostor()
    try:
        assert os.read(reads, 1) == b"!"
        yield there
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(reads, "rb") as said:
            there.received = said.read()
