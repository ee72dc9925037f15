"""A worker that nobody spawned takes the lock itself, and judges itself; no other does."""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.posix.launch_record import LaunchRecord
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.record import Build, Record
from incumbent.lifecycle.record_format import decoded
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import LEASE_S, Worker
from incumbent.server import by_hand as module
from incumbent.server.by_hand import ByHand
from incumbent.server.main import hang_timeout
from incumbent.server.process.spawn_context import SpawnContext

BUILD = Build("7.0.0", "marvel:app", sys.executable)


class Case:
    """A worker, run by hand or spawned."""

    def __init__(self, worker: Worker, by_hand: bool = True, build: Build | None = BUILD) -> None:
        self.worker = worker
        self.lock = SpawnLockHold(worker, [])
        store = LaunchRecord(worker, RecordStore(worker, []), self.lock, [], lambda: None)
        context = SpawnContext(by_hand, build)
        context.lock_token = "our parent's"
        self.by_hand = ByHand(worker, context, self.lock, store)

    def takes(self, look: bool = True) -> str:
        return asyncio.run(self.by_hand.take_lock(look))

    def is_held(self) -> bool:
        return not asyncio.run(SpawnLockHold(self.worker, []).lock_is_free())

    @property
    def record(self) -> Record:
        return decoded(Path(self.worker.path("launch.json")).read_bytes(), self.worker.name)


def test_a_spawned_worker_has_its_parents_lock(worker: Worker):
    case = Case(worker, by_hand=False)
    assert case.takes() == ""
    assert not case.is_held()
    assert case.by_hand.lock_token == "our parent's"
    asyncio.run(case.by_hand.failed("it failed"))
    asyncio.run(case.by_hand.came_up())
    assert not Path(worker.path("launch.json")).exists()


def test_a_worker_run_by_hand_has_a_lock_of_its_own(worker: Worker):
    case = Case(worker)
    assert case.takes() == ""
    assert case.is_held()
    assert case.by_hand.lock_token == case.lock.token != ""
    asyncio.run(case.lock.release())


def test_a_port_in_use_is_told_with_what_tells_by_whom(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PROBE_TIMEOUT_S", 0.05)
    case = Case(worker)
    with socket.create_server((worker.host, worker.port)):
        said = case.takes()
    assert said.startswith(f"{worker.host}:{worker.port} is in use; run `")
    assert said.endswith(" status` to see by whom")
    assert not case.is_held()


def test_where_a_manager_listens_nobody_looks(worker: Worker):
    case = Case(worker)
    with socket.create_server((worker.host, worker.port)):
        assert case.takes(look=False) == ""
    assert case.is_held()
    asyncio.run(case.lock.release())


def test_a_lock_that_cannot_be_had_says_why(worker: Worker):
    Path(worker.path("spawn.lock")).mkdir()
    assert worker.path("spawn.lock") in Case(worker).takes()


def test_a_lock_that_another_has_is_waited_for(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    other = SpawnLockHold(worker, [])
    assert asyncio.run(other.acquire()).event == "lock_acquired"
    case = Case(worker)
    paused = 0

    async def sleep(_: float) -> None:
        nonlocal paused
        paused += 1
        if paused == 3:
            await other.release()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert case.takes(look=False) == ""
    assert paused == 3
    asyncio.run(case.lock.release())


def test_a_lock_that_stays_held_is_waited_for_longer_than_a_lease_and_not_for_ever(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    other = SpawnLockHold(worker, [])
    assert asyncio.run(other.acquire()).event == "lock_acquired"
    case = Case(worker)
    steps = itertools.count(0.0, 10.0)
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)
        assert len(paused) < 100, "it waits for ever"

    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        patch.setattr(time, "monotonic", lambda: next(steps))
        assert case.takes(look=False) == "another process holds the spawn lock"
    assert LEASE_S <= len(paused) * 10.0 <= 2 * LEASE_S
    asyncio.run(other.release())


@pytest.mark.parametrize("build", [BUILD, None], ids=["the recorded one", "our own"])
def test_a_worker_that_comes_up_is_recorded_as_good_and_lets_the_lock_go(
    worker: Worker, build: Build | None
):
    case = Case(worker, build=build)
    assert case.takes() == ""
    asyncio.run(case.by_hand.came_up())
    assert case.record.good is not None
    assert case.record.good.version == (build or own_build(worker)).version
    assert case.record.rejected == ()
    assert not case.is_held()


@pytest.mark.parametrize("build", [BUILD, None], ids=["the recorded one", "our own"])
def test_a_worker_that_fails_is_rejected_for_that_reason(worker: Worker, build: Build | None):
    case = Case(worker, build=build)
    assert case.takes() == ""
    before = time.time()
    asyncio.run(case.by_hand.failed("it failed"))
    [rejection] = case.record.rejected
    assert rejection.version == (build or own_build(worker)).version
    assert (rejection.reason, rejection.late) == ("it failed", False)
    assert rejection.at >= before - 1
    assert case.is_held()
    asyncio.run(case.lock.release())


@pytest.mark.parametrize(
    ("by_hand", "terminal", "given", "has"),
    [
        (True, True, None, 0.0),
        (True, True, 7.0, 7.0),
        (True, False, None, 60.0),
        (False, True, None, 60.0),
    ],
)
def test_only_where_a_debugger_may_stand_a_loop_may_stand_still(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, by_hand: bool, terminal: bool,
    given: float | None, has: float,
):  # fmt: skip
    monkeypatch.setattr("os.isatty", lambda fd: terminal and fd == 0)
    worker.hang_timeout = worker.hang_timeout if given is None else given
    assert hang_timeout(worker, SpawnContext(by_hand)) == has
