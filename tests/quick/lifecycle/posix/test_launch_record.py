"""A holder changes the record under the guard while the lock is its own, and never otherwise."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.posix.launcher import PosixLauncher
from incumbent.lifecycle.record import Build, Record
from incumbent.lifecycle.record_format import decoded
from incumbent.lifecycle.settings import Worker

BUILD = Build("1.0.0", "app:app", sys.executable)


@pytest.fixture
def holder(worker: Worker) -> PosixLauncher:
    return PosixLauncher(worker, "spawner", "api")


def held(holder: PosixLauncher) -> None:
    assert asyncio.run(holder.lock.acquire()).event == "lock_acquired"


def guard_is_free(worker: Worker) -> bool:
    guard = Guard(worker.path("spawn.lock.guard"))
    free = guard.take(wait=False)
    guard.give_back()
    return free


def recorded(worker: Worker) -> Record:
    return decoded(Path(worker.path("launch.json")).read_bytes(), worker.name)


def test_a_rejected_build_is_in_the_record_with_its_reason(holder: PosixLauncher, worker: Worker):
    held(holder)
    assert asyncio.run(holder.store.reject(BUILD, "it failed", late=True)) is True
    [rejection] = recorded(worker).rejected
    assert (rejection.version, rejection.reason, rejection.late) == ("1.0.0", "it failed", True)
    asyncio.run(holder.lock.release())


@pytest.mark.parametrize("verb", ["mark_good", "reject"])
def test_whoever_never_had_the_lock_changes_nothing(
    holder: PosixLauncher, worker: Worker, verb: str
):
    said = {"mark_good": (BUILD,), "reject": (BUILD, "why", False)}[verb]
    assert asyncio.run(getattr(holder.store, verb)(*said)) is False
    assert not Path(worker.path("launch.json")).exists()
    assert guard_is_free(worker)


def test_a_record_that_says_so_already_is_not_written_again(holder: PosixLauncher, worker: Worker):
    held(holder)
    asyncio.run(holder.store.mark_good(BUILD))
    before = os.stat(worker.path("launch.json"))
    assert asyncio.run(holder.store.mark_good(BUILD)) is True
    assert os.stat(worker.path("launch.json")).st_ino == before.st_ino
    asyncio.run(holder.lock.release())


def test_a_record_of_a_newer_format_is_left_alone_and_told_of(
    holder: PosixLauncher, worker: Worker
):
    path = Path(worker.path("launch.json"))
    path.write_text(json.dumps({"format": 99}))
    held(holder)
    assert asyncio.run(holder.store.mark_good(BUILD)) is False
    assert asyncio.run(holder.store.record()) is None
    assert json.loads(path.read_text()) == {"format": 99}
    assert len(holder.notices) == 1
    assert guard_is_free(worker)
    asyncio.run(holder.lock.release())
