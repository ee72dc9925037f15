"""The guard is one actor's at a time; a process stopped inside it holds nobody up for ever."""

import errno
import fcntl
import os
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock import guard as module
from incumbent.lifecycle.lock.guard import Guard

from ....open_files import open_below


@pytest.fixture
def path(data_dir: Path) -> str:
    return str(data_dir / "spawn.lock.guard")


def test_a_free_guard_is_taken_and_given_back(path: str):
    one, other = Guard(path), Guard(path)
    assert one.take(wait=True) is True
    assert other.take(wait=False) is False
    one.give_back()
    assert other.take(wait=False) is True
    other.give_back()
    assert open_below(os.path.dirname(path)) == []


def test_a_guard_that_was_not_taken_is_given_back_in_vain(path: str):
    one, other = Guard(path), Guard(path)
    assert one.take(wait=True)
    other.give_back()
    assert Guard(path).take(wait=False) is False
    one.give_back()
    one.give_back()
    assert Guard(path).take(wait=False) is True


def test_the_guard_file_stays(path: str):
    one = Guard(path)
    assert one.take(wait=True)
    inode = os.stat(path).st_ino
    one.give_back()
    assert os.stat(path).st_ino == inode


def test_a_guard_held_too_long_is_an_error_that_names_it(
    path: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "WAIT_S", 0.05)
    holder = Guard(path)
    assert holder.take(wait=True)
    began = time.monotonic()
    with pytest.raises(FilesError) as raised:
        Guard(path).take(wait=True)
    assert time.monotonic() - began >= 0.05
    assert raised.value.path == path
    assert raised.value.reason.startswith(f"the process {os.getpid()} holds it: ")
    holder.give_back()
    assert open_below(os.path.dirname(path)) == []


def test_a_guard_that_is_given_back_meanwhile_is_taken(path: str, monkeypatch: pytest.MonkeyPatch):
    holder, waiter = Guard(path), Guard(path)
    assert holder.take(wait=True)
    sleep = time.sleep

    def given_back(seconds: float) -> None:
        holder.give_back()
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", given_back)
    assert waiter.take(wait=True) is True
    assert Guard(path).take(wait=False) is False
    waiter.give_back()


def test_a_guard_in_a_folder_that_is_not_there_is_an_error(data_dir: Path):
    path = str(data_dir / "missing" / "guard")
    with pytest.raises(FilesError) as raised:
        Guard(path).take(wait=False)
    assert (raised.value.path, raised.value.reason) == (path, "No such file or directory")


def test_a_file_system_without_locks_is_an_error_that_names_the_guard(
    path: str, monkeypatch: pytest.MonkeyPatch
):
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(FilesError) as raised:
        Guard(path).take(wait=True)
    assert (raised.value.path, raised.value.reason) == (path, "No locks available")
    assert open_below(os.path.dirname(path)) == []
