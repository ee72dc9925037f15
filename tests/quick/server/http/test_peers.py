"""A connection is served where the kernel calls it our own user's, or root's."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator

import pytest

from incumbent.lifecycle.client.peer import SocketDiag
from incumbent.server.http.peers import Peers

from ....other_user import THEM, connected, done_as, needs_root

LIMIT_S = 10.0


@pytest.fixture
def listener(sandbox) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", sandbox.port)) as listening:
        listening.settimeout(LIMIT_S)
        yield listening


@pytest.fixture
def peers(listener) -> Iterator[Peers]:
    peers = Peers()
    peers.begin(listener)
    yield peers
    peers.end()


def test_our_own_connection_is_let_in(listener, peers):
    with connected(listener.getsockname()[1]):
        accepted, address = listener.accept()
        with accepted:
            assert peers.admits(accepted, address)


def test_one_that_was_closed_before_it_was_accepted_is_not(listener, peers, capfd):
    connected(listener.getsockname()[1]).close()
    accepted, address = listener.accept()
    with accepted:
        assert not peers.admits(accepted, address)
    assert "refused a connection of an unknown user" in capfd.readouterr().err


@needs_root
def test_another_users_is_not_and_is_told_once_a_minute(listener, peers, capfd):
    port = listener.getsockname()[1]

    def twice() -> bytes:
        with connected(port) as one, connected(port) as other:
            return one.recv(1) + other.recv(1)

    def refuse() -> None:
        for _ in range(2):
            accepted, address = listener.accept()
            admitted.append(peers.admits(accepted, address))
            accepted.close()

    admitted: list[bool] = []
    refusing = threading.Thread(target=refuse)
    refusing.start()
    assert done_as(THEM, twice) == b""
    refusing.join(LIMIT_S)
    assert admitted == [False, False]
    [line] = capfd.readouterr().err.splitlines()
    assert f"refused a connection of the user {THEM}" in line


@pytest.mark.parametrize(
    ("number", "can_tell"), [(errno.EPROTONOSUPPORT, False), (errno.EMFILE, True)]
)
def test_where_the_kernel_can_not_tell_everybody_is_let_in(
    listener, monkeypatch, capfd, number, can_tell
):
    """A shortage is no such word: until it has passed, nobody is let in."""

    def refuse(_: SocketDiag) -> None:
        raise OSError(number, "so it says")

    peers = Peers()
    with monkeypatch.context() as broken, connected(listener.getsockname()[1]):
        broken.setattr(SocketDiag, "__init__", refuse)
        peers.begin(listener)
        accepted, address = listener.accept()
        with accepted:
            assert peers.admits(accepted, address) is not can_tell
    assert peers.can_tell is can_tell
    told = "any local user can connect" in capfd.readouterr().err
    assert told is not can_tell
    if can_tell:
        with connected(listener.getsockname()[1]):
            accepted, address = listener.accept()
            with accepted:
                assert peers.admits(accepted, address)
    peers.end()
