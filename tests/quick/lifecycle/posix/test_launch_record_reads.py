"""What a launch may choose from is read when it is chosen, and numbered in the same section."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import Launch
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.posix.launch_record import LaunchRecord
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.record import PAUSES_S, Build, Record, rejected
from incumbent.lifecycle.record_format import decoded, encoded
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import REBIND, Worker

from ....isolation import Sandbox

NEW = Build("2.0.0", "app:app", sys.executable)
GOOD = Build("1.0.0", "app:app", sys.executable)
OWN = Build("0.9.0", "own:app", sys.executable)


class Case:
    """The record as one holder sees it."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.notices = worker, list[str]()
        self.lock = SpawnLockHold(worker, self.notices)
        self.path = Path(worker.path("launch.json"))
        store = RecordStore(worker, self.notices)
        self.store = LaunchRecord(worker, store, self.lock, self.notices, lambda: OWN)

    def write(self, record: Record) -> None:
        self.path.write_bytes(encoded(record))

    @property
    def record(self) -> Record:
        return decoded(self.path.read_bytes(), self.worker.name)


@pytest.fixture
def case(sandbox: Sandbox, data_dir: Path) -> Case:
    its = Worker(environ=sandbox.environment(), data_dir=str(data_dir), port=sandbox.port)
    return Case(its)


def failed(case: Case, seconds_ago: float) -> Record:
    record = Record(case.worker.name, NEW, GOOD, generation=Generation("line", 7))
    return rejected(record, NEW, "it failed", False, time.time() - seconds_ago)


def test_a_rejection_counts_until_its_pause_is_over(case: Case):
    case.write(failed(case, seconds_ago=PAUSES_S[0] / 2))
    read = asyncio.run(case.store.record())
    assert read is not None
    assert [one.version for one in read.rejected] == ["2.0.0"]
    case.write(failed(case, seconds_ago=PAUSES_S[0] * 2))
    read = asyncio.run(case.store.record())
    assert read is not None
    assert read.rejected == ()
    assert len(case.record.rejected) == 1


def test_a_try_that_takes_a_worker_down_is_worth_none(case: Case):
    case.worker.handover = REBIND
    case.write(failed(case, seconds_ago=PAUSES_S[0] * 2))
    read = asyncio.run(case.store.record())
    assert read is not None
    assert [one.version for one in read.rejected] == ["2.0.0"]


def test_what_may_be_launched_is_what_was_not_rejected_then_the_last_resort(case: Case):
    case.write(Record(case.worker.name, NEW, GOOD))
    assert asyncio.run(case.store.candidates()) == (NEW, GOOD, OWN)
    case.write(failed(case, seconds_ago=1.0))
    assert asyncio.run(case.store.candidates()) == (GOOD, OWN)


def test_a_launch_is_numbered_in_the_record_that_it_chooses_from(case: Case):
    case.write(failed(case, seconds_ago=1.0))
    launch = asyncio.run(case.store.number_launch())
    assert launch == Launch((GOOD, OWN), Generation("line", 8))
    assert case.record.generation == Generation("line", 8)
    assert asyncio.run(case.store.number_launch()) == Launch((GOOD, OWN), Generation("line", 9))
    assert Guard(case.worker.path("spawn.lock.guard")).take(wait=False)


def test_the_first_launch_of_all_begins_a_line(case: Case):
    launch = asyncio.run(case.store.number_launch())
    assert launch is not None
    assert launch.candidates == (OWN,)
    assert launch.generation.number == 1
    assert launch.generation == case.record.generation


def test_a_guard_is_waited_for_by_the_pause_that_was_given(case: Case):
    holder = Guard(case.worker.path("spawn.lock.guard"))
    assert holder.take(wait=True)
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        holder.give_back()

    store = RecordStore(case.worker, case.notices)
    waiting = LaunchRecord(case.worker, store, case.lock, case.notices, lambda: None, pause)
    launch = asyncio.run(waiting.number_launch())
    assert launch is not None
    assert launch.candidates == ()
    assert len(paused) == 1


def test_a_record_that_cannot_be_read_gives_nothing_to_launch_and_says_why_once(case: Case):
    case.path.write_text(json.dumps({"format": 99}))
    assert asyncio.run(case.store.candidates()) == ()
    assert asyncio.run(case.store.record()) is None
    assert case.notices == []
    assert asyncio.run(case.store.number_launch()) is None
    assert len(case.notices) == 1
    assert case.notices[0]
    assert json.loads(case.path.read_text()) == {"format": 99}
    assert Guard(case.worker.path("spawn.lock.guard")).take(wait=False)


def test_a_number_that_cannot_be_written_launches_nothing(
    case: Case, monkeypatch: pytest.MonkeyPatch
):
    case.write(Record(case.worker.name, NEW, generation=Generation("line", 7)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert asyncio.run(case.store.number_launch()) is None
    assert case.record.generation == Generation("line", 7)
    assert len(case.notices) == 1
    assert "No space left on device" in case.notices[0]
