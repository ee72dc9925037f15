"""Whoever can't hold the lock gives it back; whoever only looks takes nothing."""

import asyncio
import errno
import os
import threading
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import LOCK_REFUSED
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.settings import Worker

from ....open_files import open_below


@pytest.fixture
def holder(worker: Worker) -> SpawnLockHold:
    return SpawnLockHold(worker, [])


def held(holder: SpawnLockHold) -> None:
    assert asyncio.run(holder.acquire()).event == "lock_acquired"


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
    holder: SpawnLockHold, worker: Worker, monkeypatch: pytest.MonkeyPatch, where, name, fault, why
):
    with monkeypatch.context() as patch:
        patch.setattr(where, name, fault)
        result = asyncio.run(holder.acquire())
    assert result.event == LOCK_REFUSED
    assert result.reason.startswith(f"can't hold the spawn lock: {why}; make room, then run `")
    assert not Path(worker.path("spawn.lock")).exists()
    assert open_below(worker.data_dir) == []
    assert holder.token == ""


def test_a_lock_that_cannot_be_tried_for_is_refused_with_the_reason(
    holder: SpawnLockHold, worker: Worker
):
    os.mkdir(worker.path("spawn.lock"))
    result = asyncio.run(holder.acquire())
    assert result.event == LOCK_REFUSED
    assert worker.path("spawn.lock") in result.reason
    assert asyncio.run(holder.lock_is_free())  # the next try says what is wrong


def test_a_held_lock_is_not_free_and_a_released_one_is(holder: SpawnLockHold, worker: Worker):
    other = SpawnLockHold(worker, [])
    assert asyncio.run(other.lock_is_free()) is True
    held(holder)
    assert asyncio.run(other.lock_is_free()) is False
    asyncio.run(holder.release())
    assert asyncio.run(other.lock_is_free()) is True


def test_a_managers_turn_counts_as_a_hold_until_it_is_over(holder: SpawnLockHold):
    holder.not_free_until = time.monotonic() + 60
    assert asyncio.run(holder.lock_is_free()) is False
    holder.not_free_until = time.monotonic()
    assert asyncio.run(holder.lock_is_free()) is True


def test_only_a_holder_does_what_is_a_holders(holder: SpawnLockHold, worker: Worker):
    done: list[str] = []
    assert asyncio.run(holder.do_if_ours(lambda: done.append("before"))) is False
    held(holder)
    assert asyncio.run(holder.do_if_ours(lambda: done.append("held"))) is True
    Path(worker.path("spawn.lock")).unlink()
    assert asyncio.run(holder.do_if_ours(lambda: done.append("robbed"))) is False
    asyncio.run(holder.release())
    assert done == ["held"]
