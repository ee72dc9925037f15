"""A holder changes the record under the guard; whoever can't hold the lock gives it back."""

import asyncio
import errno
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import LOCK_REFUSED, Child
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.posix.child_process import Process
from incumbent.lifecycle.posix.launcher import PosixLauncher
from incumbent.lifecycle.posix.lock_holder import LockHolder
from incumbent.lifecycle.record import Build, Record, decoded, encoded, rejected
from incumbent.lifecycle.settings import Worker

from ....isolation import Sandbox

BUILD = Build("1.0.0", "app:app", sys.executable)


@pytest.fixture
def worker(sandbox: Sandbox, data_dir: Path) -> Worker:
    return Worker(environ=sandbox.environment(), data_dir=str(data_dir), port=sandbox.port)


@pytest.fixture
def holder(worker: Worker) -> LockHolder:
    return LockHolder(worker, "api")


def held(holder: LockHolder) -> None:
    assert asyncio.run(holder.acquire()).event == "lock_acquired"


def recorded(worker: Worker) -> Record:
    return decoded(Path(worker.path("launch.json")).read_bytes(), worker.name)


# No heartbeat, no lock.


def no_descriptor(*_: object) -> int:
    raise OSError(errno.EMFILE, "Too many open files")


def no_thread(*_: object) -> None:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("where", "name", "fault", "why"),
    [
        (os, "dup", no_descriptor, "Too many open files"),
        (threading.Thread, "start", no_thread, "no thread is to be had"),
    ],
)
def test_a_lock_without_a_heartbeat_is_given_back(
    holder: LockHolder, worker: Worker, monkeypatch: pytest.MonkeyPatch, where, name, fault, why
):
    before = sorted(os.listdir("/dev/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(where, name, fault)
        result = asyncio.run(holder.acquire())
    assert result.event == LOCK_REFUSED
    assert result.reason.startswith(f"can't hold the spawn lock: {why}; make room, then run `")
    assert not Path(worker.path("spawn.lock")).exists()
    assert sorted(os.listdir("/dev/fd")) == before
    assert holder.lock_token == ""


def test_a_lock_that_cannot_be_tried_for_is_refused_with_the_reason(
    holder: LockHolder, worker: Worker
):
    os.mkdir(worker.path("spawn.lock"))
    result = asyncio.run(holder.acquire())
    assert result.event == LOCK_REFUSED
    assert worker.path("spawn.lock") in result.reason
    assert asyncio.run(holder.lock_is_free())  # the next try says what is wrong


def test_a_held_lock_is_not_free_and_a_released_one_is(holder: LockHolder, worker: Worker):
    other = LockHolder(worker, "api")
    assert asyncio.run(other.lock_is_free()) is True
    held(holder)
    assert asyncio.run(other.lock_is_free()) is False
    asyncio.run(holder.release())
    assert asyncio.run(other.lock_is_free()) is True


# The record.


def test_a_rejected_build_is_in_the_record_with_its_reason(holder: LockHolder, worker: Worker):
    held(holder)
    assert asyncio.run(holder.reject(BUILD, "it failed", late=True)) is True
    [rejection] = recorded(worker).rejected
    assert (rejection.version, rejection.reason, rejection.late) == ("1.0.0", "it failed", True)
    asyncio.run(holder.release())


@pytest.mark.parametrize("verb", ["mark_good", "reject"])
def test_whoever_never_had_the_lock_changes_nothing(holder: LockHolder, worker: Worker, verb: str):
    said = {"mark_good": (BUILD,), "reject": (BUILD, "why", False)}[verb]
    assert asyncio.run(getattr(holder, verb)(*said)) is False
    assert not Path(worker.path("launch.json")).exists()
    assert Guard(worker.path("spawn.lock.guard")).take(wait=False)


def test_a_record_that_says_so_already_is_not_written_again(holder: LockHolder, worker: Worker):
    held(holder)
    asyncio.run(holder.mark_good(BUILD))
    before = os.stat(worker.path("launch.json"))
    assert asyncio.run(holder.mark_good(BUILD)) is True
    assert os.stat(worker.path("launch.json")).st_ino == before.st_ino
    asyncio.run(holder.release())


def test_a_record_of_a_newer_format_is_left_alone_and_told_of(holder: LockHolder, worker: Worker):
    path = Path(worker.path("launch.json"))
    path.write_text(json.dumps({"format": 99}))
    held(holder)
    assert asyncio.run(holder.mark_good(BUILD)) is False
    assert asyncio.run(holder.record()) is None
    assert json.loads(path.read_text()) == {"format": 99}
    assert len(holder.notices) == 1
    assert Guard(worker.path("spawn.lock.guard")).take(wait=False)
    asyncio.run(holder.release())


def test_a_corrupt_record_is_set_aside_under_the_guard_only(holder: LockHolder, worker: Worker):
    path = Path(worker.path("launch.json"))
    path.write_text("{")
    assert holder.read_record(guarded=False) == Record(worker.name)
    assert path.read_text() == "{"
    assert holder.notices == []
    assert holder.read_record() == Record(worker.name)
    assert not path.exists()
    [notice] = holder.notices
    assert "was corrupt; set aside as" in notice


def test_a_run_that_settles_for_an_older_version_says_why(worker: Worker):
    its = rejected(Record(worker.name), BUILD, "it failed", False, 1.0)
    Path(worker.path("launch.json")).write_bytes(encoded(its))
    launcher = PosixLauncher(worker, "spawner", "api")
    [sentence] = launcher.why_older("0.9", "1.0.0")
    assert sentence.startswith("version 1.0.0 was rejected (it failed); using the worker there is.")
    assert launcher.why_older("1.0.0", "1.0.0") == []
    assert launcher.why_older("0.9", "") == []
    assert launcher.why_older("0.9", "0.9.5") == []


# Children.


class Pipe:
    """Our end of a pair, which only notes that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_whoever_gives_up_settles_every_child(holder: LockHolder):
    pipes = [Pipe(), Pipe()]
    for pid, pipe in enumerate(pipes, 1):
        holder._processes[pid] = Process(None, pipe)
    holder.abandon()
    assert [pipe.closed for pipe in pipes] == [True, True]
    with pytest.raises(KeyError):
        holder.process(Child(1, BUILD))


@pytest.mark.parametrize(("code", "crashed"), [(-11, True), (-6, True), (-9, False), (1, False)])
def test_a_crash_is_a_signal_that_the_code_answers_for(
    holder: LockHolder, code: int, crashed: bool
):
    process = Process(None, Pipe(), trouble="last words")
    process.up = process.ready = True
    holder._processes[7] = process
    ended = holder.ended(Child(7, BUILD), code, late=True)
    assert (ended.code, ended.crashed, ended.last_output) == (code, crashed, "last words")
    assert (ended.up, ended.ready, ended.late) == (True, True, True)
    assert holder._processes == {}
