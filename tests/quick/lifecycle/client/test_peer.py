"""The kernel is asked whose the two ends of a loopback connection are."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from incumbent.lifecycle.client import peer
from incumbent.lifecycle.client.http import AnotherUserError, SilentError, check_far_end
from incumbent.lifecycle.client.peer import SocketDiag, stranger, user_named

from ....other_user import THEM, connected, impostor, needs_root


@pytest.fixture(params=["127.0.0.1", "::1"])
def listener(request, sandbox) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        listening = socket.create_server((request.param, sandbox.port), family=family)
    except OSError:
        pytest.skip(f"NOT TESTED: this machine has no {request.param}")
    with listening:
        yield listening


@pytest.fixture
def diag() -> Iterator[SocketDiag]:
    asks = SocketDiag()
    yield asks
    asks.close()


@pytest.fixture
def connection(listener) -> Iterator[socket.socket]:
    with socket.create_connection(listener.getsockname()[:2], 10.0) as connecting:
        yield connecting


def inode(of: socket.socket) -> int:
    return os.fstat(of.fileno()).st_ino


def test_a_listener_has_an_owner(diag, listener):
    assert diag.owner(listener.getsockname(), None) == (os.geteuid(), inode(listener))


def test_both_ends_of_a_connection_have_one(diag, listener, connection):
    accepted, address = listener.accept()
    with accepted:
        here = listener.getsockname()
        assert diag.owner(address, here) == (os.geteuid(), inode(connection))
        assert diag.owner(here, address) == (os.geteuid(), inode(accepted))


def test_an_end_that_is_not_accepted_yet_is_no_process_s(diag, listener, connection):
    found = diag.owner(listener.getsockname(), connection.getsockname())
    assert found is not None
    assert found[1] == 0


def test_an_end_that_was_closed_is_nobody_s(diag, listener, connection):
    accepted, address = listener.accept()
    with accepted:
        connection.close()
        assert diag.owner(address, listener.getsockname()) is None


def test_who_does_not_listen_has_no_owner(diag, listener):
    address = listener.getsockname()
    listener.close()
    assert diag.owner(address, None) is None


def test_a_connection_that_is_not_there_is_not_taken_for_its_listener(diag, listener):
    host, port, *rest = listener.getsockname()
    assert diag.owner((host, port, *rest), (host, 1, *rest)) is None


def test_our_own_listener_is_no_stranger(listener, connection):
    assert stranger(connection.getsockname(), connection.getpeername()) is None
    accepted, _ = listener.accept()
    with accepted:
        assert stranger(connection.getsockname(), connection.getpeername()) is None


def test_a_listener_that_went_before_it_accepted_is_gone(listener, connection):
    listener.close()
    with pytest.raises((SilentError, OSError)):
        check_far_end(connection)


@needs_root
@pytest.mark.parametrize("accepts", [True, False])
def test_another_users_listener_is_a_stranger_s(sandbox, accepts):
    named = rf"a user without a name \(uid {THEM}\)"
    with (
        impostor(THEM, sandbox.port, b"", accepts=accepts),
        connected(sandbox.port) as connection,
        pytest.raises(AnotherUserError, match=named),
    ):
        check_far_end(connection)


def test_where_the_kernel_can_not_tell_nobody_is_a_stranger(monkeypatch, connection):
    def refuse(_: SocketDiag) -> None:
        raise OSError("not Linux")

    monkeypatch.setattr(peer.SocketDiag, "__init__", refuse)
    assert stranger(connection.getsockname(), connection.getpeername()) is None


def test_a_user_is_named_with_the_number():
    assert user_named(0) == "the user root (uid 0)"
    assert user_named(THEM) == f"a user without a name (uid {THEM})"
