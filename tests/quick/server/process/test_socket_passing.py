"""The listener and all connections arrive at the successor, in their order, however many."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
from collections.abc import Iterator

import pytest

from incumbent.server.process import socket_passing

OURS = 6000  # this process is sender and receiver at once


@pytest.fixture(autouse=True)
def room_for_both() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < OURS:
        pytest.skip("too few descriptors may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OURS, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("number", [0, 1, 199, 200, 201, 253, 254, 600, 1000])
def test_every_connection_arrives_in_its_order(number: int):
    pairs = [socket.socketpair() for _ in range(number)]
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        sent: list[bool] = []
        kept = [pair[0] for pair in pairs]
        sender = threading.Thread(
            target=lambda: sent.append(socket_passing.send(ours, listener, kept))
        )
        sender.start()
        received = socket_passing.receive(theirs)
        sender.join()
        assert sent == [True]
        assert received is not None
        assert received.listener.getsockname() == listener.getsockname()
        assert not received.listener.get_inheritable()
        assert len(received.kept) == number
        for place, (copy, (_, client)) in enumerate(zip(received.kept, pairs, strict=True)):
            assert not copy.get_inheritable()
            copy.sendall(b"%d" % place)
            assert client.recv(16) == b"%d" % place
        received.listener.close()
        for each in (*received.kept, *(one for pair in pairs for one in pair)):
            each.close()


@pytest.mark.parametrize("shared", [True, False])
def test_the_successor_learns_whether_a_manager_holds_the_listener_too(shared: bool):
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        assert socket_passing.send(ours, listener, [], shared)
        received = socket_passing.receive(theirs)
        assert received is not None
        assert received.shared is shared
        received.listener.close()


def test_a_successor_that_is_gone_is_told_of():
    ours, theirs = socket.socketpair()
    theirs.close()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours:
        assert socket_passing.send(ours, listener, []) is False


def test_a_predecessor_that_is_gone_is_told_of():
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        assert socket_passing.receive(theirs) is None


def test_a_word_without_a_descriptor_is_no_socket():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.send(b"B\0\0\0\0")
        assert socket_passing.receive(theirs) is None


def test_a_predecessor_that_dies_between_two_messages_leaves_what_has_come():
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, theirs:
        socket.send_fds(ours, [b"B\0\0\0\x02"], [listener.fileno()])
        one, other = socket.socketpair()
        socket.send_fds(ours, [b"C\0\0\0\x01"], [one.fileno()])
        ours.close()
        received = socket_passing.receive(theirs)
        assert received is not None
        assert len(received.kept) == 1
        for each in (received.listener, *received.kept, one, other):
            each.close()


def test_a_successor_that_takes_nothing_holds_nobody_for_ever(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(socket_passing, "PASS_TIMEOUT_S", 0.05)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(b"x" * 4096)
        ours.setblocking(True)
        assert socket_passing.send(ours, listener, []) is False


def test_connections_without_room_are_closed_and_the_first_are_kept(
    monkeypatch: pytest.MonkeyPatch,
):
    pairs = [socket.socketpair() for _ in range(6)]
    ours, theirs = socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as listener, ours, theirs:
        assert socket_passing.send(ours, listener, [pair[0] for pair in pairs])
        first = os.dup(0)  # the listener takes this number, the connections the next ones
        os.close(first)
        monkeypatch.setattr(socket_passing, "room", lambda: first + 4)
        received = socket_passing.receive(theirs)
    assert received is not None
    for one, _ in pairs:
        one.close()
    closed = []
    for _, client in pairs:
        client.setblocking(False)
        try:
            closed.append(client.recv(1) == b"")
        except BlockingIOError:
            closed.append(False)
    assert closed.count(False) == len(received.kept)
    assert 0 < len(received.kept) < len(pairs)
    for each in (received.listener, *received.kept, *(client for _, client in pairs)):
        each.close()
