"""The log is read whole, then as it grows: nothing is lost, nothing told twice."""

import os
from pathlib import Path

import pytest

from incumbent.cli.log_reader import LogReader
from incumbent.lifecycle.data_dir import DataDir


@pytest.fixture
def logs(data_dir: Path) -> Path:
    """Give the folder of the logs."""
    folder = data_dir / "logs"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def reader(data_dir: Path):
    """Give a reader that is closed afterwards."""
    reader = LogReader(DataDir(str(data_dir)))
    yield reader
    reader.close()


def say(path: Path, *lines: str, end: str = "\n") -> None:
    with open(path, "a") as file:
        file.write("".join(f"{line}\n" for line in lines[:-1]) + lines[-1] + end)


def read(reader: LogReader) -> list[str]:
    return [line.decode() for line in reader.new_lines()]


def test_a_log_that_is_not_there_yet_is_read_once_it_is(logs: Path, reader: LogReader):
    assert read(reader) == []
    say(logs / "worker.log", "one")
    assert read(reader) == ["one"]
    assert read(reader) == []


def test_the_log_before_comes_first(data_dir: Path, logs: Path):
    say(logs / "worker.log.1", "older")
    say(logs / "worker.log", "newer")
    reader = LogReader(DataDir(str(data_dir)))
    assert read(reader) == ["older", "newer"]
    reader.close()


def test_nothing_is_lost_where_the_log_is_rotated(logs: Path, reader: LogReader):
    log = logs / "worker.log"
    say(log, "one")
    assert read(reader) == ["one"]
    say(log, "two")
    os.replace(log, f"{log}.1")
    say(log, "three")
    assert read(reader) == ["two", "three"]


def test_what_a_worker_says_before_it_is_up_is_told_at_once_and_once(logs: Path, reader: LogReader):
    early, log = logs / "early-1-2-ab.log", logs / "worker.log"
    say(early, "importing", "half", end="")
    assert read(reader) == ["importing"]
    say(log, "of another worker")
    assert read(reader) == ["of another worker"]
    say(log, "importing", "half a line")  # as a worker does when it is up
    early.unlink()
    assert read(reader) == ["half a line"]
    say(log, "importing")
    assert read(reader) == ["importing"]


def test_the_same_line_said_twice_is_told_twice(logs: Path, reader: LogReader):
    early, log = logs / "early-1-2-ab.log", logs / "worker.log"
    say(early, "tick", "tick")
    assert read(reader) == ["tick", "tick"]
    say(log, "tick", "tick", "tick")
    early.unlink()
    assert read(reader) == ["tick"]
