"""A service manager that is odd, deaf or gone stops no worker, and gives it only what is meant."""

from __future__ import annotations

import fcntl
import os
import socket
from pathlib import Path

import pytest

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import Row
from incumbent.server.process import service_manager as module
from incumbent.server.process import socket_passing
from incumbent.server.process.service_manager import Manager

from ....isolation import Sandbox

FIRST = 700  # beyond what the suite itself has open
UP = Row("up", states.NAMED, states.VERIFIED)
STOPS = Row("stop_asked", states.VERIFIED, states.STOPPING)


def told(address: str) -> Manager:
    return Manager({"NOTIFY_SOCKET": address}, by_hand=False)


def test_an_address_without_a_file_is_spoken_to():
    name = f"incumbent-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        channel.settimeout(20)
        told(f"@{name}").tell(UP, 0)
        assert channel.recv(1000) == f"READY=1\nSTATUS=serving\nMAINPID={os.getpid()}".encode()


def test_a_manager_that_is_gone_is_no_reason_to_stop(sandbox: Sandbox):
    told(str(sandbox.root / "nobody")).tell(UP, 0)
    told("").tell(UP, 0)


def test_a_manager_that_does_not_read_holds_nobody_up(sandbox: Sandbox):
    path = str(sandbox.root / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        for _ in range(2000):
            told(path).tell(STOPS, 0)
        assert channel.recv(1000) == b"STOPPING=1"


# Sockets.


def passed(monkeypatch: pytest.MonkeyPatch, *fds: int) -> Manager:
    """Let a manager pass these descriptors, one number after the other."""
    monkeypatch.setattr(module, "FIRST_FD", FIRST)
    for number, fd in enumerate(fds, FIRST):
        if fd >= 0:
            assert fcntl.fcntl(fd, fcntl.F_DUPFD, number) == number
    environ = {"LISTEN_FDS": str(len(fds)), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "x"}
    manager = Manager(environ, by_hand=True)
    assert environ == {}
    return manager


def is_closed(number: int) -> bool:
    return not Path(f"/proc/self/fd/{number}").exists()


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as its:
        yield its


def test_of_several_sockets_the_one_that_listens_there_is_taken(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with socket.create_server(("127.0.0.1", 0)) as other, open(tmp_path / "file", "wb") as file:
        manager = passed(monkeypatch, -1, file.fileno(), other.fileno(), listener.fileno())
        found = manager.socket_for(*listener.getsockname())
        assert found is not None
        assert found.fileno() == FIRST + 3
        assert not found.get_inheritable()
        assert is_closed(FIRST + 2)
        assert manager.socket_for(*listener.getsockname()) is None
        found.close()
        os.close(FIRST + 1)


def test_of_two_that_listen_there_the_first_is_taken_the_other_closed(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
):
    manager = passed(monkeypatch, listener.fileno(), listener.fileno())
    found = manager.socket_for(*listener.getsockname())
    assert found is not None
    assert found.fileno() == FIRST
    assert is_closed(FIRST + 1)
    found.close()


@pytest.mark.parametrize("kind", ["bound", "pair"])
def test_a_socket_that_does_not_listen_is_an_error_that_names_what_to_set(
    monkeypatch: pytest.MonkeyPatch, kind: str
):
    one, other = socket.socketpair() if kind == "pair" else (socket.socket(), socket.socket())
    if kind == "bound":
        one.bind(("127.0.0.1", 0))
    address = ("127.0.0.1", 1) if kind == "pair" else one.getsockname()
    manager = passed(monkeypatch, one.fileno())
    with pytest.raises(ValueError, match="set ListenStream or INCUMBENT_PORT") as raised:
        manager.socket_for(*address)
    assert f"{address[0]}:{address[1]}" in str(raised.value)
    assert is_closed(FIRST)
    one.close()
    other.close()


@pytest.mark.parametrize("count", ["", "x", "-1", "1.5"])
def test_a_number_that_is_none_passes_nothing(monkeypatch: pytest.MonkeyPatch, count: str):
    monkeypatch.setattr(module, "FIRST_FD", FIRST)
    environ = {"LISTEN_FDS": count, "LISTEN_PID": str(os.getpid())}
    assert Manager(environ, by_hand=True).socket_for("127.0.0.1", 1) is None
    assert environ == {}


# A baton.


def test_a_predecessor_whose_end_breaks_passes_nothing():
    ours, theirs = socket.socketpair()
    ours.send(b"unread")
    theirs.close()  # a reset, since something was unread
    assert socket_passing.receive(ours) is None
    ours.close()


def test_what_is_passed_is_close_on_exec(listener: socket.socket):
    ours, theirs = socket.socketpair()
    kept, client = socket.socketpair()
    with open(os.devnull, "rb") as lock:
        assert socket_passing.send(ours, listener, [kept], serve_lock=lock.fileno())
        received = socket_passing.receive(theirs)
        assert received is not None
        fds = [received.listener.fileno(), received.kept[0].fileno(), received.serve_lock]
        assert not any(map(os.get_inheritable, fds))
        assert os.fstat(received.serve_lock).st_rdev == os.fstat(lock.fileno()).st_rdev
        assert not received.shared
        os.close(received.serve_lock)
    for one in (received.listener, *received.kept, ours, theirs, kept, client):
        one.close()
