"""A reader that goes away, or a full disk, costs no traceback."""

import os
import subprocess
import sys

import pytest

MANY = 3000


def command(*words, **streams):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.run(
        [sys.executable, "-m", "incumbent.cli.main", *words], text=True, timeout=60, **streams
    )


@pytest.fixture
def gone():
    """Give a pipe that nobody reads."""
    ours, theirs = os.pipe()
    os.close(ours)
    yield theirs
    os.close(theirs)


def test_a_reader_who_has_read_enough_is_no_failure(data_dir, gone):
    (data_dir / "trace.jsonl").write_text('{"event": "much"}\n' * MANY)
    done = command("trace", stdout=gone)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_result_that_nobody_reads_keeps_its_exit_code(gone):
    done = command("status", stdout=gone)
    assert (done.returncode, done.stderr) == (3, "")


def test_talk_that_nobody_hears_keeps_its_exit_code(gone):
    assert command("frobnicate", stderr=gone).returncode == 2


def test_a_result_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        done = command("diagrams", "--help", stdout=full)
    assert done.returncode == 1
    assert done.stderr == "worker-service: can't write the result: No space left on device\n"


@pytest.mark.parametrize("words", [["status"], ["status", "--json"], ["trace"], ["--version"]])
@pytest.mark.slow
def test_a_full_disk_is_told_of_once_in_one_sentence(words):
    with open("/dev/full", "w") as full:
        done = command(*words, stdout=full)
    assert done.returncode == (3 if "status" in words else 1)
    assert done.stderr == "worker-service: can't write the result: No space left on device\n"


def test_a_closed_stdout_is_no_accident():
    closed = [sys.executable, "-m", "incumbent.cli.main", "status"]
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *closed], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (3, "")


@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.slow
def test_a_reader_that_goes_away_does_not_change_what_the_exit_code_says(
    gone, monkeypatch, buffering
):
    monkeypatch.setenv("PYTHONUNBUFFERED", buffering)
    assert command("status", stdout=gone).returncode == 3
    assert command("--json", "frobnicate", stdout=gone).returncode == 2


def test_following_ends_when_nobody_reads_any_more(data_dir, gone):
    (data_dir / "trace.jsonl").write_text('{"event": "much"}\n' * MANY)
    done = command("trace", "--follow", stdout=gone)
    assert (done.returncode, done.stderr) == (0, "")
