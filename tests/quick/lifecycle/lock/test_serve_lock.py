"""The serve lock is held by one description at a time, wherever its copies are."""

import errno
import fcntl
import json
import os
import signal
import socket

import pytest

from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.lock.open_file_lock import SUPPORTED
from incumbent.lifecycle.lock.serve_lock import (
    CONTENT_BYTES,
    Holder,
    ServeLock,
    holder_in,
    is_held,
    network_id,
)

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="no locks of open files here")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "serve.lock")


@pytest.fixture
def lock(path):
    ours = ServeLock(path)
    yield ours
    ours.close()


def holder(pid: int = 7, number: int = 3) -> Holder:
    return Holder(pid, "127.0.0.1", 27001, network_id(), "here", "i", Generation("ab", number))


def test_a_lock_that_nobody_has_is_taken(path, lock):
    assert not is_held(path)
    assert lock.take()
    assert is_held(path)


def test_a_lock_that_somebody_has_is_not_taken(path, lock):
    lock.take()
    other = ServeLock(path)
    assert not other.take()
    assert not other.held


def test_to_look_takes_nothing(path, lock):
    lock.take()
    lock.release()
    assert not is_held(path)
    assert lock.take()


def test_a_file_that_is_not_there_is_held_by_nobody(path):
    assert not is_held(path)
    assert not os.path.exists(path)


def test_a_released_lock_is_free_although_a_copy_lives(path, lock):
    lock.take()
    copy = os.dup(lock.fd)
    lock.release()
    assert not is_held(path)
    os.close(copy)


def test_a_closed_copy_leaves_the_lock_with_the_other(path, lock):
    lock.take()
    other = ServeLock(path)
    other.adopt(os.dup(lock.fd))
    lock.close()
    assert is_held(path)
    other.close()
    assert not is_held(path)


def test_a_lock_that_is_passed_on_is_never_free(path, lock):
    lock.take()
    ours, theirs = socket.socketpair()
    socket.send_fds(ours, [b"x"], [lock.fd])
    lock.close()
    assert is_held(path)
    _, fds, _, _ = socket.recv_fds(theirs, 1, 1)
    other = ServeLock(path)
    other.adopt(fds[0])
    assert is_held(path)
    other.close()
    ours.close()
    theirs.close()
    assert not is_held(path)


def test_the_lock_of_a_killed_process_is_free(path, lock):
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        ServeLock(path).take()
        os.write(told, b"x")
        signal.pause()
    assert os.read(ready, 1) == b"x"
    assert is_held(path)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(ready)
    os.close(told)
    assert not is_held(path)
    assert lock.take()


def test_who_holds_it_is_read_as_it_was_written(path, lock):
    lock.take()
    lock.name(holder())
    assert holder_in(path) == holder()


def test_a_shorter_name_leaves_nothing_of_a_longer_one(path, lock):
    lock.take()
    lock.name(holder(pid=4_000_000, number=123_456))
    lock.name(holder(pid=1, number=1))
    assert holder_in(path) == holder(pid=1, number=1)
    assert os.stat(path).st_size == CONTENT_BYTES


def test_a_name_is_written_into_the_file_that_is_locked(path, lock):
    lock.take()
    before = os.stat(path).st_ino
    lock.name(holder())
    assert os.stat(path).st_ino == before
    assert is_held(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, json.dumps({"pid": "7"}).encode()],
)
def test_any_other_content_names_nobody(path, content):
    with open(path, "wb") as file:
        file.write(content)
    assert holder_in(path) is None


def test_a_file_that_was_replaced_is_noticed(path, lock):
    lock.take()
    assert lock.is_at_its_path()
    os.rename(path, f"{path}.old")
    assert not lock.is_at_its_path()
    with open(path, "wb"):
        assert not lock.is_at_its_path()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_such_locks_it_is_told_and_the_address_decides(
    path, lock, monkeypatch, number
):
    def without(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "fcntl", without)
    assert lock.take()
    assert f"the file system of {path} has no locks of open files" in lock.trouble
    assert ServeLock(path).take()
    assert not is_held(path)
    assert lock.is_at_its_path()


def test_where_there_are_such_locks_nothing_is_told(lock):
    lock.take()
    assert lock.trouble == ""


def test_what_cannot_be_looked_at_counts_as_being_there(lock, monkeypatch):
    lock.take()

    def broken(_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", broken)
        assert lock.is_at_its_path()
