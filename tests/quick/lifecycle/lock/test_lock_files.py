"""The spawn lock's system calls keep their promises on a real file system, also where one fails."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import struct
import sys
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock import open_file_lock
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.lock.lock_files import PosixLockFiles, disown, is_gone
from incumbent.lifecycle.lock.process_identity import is_stopped, self_token, start_token
from incumbent.lifecycle.lock.spawn_lock import Handle, Owner

from ....world import dead_owner

T = TypeVar("T")

CONTENT = json.dumps({"token": "ours", "pid": 1}).encode()
HERE, BOOT = "this host", "this boot/this namespace"
OTHER_NAMESPACE, OTHER_BOOT = "this boot/another one", "another boot/this namespace"

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="no such locks, no /proc")


def does(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


@pytest.fixture
def path(data_dir: Path) -> Path:
    return data_dir / "spawn.lock"


@pytest.fixture
def files(path: Path) -> PosixLockFiles:
    return PosixLockFiles(str(path), [])


@pytest.fixture(autouse=True)
def _no_descriptor_is_left() -> Iterator[None]:
    before = sorted(os.listdir("/dev/fd"))
    yield
    assert sorted(os.listdir("/dev/fd")) == before


def refused(coroutine: Coroutine[Any, Any, object]) -> tuple[str, str]:
    with pytest.raises(FilesError) as raised:
        does(coroutine)
    return raised.value.path, raised.value.reason


def fails(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, failing)


# Who is gone.


def owner(pid: int, start: str, host: str = HERE, boot: str = BOOT, locked: bool = False) -> Owner:
    return Owner("token", pid, start, host, boot, "1.0.0", locked)


@linux_only
@pytest.mark.parametrize(
    ("says", "file_is_locked", "gone"),
    [
        ({"host": "another", "boot": OTHER_NAMESPACE, "locked": True}, False, True),
        ({"host": "another", "boot": OTHER_NAMESPACE, "locked": True}, True, False),
        ({"host": "another", "boot": OTHER_NAMESPACE, "locked": False}, False, False),
        ({"host": "another", "boot": OTHER_BOOT, "locked": True}, False, False),
        ({"boot": OTHER_NAMESPACE}, False, False),
        ({"boot": OTHER_BOOT}, True, True),
        ({"boot": "?", "locked": True}, False, False),
        ({"locked": True}, False, True),
        ({}, False, False),
    ],
)
def test_a_living_owner_is_gone_only_where_that_is_proved(
    path: Path, says: dict[str, Any], file_is_locked: bool, gone: bool
):
    with open(path, "wb") as file:
        if file_is_locked:
            open_file_lock.lock(file.fileno())
        found = is_gone(owner(os.getpid(), self_token(), **says), HERE, BOOT, str(path))
    assert found is gone


def test_in_doubt_about_our_own_boot_nobody_is_gone(path: Path):
    assert not is_gone(owner(*dead_owner()), HERE, "?", str(path))
    assert is_gone(owner(*dead_owner()), HERE, BOOT, str(path))
    assert not is_gone(owner(*dead_owner(), host="another"), HERE, BOOT, str(path))


@linux_only
def test_a_lock_file_that_cannot_be_looked_at_proves_nothing(path: Path):
    says = owner(os.getpid(), self_token(), locked=True)
    assert not is_gone(says, HERE, BOOT, str(path))


# What can't be made.


def test_a_lock_in_a_folder_that_is_not_there_names_the_lock(data_dir: Path):
    path = str(data_dir / "missing" / "spawn.lock")
    files = PosixLockFiles(path, [])
    assert refused(files.create(CONTENT)) == (path, "No such file or directory")
    temporary, why = refused(files.prepare(CONTENT))
    assert temporary.startswith(f"{path}.")
    assert temporary.endswith(".tmp")
    assert why == "No such file or directory"


@pytest.mark.parametrize("verb", ["create", "prepare"])
def test_a_lock_that_cannot_be_written_leaves_no_file(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
):
    with monkeypatch.context() as patch:
        fails(patch, "write", errno.ENOSPC)
        told, why = refused(getattr(files, verb)(CONTENT))
    assert told.startswith(str(path))
    assert why == "No space left on device"
    assert [one.name for one in path.parent.iterdir()] == []


def test_a_lock_that_was_written_says_that_it_is_locked(files: PosixLockFiles, path: Path):
    handle = does(files.create(CONTENT))
    assert handle is not None
    assert json.loads(path.read_bytes())["locked"] is True
    assert open_file_lock.is_locked(str(path)) is True
    does(files.close(handle))
    assert open_file_lock.is_locked(str(path)) is False


def test_where_there_are_no_such_locks_it_does_not_say_so(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(open_file_lock, "SUPPORTED", False)
    handle = does(files.create(CONTENT))
    assert handle is not None
    assert path.read_bytes() == CONTENT
    assert open_file_lock.is_locked(str(path)) is None
    with pytest.raises(OSError, match="not implemented") as raised:
        open_file_lock.lock(handle.fd)
    assert raised.value.errno == errno.ENOSYS
    does(files.close(handle))


# What can't be looked at.


def test_a_lock_that_others_may_write_is_an_error(files: PosixLockFiles, path: Path):
    path.write_bytes(CONTENT)
    path.chmod(0o666)
    told, why = refused(files.look())
    assert told == str(path)
    assert "others may write it" in why


def test_a_link_is_told_as_one_and_a_folder_is_not(files: PosixLockFiles, path: Path):
    path.symlink_to("elsewhere")
    assert refused(files.look()) == (str(path), "it is a symbolic link")
    path.unlink()
    path.mkdir()
    assert refused(files.look()) == (str(path), "Is a directory")


def test_a_lock_whose_descriptor_is_not_to_be_had_names_it(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch
):
    path.write_bytes(CONTENT)
    fails(monkeypatch, "open", errno.EMFILE)
    assert refused(files.look()) == (str(path), "Too many open files")


def test_a_lock_is_seen_with_its_age_and_its_file(files: PosixLockFiles, path: Path):
    path.write_bytes(CONTENT)
    then = time.time() - 100.0
    os.utime(path, (then, then))
    found = does(files.look())
    assert found is not None
    told = path.stat()
    assert (found.identity, found.mtime) == ((told.st_dev, told.st_ino), told.st_mtime)
    assert 99.0 < found.age < 160.0
    assert found.content == CONTENT


# A lock that can't be confirmed.


@pytest.mark.parametrize("fault", ["guard", "look"])
def test_a_lock_that_was_created_and_cannot_be_confirmed_is_nobodys_at_once(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
):
    assert does(files.create(CONTENT)) is not None
    with monkeypatch.context() as patch:
        fails(patch, "open", errno.EMFILE)
        refused(files.guard(wait=True) if fault == "guard" else files.look())
    assert path.stat().st_mtime == 0
    assert open_file_lock.is_locked(str(path)) in (False, None)


@pytest.mark.parametrize("fault", ["guard", "look"])
def test_a_lock_that_was_confirmed_is_not_disowned_later(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
):
    handle = does(files.create(CONTENT))
    assert handle is not None
    assert does(files.guard(wait=True)) is True
    does(files.unguard())
    with monkeypatch.context() as patch:
        fails(patch, "open", errno.EMFILE)
        refused(files.guard(wait=True) if fault == "guard" else files.look())
    assert path.stat().st_mtime > 0
    does(files.close(handle))


def test_a_lock_that_cannot_even_be_disowned_is_closed(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch
):
    handle = does(files.create(CONTENT))
    assert handle is not None
    fails(monkeypatch, "utime", errno.EPERM)
    disown(handle)
    assert path.stat().st_mtime > 0


def test_a_guard_is_only_waited_for_by_who_wants_to_wait(files: PosixLockFiles, path: Path):
    other = Guard(f"{path}.guard")
    assert other.take(wait=True)
    assert does(files.guard(wait=False)) is False
    other.give_back()
    assert does(files.guard(wait=False)) is True
    assert other.take(wait=False) is False
    does(files.unguard())
    assert other.take(wait=False) is True
    other.give_back()


def test_a_guard_is_waited_for_by_the_pause_that_was_given(path: Path):
    other = Guard(f"{path}.guard")
    assert other.take(wait=True)
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        other.give_back()

    files = PosixLockFiles(str(path), [], pause)
    assert does(files.guard(wait=True)) is True
    assert len(paused) == 1
    does(files.unguard())


# A lock that takes the place of another.


def prepared(files: PosixLockFiles) -> Handle:
    return does(files.prepare(CONTENT))


def test_a_corrupt_lock_is_set_aside_with_what_it_held(path: Path, monkeypatch: pytest.MonkeyPatch):
    notices: list[str] = []
    files = PosixLockFiles(str(path), notices)
    monkeypatch.setattr(time, "strftime", lambda *_: "now")
    for content in (b"first", b"second"):  # of two in one second the later is kept
        path.write_bytes(content)
        fresh = prepared(files)
        does(files.install(fresh, keep_old=True))
        does(files.close(fresh))
    aside = path.with_name("spawn.lock.corrupt-now")
    assert aside.read_bytes() == b"second"
    assert json.loads(path.read_bytes())["token"] == "ours"
    assert notices == [f"{path} was corrupt; set aside as {aside}, going on"] * 2
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name, aside.name]


@pytest.mark.parametrize("call", ["replace", "link"])
def test_a_lock_that_cannot_take_the_place_leaves_the_old_one_and_nothing_else(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch, call: str
):
    path.write_bytes(b"old")
    fresh = prepared(files)
    with monkeypatch.context() as patch:
        fails(patch, call, errno.EACCES)
        told = refused(files.install(fresh, keep_old=call == "link"))
    assert told == (str(path), "Permission denied")
    assert path.read_bytes() == b"old"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_lock_that_is_dropped_leaves_nothing(files: PosixLockFiles, path: Path):
    does(files.drop(prepared(files)))
    assert list(path.parent.iterdir()) == []


def test_an_age_is_given_to_the_lock_and_never_to_what_a_link_leads_to(
    files: PosixLockFiles, path: Path
):
    target = path.with_name("another file")
    target.write_bytes(b"")
    before = target.stat().st_mtime
    path.symlink_to(target)
    does(files.age(1000.0))
    assert target.stat().st_mtime == before
    path.unlink()
    path.write_bytes(CONTENT)
    does(files.age(1000.0))
    assert path.stat().st_mtime == 1000.0


def test_what_is_not_ours_to_touch_keeps_its_age(
    files: PosixLockFiles, path: Path, monkeypatch: pytest.MonkeyPatch
):
    path.write_bytes(CONTENT)
    before = path.stat().st_mtime
    with monkeypatch.context() as patch:
        fails(patch, "utime", errno.EPERM)
        does(files.age(1000.0))
    assert path.stat().st_mtime == before


# Locks of open files, processes.


def set_lock(fd: int, how: int, start: int) -> None:
    """Lock one byte for this description; one of the process would end with any close."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", how, os.SEEK_SET, start, 1, 0))


@linux_only
def test_the_whole_of_a_file_is_locked_from_its_first_byte(path: Path):
    path.write_bytes(CONTENT)
    with open(path, "r+b") as file, open(path, "r+b") as other:
        for start in (0, 1, 10**6):
            set_lock(other.fileno(), fcntl.F_WRLCK, start)
            assert open_file_lock.is_locked(str(path)) is True
            with pytest.raises(BlockingIOError):
                open_file_lock.lock(file.fileno())
            set_lock(other.fileno(), fcntl.F_UNLCK, start)
        assert open_file_lock.is_locked(str(path)) is False


@linux_only
def test_a_process_that_runs_is_not_stopped():
    assert not is_stopped(os.getpid())
    assert not is_stopped(dead_owner()[0])


@linux_only
def test_a_process_that_cannot_be_read_is_alive(monkeypatch: pytest.MonkeyPatch):
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", denied)
        token, stopped = start_token(os.getpid()), is_stopped(os.getpid())
    assert (token, stopped) == ("?", False)
