"""The spawn lock has one holder, on a real file system."""

import asyncio
import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.lock.lock_files import PosixLockFiles
from incumbent.lifecycle.lock.process_identity import boot_id, self_token
from incumbent.lifecycle.lock.spawn_lock import (
    ACQUIRED,
    HELD,
    STOLEN,
    TORN_S,
    UNMENDED_S,
    SpawnLock,
    owner_in,
)
from incumbent.lifecycle.posix.launcher import run_blocking
from incumbent.lifecycle.settings import LEASE_S

from ....isolation import REPOSITORY
from ....open_files import open_below
from ....world import dead_owner

PROCESSES = 6
ROUNDS = 60


def claim(path: Path, **says: object) -> SpawnLock:
    """Give one actor's side of the lock, as this process unless `says` says otherwise."""
    content = {
        "token": os.urandom(8).hex(),
        "pid": os.getpid(),
        "start": self_token(),
        "host": socket.gethostname(),
        "boot": boot_id(),
        "version": "1.0.0",
    } | says
    return SpawnLock(
        PosixLockFiles(str(path), []), str(content["token"]), json.dumps(content).encode()
    )


def acquire(lock: SpawnLock) -> str:
    return asyncio.run(lock.acquire())


def release(lock: SpawnLock) -> None:
    asyncio.run(lock.release())


def is_free(lock: SpawnLock) -> bool:
    return asyncio.run(lock.is_free())


def grow_old(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def make_older(path: Path, seconds: float) -> None:
    """Let the lock be so much older than it is."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def token_in(path: Path) -> str:
    owner = owner_in(path.read_bytes())
    assert owner is not None
    return owner.token


@pytest.fixture
def path(data_dir: Path) -> Path:
    return data_dir / "spawn.lock"


def test_a_free_lock_is_acquired(path):
    lock = claim(path)
    assert is_free(lock)
    assert acquire(lock) == ACQUIRED
    assert token_in(path) == lock.token
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_held_lock_is_not_acquired(path):
    holder, other = claim(path), claim(path)
    acquire(holder)
    assert acquire(other) == HELD
    assert other.handle is None
    assert not is_free(other)
    assert token_in(path) == holder.token


def test_a_released_lock_is_acquired_by_the_next(path):
    holder, other = claim(path), claim(path)
    acquire(holder)
    release(holder)
    assert not path.exists()
    assert acquire(other) == ACQUIRED


def test_a_lock_61_s_old_is_stolen(path):
    holder, thief = claim(path), claim(path)
    acquire(holder)
    grow_old(path, LEASE_S + 1)
    assert is_free(thief)
    assert acquire(thief) == STOLEN
    assert token_in(path) == thief.token


def test_a_lock_59_s_old_is_not_stolen(path):
    holder, thief = claim(path), claim(path)
    acquire(holder)
    grow_old(path, LEASE_S - 1)
    assert acquire(thief) == HELD
    assert token_in(path) == holder.token


def test_a_heartbeat_keeps_an_old_lock_from_being_stolen(path):
    holder, thief = claim(path), claim(path)
    acquire(holder)
    grow_old(path, LEASE_S + 1)
    assert holder.handle is not None
    os.utime(holder.handle.fd)
    assert acquire(thief) == HELD


def test_the_fresh_lock_of_a_dead_owner_is_stolen_at_once(path):
    pid, start = dead_owner()
    acquire(claim(path, pid=pid, start=start))
    thief = claim(path)
    assert is_free(thief)
    assert acquire(thief) == STOLEN


def test_the_fresh_lock_of_a_recycled_pid_is_stolen_at_once(path):
    acquire(claim(path, start=str(int(self_token()) - 1)))
    assert acquire(claim(path)) == STOLEN


@pytest.mark.parametrize(
    "says",
    [
        {"host": "elsewhere"},
        {"host": "elsewhere", "boot": "another boot"},
        {"boot": "?"},
        {"boot": boot_id().partition("/")[0] + "/pid:[1]"},
    ],
)
def test_the_dead_pid_of_another_host_or_namespace_proves_nothing(path, says):
    pid, start = dead_owner()
    acquire(claim(path, pid=pid, start=start, **says))
    assert acquire(claim(path)) == HELD


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a boot id moves with the clock")
@pytest.mark.parametrize("age", [0, -365 * 86400])
def test_the_lock_of_another_boot_of_this_host_is_stolen_at_once(path, age):
    acquire(claim(path, boot="another boot/pid:[1]"))
    grow_old(path, age)
    thief = claim(path)
    assert is_free(thief)
    assert acquire(thief) == STOLEN


@pytest.mark.parametrize("ahead", [5, 3600, 365 * 86400])
def test_a_time_in_the_future_is_stale_once_two_heartbeats_have_not_mended_it(path, ahead):
    acquire(claim(path, host="elsewhere"))
    grow_old(path, -ahead)
    thief = claim(path)
    assert acquire(thief) == HELD
    make_older(path, UNMENDED_S - 1)
    assert acquire(thief) == HELD
    make_older(path, 2)
    assert acquire(thief) == STOLEN


def test_a_time_in_the_future_that_a_heartbeat_mends_is_not_stale(path):
    holder, thief = claim(path), claim(path)
    acquire(holder)
    grow_old(path, -3600)
    acquire(thief)
    assert holder.handle is not None
    os.utime(holder.handle.fd)
    make_older(path, UNMENDED_S + 1)
    assert acquire(thief) == HELD
    assert token_in(path) == holder.token


def test_a_torn_lock_with_a_time_in_the_future_is_stolen_when_no_creation_can_take_so_long(path):
    path.write_bytes(b"{")
    grow_old(path, -365 * 86400)
    thief = claim(path)
    assert acquire(thief) == HELD
    make_older(path, TORN_S + 0.5)
    assert acquire(thief) == STOLEN


def test_an_old_lock_of_another_host_is_stolen(path):
    acquire(claim(path, host="elsewhere"))
    grow_old(path, LEASE_S + 1)
    assert acquire(claim(path)) == STOLEN


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"pid": 1}', b'{"token": "", "pid": 1}', b"[]", b"\xff\0", b"[" * 9999]
)
def test_a_torn_lock_is_stolen_once_no_creation_can_take_so_long(path, content):
    path.write_bytes(content)
    thief = claim(path)
    assert acquire(thief) == HELD
    grow_old(path, TORN_S + 1)
    assert acquire(thief) == STOLEN
    [aside] = path.parent.glob("spawn.lock.corrupt-*")
    assert aside.read_bytes() == content


@pytest.mark.parametrize("left", [b"", b"{", b"x" * 5000])
def test_what_a_dead_process_of_our_pid_left_half_written_is_in_nobodys_way(path, left):
    acquire(claim(path))
    grow_old(path, LEASE_S + 1)
    temporary = path.parent / f"spawn.lock.{os.getpid()}.tmp"
    temporary.write_bytes(left)
    grow_old(temporary, 2 * LEASE_S)
    thief = claim(path)
    assert acquire(thief) == STOLEN
    assert token_in(path) == thief.token
    assert not temporary.exists()
    assert acquire(claim(path)) == HELD


def test_a_whole_lock_is_not_set_aside_when_it_is_stolen(path):
    acquire(claim(path))
    grow_old(path, LEASE_S + 1)
    acquire(claim(path))
    assert list(path.parent.glob("*.corrupt-*")) == []


def test_a_release_spares_a_successor(path):
    holder, thief = claim(path), claim(path)
    acquire(holder)
    grow_old(path, LEASE_S + 1)
    acquire(thief)
    release(holder)
    assert token_in(path) == thief.token


def test_a_release_spares_a_lock_that_only_carries_the_same_token(path):
    holder = claim(path)
    acquire(holder)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    release(holder)
    assert path.exists()


def test_a_release_spares_a_file_whose_token_was_changed_in_place(path):
    holder = claim(path)
    acquire(holder)
    path.write_bytes(path.read_bytes().replace(holder.token.encode(), b"another"))
    release(holder)
    assert path.exists()


def test_a_robbed_holder_is_no_owner_any_more(path):
    holder, thief = claim(path), claim(path)
    acquire(holder)
    assert asyncio.run(holder.owned())
    grow_old(path, LEASE_S + 1)
    acquire(thief)
    assert not asyncio.run(holder.owned())
    assert asyncio.run(thief.owned())


def test_nothing_is_stolen_while_another_holds_the_guard(path):
    acquire(claim(path))
    grow_old(path, LEASE_S + 1)
    guard = Guard(f"{path}.guard")
    guard.take(wait=True)
    assert acquire(claim(path)) == HELD
    guard.give_back()
    assert acquire(claim(path)) == STOLEN


def test_a_clock_that_jumped_back_does_not_make_a_lock_stale(path):
    acquire(claim(path))
    grow_old(path, -3600)
    assert acquire(claim(path)) == HELD


def test_a_link_in_the_place_of_the_lock_is_an_error(path):
    path.symlink_to(path.parent / "missing")
    with pytest.raises(FilesError) as raised:
        acquire(claim(path))
    assert "symbolic link" in str(raised.value)


@contextlib.contextmanager
def descriptors_left(number):
    """Let this process open only so many files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("number", [1, 2])
def test_a_lock_that_cannot_be_confirmed_is_waited_for_by_nobody(path, number):
    acquire(claim(path))
    path.unlink()
    loser = claim(path)
    before = open_below(path.parent)
    with descriptors_left(number), pytest.raises(FilesError) as raised:
        run_blocking(loser.acquire())  # an event loop would need descriptors of its own
    assert "Too many open files" in str(raised.value)
    assert open_below(path.parent) == before
    assert acquire(claim(path)) == STOLEN


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("ask", ["release", "guarded"])
def test_a_holder_without_descriptors_does_not_keep_the_guard(path, number, ask):
    holder = claim(path)
    acquire(holder)
    with descriptors_left(number), pytest.raises(FilesError):
        run_blocking(getattr(holder, ask)())
    guard = Guard(f"{path}.guard")
    assert guard.take(wait=False)
    guard.give_back()
    assert acquire(claim(path)) == HELD  # it is as fresh as before


def test_a_lock_that_cannot_be_created_is_an_error(path):
    with pytest.raises(FilesError) as raised:
        acquire(claim(path.parent / "missing" / "spawn.lock"))
    assert "missing" in str(raised.value)


def test_a_folder_in_the_place_of_the_lock_is_an_error(path):
    path.mkdir()
    with pytest.raises(FilesError):
        acquire(claim(path))


def test_a_pipe_in_the_place_of_the_lock_holds_nobody_up(path):
    os.mkfifo(path)
    thief = claim(path)
    assert acquire(thief) == HELD
    grow_old(path, TORN_S + 1)
    assert acquire(thief) == STOLEN
    assert token_in(path) == thief.token


def test_losing_leaves_nothing_behind(path):
    holder = claim(path)
    acquire(holder)
    before = open_below(path.parent)
    for _ in range(3):
        acquire(claim(path))
    grow_old(path, LEASE_S - 1)
    acquire(claim(path))
    assert open_below(path.parent) == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["spawn.lock", "spawn.lock.guard"]


CONTENDER = """
import os, sys, time
from pathlib import Path
from tests.quick.lifecycle.lock.test_spawn_lock import acquire, claim, grow_old, release
path, lock = Path(sys.argv[1]), None
for line in sys.stdin:
    order, _, moment = line.partition(" ")
    if order == "try":
        lock = claim(path)
        while time.monotonic() < float(moment):
            pass
        print(acquire(lock), flush=True)
    else:
        if order.strip() == "release":
            release(lock)
        print("done", flush=True)
"""


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.slow
def test_of_many_processes_one_gets_the_lock_each_round(path):
    contenders = [
        subprocess.Popen(
            [sys.executable, "-c", CONTENDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for _ in range(PROCESSES)
    ]

    def all_do(order: str) -> list[str]:
        for process in contenders:
            assert process.stdin is not None
            process.stdin.write(f"{order}\n")
            process.stdin.flush()
        return [said(process) for process in contenders]

    losers = [HELD] * (PROCESSES - 1)
    all_do("get ready")
    for number in range(ROUNDS):
        got = all_do(f"try {time.monotonic() + 0.002}")
        assert sorted(got) == sorted([STOLEN if number % 2 else ACQUIRED, *losers])
        if number % 2:
            all_do("release")
        else:
            grow_old(path, LEASE_S + 1)  # left behind, to be stolen in the next round
    for process in contenders:
        process.communicate()
    assert [process.returncode for process in contenders] == [0] * PROCESSES
