"""A service manager is told what it wants to know; what it passes to others is not taken."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import Row
from incumbent.server.process import service_manager
from incumbent.server.process.service_manager import Manager

SUCCESSOR = 4711
US = str(os.getpid())


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def told(channel: socket.socket, source: str, dest: str) -> list[str]:
    """Give the lines that the manager is told of this transition."""
    manager = Manager({"NOTIFY_SOCKET": str(channel.getsockname())}, by_hand=True)
    manager.tell(Row("event", source, dest), SUCCESSOR)
    try:
        return channel.recv(4096).decode().splitlines()
    except BlockingIOError:
        return []


@pytest.mark.parametrize("source", [states.STARTING, states.RESUMING_PID_WRITTEN])
def test_whoever_serves_is_ready_and_the_main_process(channel: socket.socket, source: str):
    said = told(channel, source, states.VERIFIED)
    assert said == ["READY=1", "STATUS=serving", f"MAINPID={US}"]


def test_a_recycle_that_was_declined_is_nothing_to_tell(channel: socket.socket):
    assert told(channel, states.LOCKING, states.VERIFIED) == []


def test_after_a_handover_the_successor_is_the_main_process(channel: socket.socket):
    said = told(channel, states.AWAITING_SUCCESSOR, states.HANDED_OVER)
    assert said == ["STATUS=handed over", f"MAINPID={SUCCESSOR}"]


@pytest.mark.parametrize("dest", [states.STOPPING, states.STOPPED])
def test_a_stop_is_told(channel: socket.socket, dest: str):
    assert told(channel, states.VERIFIED, dest) == ["STOPPING=1"]


@pytest.mark.parametrize("dest", [states.DRAINING, states.FAILED, states.LOCKING])
def test_what_the_manager_need_not_know_is_not_told(channel: socket.socket, dest: str):
    assert told(channel, states.VERIFIED, dest) == []


def test_a_successor_learns_where_the_manager_listens():
    assert Manager({"NOTIFY_SOCKET": "/a"}, by_hand=False).passed_on == {"NOTIFY_SOCKET": "/a"}
    assert Manager({}, by_hand=True).passed_on == {}


@pytest.mark.parametrize(
    ("environ", "by_hand", "managed", "respawns"),
    [
        ({"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": US}, True, False, True),
        ({"INVOCATION_ID": "x"}, True, False, True),
        ({"INVOCATION_ID": "x", "SYSTEMD_EXEC_PID": "1"}, True, False, False),
        ({"INVOCATION_ID": "x"}, False, False, False),
        ({"INVOCATION_ID": "x", "NOTIFY_SOCKET": "/a"}, True, False, False),
        ({"SYSTEMD_EXEC_PID": US}, True, False, False),
        ({}, True, False, False),
        ({}, True, True, True),
    ],
)
def test_who_starts_the_worker_again(environ, by_hand: bool, managed: bool, respawns: bool):
    assert Manager(environ, by_hand, managed).respawns is respawns


# Its sockets.


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Give a listener whose copy stands where a manager's sockets begin."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        copy = one.dup()
        monkeypatch.setattr(service_manager, "FIRST_FD", copy.fileno())
        yield one
        number = copy.detach()
        try:
            os.close(number)
        except OSError:
            return  # taken over, then closed


def test_a_socket_for_this_process_is_taken_close_on_exec(listener: socket.socket):
    os.set_inheritable(service_manager.FIRST_FD, True)
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": US, "LISTEN_FDNAMES": "x"}
    manager = Manager(environ, by_hand=True)
    found = manager.socket_for(*listener.getsockname())
    assert environ == {}
    assert found is not None
    with found:
        assert found.fileno() == service_manager.FIRST_FD
        assert not found.get_inheritable()
    assert manager.socket_for(*listener.getsockname()) is None


@pytest.mark.parametrize(
    ("count", "pid"),
    [("1", "1"), ("1", ""), ("1", f"{US}0"), ("", US), ("-1", US), ("x", US), ("0", US)],
    ids=["of init", "of nobody", "longer", "no count", "negative", "no number", "none"],
)
def test_a_socket_for_somebody_else_is_not_taken(listener: socket.socket, count: str, pid: str):
    environ = {"LISTEN_FDS": count, "LISTEN_PID": pid}
    assert Manager(environ, by_hand=True).socket_for(*listener.getsockname()) is None
    assert environ == {}
    os.fstat(service_manager.FIRST_FD)


def test_a_child_of_a_worker_takes_no_socket(listener: socket.socket):
    environ = {"LISTEN_FDS": "1", "LISTEN_PID": US}
    assert Manager(environ, by_hand=False).socket_for(*listener.getsockname()) is None
    os.fstat(service_manager.FIRST_FD)


@pytest.mark.usefixtures("listener")
def test_a_socket_that_listens_elsewhere_is_an_error_and_closed():
    manager = Manager({"LISTEN_FDS": "1", "LISTEN_PID": US}, by_hand=True)
    with pytest.raises(ValueError, match=r"does not listen on 127\.0\.0\.1:1; set ListenStream"):
        manager.socket_for("127.0.0.1", 1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(service_manager.FIRST_FD)
