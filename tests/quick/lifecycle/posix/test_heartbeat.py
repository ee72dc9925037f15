"""A heartbeat keeps the lock fresh as long as it is legitimately held, through its own file."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.lock.spawn_lock import HEARTBEAT_S
from incumbent.lifecycle.posix import spawn_lock_hold as module
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.settings import LEASE_S, MARGIN_S, Worker

from ....open_files import open_below
from ....world import eventually

LONG_AGO_S = 1000.0
FOR_EVER_S = 1e9


class Clock:
    """Time that moves by `steps` seconds a beat; `beats` is called before each."""

    def __init__(self, steps: Iterator[float], beats: Callable[[], None]) -> None:
        self.now, self.waits, self._steps, self._beats = 50.0, 0, steps, beats

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        """Stand in for the event that stops the heartbeat: True when no step is left."""
        assert seconds == HEARTBEAT_S
        self._beats()
        self.waits += 1
        step = next(self._steps, None)
        self.now += step or 0.0
        return step is None


@pytest.fixture
def lock(data_dir: Path) -> Path:
    path = data_dir / "spawn.lock"
    path.write_bytes(b"the lock")
    return path


def touched(
    lock: Path, monkeypatch: pytest.MonkeyPatch, *steps: float, legitimate: float = FOR_EVER_S
) -> int:
    """Give how often a heartbeat touched this lock while time went by in these steps."""
    fd, count = os.open(lock, os.O_RDWR), 0

    def look() -> None:
        nonlocal count
        count += time.time() - lock.stat().st_mtime < LONG_AGO_S / 2
        then = time.time() - LONG_AGO_S
        os.utime(lock, (then, then))

    look()
    count = 0
    clock = Clock(iter(steps), look)
    monkeypatch.setattr(module, "time", clock)
    module._beat(fd, clock, legitimate)  # type: ignore[arg-type]  # its twin
    monkeypatch.undo()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
    look()
    return count


def test_every_beat_touches_the_lock(lock: Path, monkeypatch: pytest.MonkeyPatch):
    assert touched(lock, monkeypatch, HEARTBEAT_S, HEARTBEAT_S, HEARTBEAT_S) == 3


def test_a_pause_shorter_than_the_lease_does_not_end_it(
    lock: Path, monkeypatch: pytest.MonkeyPatch
):
    assert touched(lock, monkeypatch, *[LEASE_S - 1] * 4) == 4


def test_after_a_pause_longer_than_the_lease_the_lock_may_be_anothers(
    lock: Path, monkeypatch: pytest.MonkeyPatch
):
    assert touched(lock, monkeypatch, HEARTBEAT_S, LEASE_S + 1, HEARTBEAT_S) == 1


def test_a_lock_is_not_kept_longer_than_a_run_may_take(lock: Path, monkeypatch: pytest.MonkeyPatch):
    steps = [HEARTBEAT_S] * 9
    assert touched(lock, monkeypatch, *steps, legitimate=3 * HEARTBEAT_S) == 3


def test_a_lock_that_was_replaced_is_not_touched(lock: Path, monkeypatch: pytest.MonkeyPatch):
    fd = os.open(lock, os.O_RDWR)
    lock.unlink()
    lock.write_bytes(b"a successor's")
    then = time.time() - LONG_AGO_S
    os.utime(lock, (then, then))
    clock = Clock(iter([HEARTBEAT_S] * 3), lambda: None)
    monkeypatch.setattr(module, "time", clock)
    module._beat(fd, clock, FOR_EVER_S)  # type: ignore[arg-type]  # its twin
    monkeypatch.undo()
    assert clock.waits == 4
    assert time.time() - lock.stat().st_mtime > LONG_AGO_S / 2


def beating() -> list[threading.Thread]:
    """Give the threads that keep a lock fresh."""
    return [thread for thread in threading.enumerate() if thread.name.endswith("(_beat)")]


def test_a_holder_has_a_heartbeat_until_it_releases(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "HEARTBEAT_S", 0.005)
    others = beating()
    holder, path = SpawnLockHold(worker, []), Path(worker.path("spawn.lock"))
    assert asyncio.run(holder.acquire()).event == "lock_acquired"
    [thread] = [beat for beat in beating() if beat not in others]
    assert thread.daemon  # a launcher that ends does not wait for it
    for _ in range(2):
        then = time.time() - LONG_AGO_S
        os.utime(path, (then, then))
        eventually(lambda: path.stat().st_mtime > time.time() - LONG_AGO_S / 2, "a beat")
    asyncio.run(holder.release())
    thread.join(10)
    assert not thread.is_alive()
    assert open_below(worker.data_dir) == []


def test_a_heartbeat_goes_on_as_long_as_a_run_may_take(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    given: list[float] = []

    def noted(fd: int, _: threading.Event, legitimate: float) -> None:
        given.append(legitimate)
        os.close(fd)

    monkeypatch.setattr(module, "_beat", noted)
    holder = SpawnLockHold(worker, [])
    asyncio.run(holder.acquire())
    asyncio.run(holder.release())
    assert given == [worker.run_budget + MARGIN_S]


def test_a_contender_that_did_not_get_the_lock_has_no_heartbeat(worker: Worker):
    holder, other = SpawnLockHold(worker, []), SpawnLockHold(worker, [])
    others = beating()
    assert asyncio.run(holder.acquire()).event == "lock_acquired"
    result = asyncio.run(other.acquire())
    assert (result.event, result.reason) == ("lock_held", "another process holds the spawn lock")
    assert len([beat for beat in beating() if beat not in others]) == 1
    asyncio.run(other.release())
    assert Path(worker.path("spawn.lock")).exists()
    asyncio.run(holder.release())
    assert not Path(worker.path("spawn.lock")).exists()
    assert Guard(worker.path("spawn.lock.guard")).take(wait=False)


def test_each_try_of_one_holder_carries_the_same_token(worker: Worker):
    holder, other = SpawnLockHold(worker, []), SpawnLockHold(worker, [])
    assert (holder.token, other.token) == ("", "")
    asyncio.run(other.acquire())
    tokens = []
    for _ in range(2):
        asyncio.run(holder.acquire())
        tokens.append(holder.token)
    assert tokens[0] == tokens[1] != other.token
    asyncio.run(other.release())
    assert other.token == ""
