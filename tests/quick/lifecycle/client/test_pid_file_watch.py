"""A waiter looks again as soon as the PID file changes, at the latest when its time is over."""

import threading
import time
from pathlib import Path

import pytest

from incumbent.lifecycle import files
from incumbent.lifecycle.client.pid_file_watch import PidFileWatch

LONG_S = 60.0
STEP_S = 0.001


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "worker.pid"


def write(path: Path) -> None:
    files.replace(str(path), b"{}")


def test_a_wait_ends_when_its_time_is_over(path: Path):
    assert not PidFileWatch(str(path)).wait(2 * STEP_S, STEP_S)


def test_a_file_that_stays_does_not_end_a_wait(path: Path):
    write(path)
    assert not PidFileWatch(str(path)).wait(2 * STEP_S, STEP_S)


@pytest.mark.parametrize("before", [True, False], ids=["replaced", "created"])
def test_a_file_that_is_written_ends_a_wait(path: Path, before: bool):
    if before:
        write(path)
    pid_file = PidFileWatch(str(path))
    writer = threading.Timer(20 * STEP_S, write, [path])
    writer.start()
    began = time.monotonic()
    changed = pid_file.wait(LONG_S, STEP_S)
    writer.join()
    assert changed
    assert time.monotonic() - began < LONG_S


def test_a_file_that_is_removed_ends_a_wait(path: Path):
    write(path)
    pid_file = PidFileWatch(str(path))
    path.unlink()
    assert pid_file.wait(LONG_S, STEP_S)


def test_one_change_ends_one_wait_only(path: Path):
    pid_file = PidFileWatch(str(path))
    write(path)
    assert pid_file.wait(LONG_S, STEP_S)
    assert not pid_file.wait(2 * STEP_S, STEP_S)
