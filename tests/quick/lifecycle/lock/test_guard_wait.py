"""A guard is waited for by the caller's own pause, and never for ever."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock import guard as module
from incumbent.lifecycle.lock.guard import Guard, sleep
from incumbent.lifecycle.lock.lock_holders import lock_holders

from ....world import eventually

HOLDING = """
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(fd, fcntl.LOCK_EX)
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.fixture
def path(data_dir: Path) -> str:
    return str(data_dir / "spawn.lock.guard")


@pytest.fixture
def holder(path: str) -> Iterator[Guard]:
    held = Guard(path)
    assert held.take(wait=True)
    yield held
    held.give_back()


def test_a_free_guard_is_taken_without_a_pause(path: str):
    async def no_pause(_: float) -> None:
        pytest.fail("there was nothing to wait for")

    guard = Guard(path)
    asyncio.run(guard.wait(no_pause))
    assert Guard(path).take(wait=False) is False
    guard.give_back()


def test_a_busy_guard_is_tried_again_after_each_pause_of_the_caller(
    path: str, holder: Guard, monkeypatch: pytest.MonkeyPatch
):
    def blocked(_: float) -> None:
        pytest.fail("it waits by itself, and its caller stands still")

    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == 3:
            holder.give_back()

    monkeypatch.setattr(time, "sleep", blocked)
    guard = Guard(path)
    asyncio.run(guard.wait(pause))
    assert len(paused) == 3
    assert all(0 < seconds < 0.1 for seconds in paused)
    assert holder.take(wait=False) is False
    guard.give_back()


@pytest.mark.usefixtures("holder")
def test_a_wait_ends_with_who_holds_the_guard(path: str, monkeypatch: pytest.MonkeyPatch):
    now = itertools.count(100.0, module.WAIT_S / 4)
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        assert len(paused) < 100, "it waits for ever"

    with pytest.raises(FilesError) as raised:
        asyncio.run(Guard(path).wait(pause))
    assert len(paused) > 1
    assert raised.value.path == path
    assert f"the process {os.getpid()} holds it" in raised.value.reason


def test_a_stopped_process_that_holds_the_guard_is_named_with_what_wakes_it(
    path: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "WAIT_S", 0.0)
    stopped = subprocess.Popen([sys.executable, "-S", "-c", HOLDING, path])
    try:
        stat = Path(f"/proc/{stopped.pid}/stat")
        eventually(lambda: b") T " in stat.read_bytes(), "the holder is stopped")
        with pytest.raises(FilesError) as raised:
            Guard(path).take(wait=True)
    finally:
        stopped.send_signal(signal.SIGKILL)
        stopped.wait()
    assert raised.value.reason == (
        f"the process {stopped.pid} is stopped, and holds it: run `kill -CONT {stopped.pid}`"
    )


@pytest.mark.usefixtures("holder")
def test_where_the_kernel_does_not_tell_who_it_is_somebody_is_stopped(
    path: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "WAIT_S", 0.0)
    monkeypatch.setattr(module, "lock_holders", lambda _: [])
    with pytest.raises(FilesError, match="a stopped process holds it"):
        Guard(path).take(wait=True)


def test_who_only_has_the_file_open_does_not_hold_it(path: str, holder: Guard):
    assert lock_holders(path) == [os.getpid()]
    holder.give_back()
    with open(path, "rb"):
        assert lock_holders(path) == []


def test_a_file_that_is_not_there_is_held_by_nobody(data_dir: Path):
    assert lock_holders(str(data_dir / "no such file")) == []


def test_the_pause_of_who_has_nothing_else_to_do_is_a_sleep(monkeypatch: pytest.MonkeyPatch):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    asyncio.run(sleep(0.25))
    assert slept == [0.25]


@pytest.mark.usefixtures("holder")
def test_a_descriptor_or_a_process_that_goes_meanwhile_hides_no_holder(
    path: str, monkeypatch: pytest.MonkeyPatch
):
    listed = os.listdir

    def with_one_that_is_gone(place: str) -> list[str]:
        gone = ["999999"] if place.endswith("/fd") else [str(2**22 + 1)] if place == "/proc" else []
        return [*gone, *listed(place)]

    monkeypatch.setattr(os, "listdir", with_one_that_is_gone)
    assert lock_holders(path) == [os.getpid()]
