"""The journal keeps every transition on a whole line."""

import json
import os
import resource
import subprocess
import sys
from fcntl import LOCK_EX, flock

import pytest

from incumbent.lifecycle import trace as t
from incumbent.lifecycle.machine.trace_check import check
from incumbent.lifecycle.trace import Trace

WRITER = """
import sys
from fcntl import LOCK_EX, flock
from incumbent.lifecycle.trace import Trace
trace = Trace(sys.argv[1], "spawner", sys.argv[2], "hook")
for number in range(200):
    trace.note(("worker_silent", "idle", f"state-{number}"), "x" * 200)
"""


def lines(path):
    # A blank line is what a writer leaves that met another in the middle of its write.
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip(" ")]


def test_a_line_says_who_went_where_why_and_how_long_it_took(data_dir):
    path = data_dir / "trace.jsonl"
    trace = Trace(str(path), "spawner", "run-1", "cli")
    trace.note(("port_dark", "idle", "locking"), "")
    trace.note(("lock_held", "locking", "locking"), "pid=1")
    first, second = lines(path)
    expected = {"machine": "spawner", "run": "run-1", "origin": "cli", "from": "idle"}
    assert expected | {"event": "port_dark", "to": "locking"} == {
        key: first[key] for key in ("machine", "run", "origin", "from", "event", "to")
    }
    assert first["at"].endswith("Z")
    assert first["ms"] >= 0
    assert first["pid"] == second["pid"]
    assert "why" not in first
    assert second["why"] == "pid=1"


def test_a_row_that_repeats_itself_is_written_once(data_dir):
    path = data_dir / "trace.jsonl"
    trace = Trace(str(path), "spawner", "run-1", "cli")
    for _ in range(5):
        trace.note(("worker_silent", "idle", "idle"), "")
    trace.note(("worker_starting", "idle", "idle"), "")
    assert [line["event"] for line in lines(path)] == ["worker_silent", "worker_starting"]


def test_only_its_user_can_read_the_journal(data_dir):
    path = data_dir / "trace.jsonl"
    Trace(str(path), "spawner", "run-1", "cli").note(("port_dark", "idle", "locking"), "")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_journal_that_cannot_be_written_does_not_stop_the_run(data_dir):
    trace = Trace(str(data_dir / "missing" / "trace.jsonl"), "spawner", "run-1", "cli")
    trace.note(("port_dark", "idle", "locking"), "")
    assert "missing" in trace.trouble


def test_lines_of_many_writers_stay_whole(data_dir):
    path = data_dir / "trace.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, f"run-{number}"])
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    written = lines(path)
    assert len(written) == 4 * 200
    for number in range(4):
        own = [line["to"] for line in written if line["run"] == f"run-{number}"]
        assert own == [f"state-{step}" for step in range(200)]


def test_a_long_journal_begins_anew_and_the_one_before_is_kept(data_dir):
    path = data_dir / "trace.jsonl"
    path.write_bytes(b"x" * t.ROTATE_BYTES + b"\n")
    trace = Trace(str(path), "spawner", "run-1", "cli")
    trace.note(("port_dark", "idle", "locking"), "")
    trace.note(("lock_acquired", "locking", "spawning"), "")
    assert [line["event"] for line in lines(path)] == ["lock_acquired"]
    assert b'"port_dark"' in (data_dir / "trace.jsonl.1").read_bytes()


# A full disk.

ROW = ("port_dark", "idle", "locking")
NEXT_ROW = ("lock_acquired", "locking", "spawning")
FULL_FROM = 100_000

CROWD = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({FULL_FROM}, resource.RLIM_INFINITY))
{WRITER}"""


def full_from(size):
    """Let no file grow beyond this size; None takes the limit away."""
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY if size is None else size, -1)
    )


@pytest.fixture
def room():
    yield
    full_from(None)


@pytest.mark.usefixtures("room")
@pytest.mark.parametrize("fits", [1, 2, 8, 60, 150])
def test_a_short_write_leaves_nothing_and_the_next_line_tells_of_it(data_dir, fits):
    path = data_dir / "trace.jsonl"
    trace = Trace(str(path), "spawner", "run-1", "cli")
    trace.note(("worker_silent", "idle", "idle"), "")
    before = path.read_bytes()
    full_from(len(before) + fits)
    trace.note(ROW, "")
    full_from(None)
    assert path.read_bytes() == before
    assert str(path) in trace.trouble
    trace.note(NEXT_ROW, "")
    assert [line["event"] for line in lines(path)] == ["worker_silent", "lock_acquired"]
    assert lines(path)[-1]["lost"] == 1
    assert check(None, path.read_bytes()).faults == []


def test_a_line_behind_none_that_was_lost_does_not_speak_of_any(data_dir):
    path = data_dir / "trace.jsonl"
    trace = Trace(str(path), "spawner", "run-1", "cli")
    trace.note(ROW, "")
    assert "lost" not in lines(path)[0]


def test_a_run_that_leaves_lines_out_without_a_word_is_still_a_fault(data_dir):
    path = data_dir / "trace.jsonl"
    trace = Trace(str(path), "spawner", "run-1", "cli")
    trace.note(("worker_silent", "idle", "idle"), "")
    trace.note(NEXT_ROW, "")
    assert "was in idle, not in locking" in check(None, path.read_bytes()).faults[0]


@pytest.mark.parametrize("cut", [1, 5, 40, 100])
def test_what_somebody_left_torn_is_not_glued_to_the_next_line(data_dir, cut):
    path = data_dir / "trace.jsonl"
    Trace(str(path), "spawner", "run-1", "cli").note(ROW, "")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-cut])
    Trace(str(path), "spawner", "run-2", "cli").note(ROW, "")
    first, torn, last, end = path.read_bytes().split(b"\n")
    assert json.loads(first)["run"] == "run-1"
    assert torn.rstrip() == whole[:-cut].rstrip()
    assert json.loads(last)["run"] == "run-2"
    assert end == b""


def test_a_line_that_was_cut_short_is_no_fault_but_nonsense_is(data_dir):
    path = data_dir / "trace.jsonl"
    Trace(str(path), "spawner", "run-1", "cli").note(ROW, "")
    whole = path.read_bytes()
    assert check(None, whole[:30] + b"\n" + whole).faults == []
    assert check(None, b"    \n" + whole).faults == []
    assert check(None, b"nonsense\n" + whole).faults == ["trace.jsonl, line 1: no JSON"]


@pytest.mark.usefixtures("room")
def test_whoever_writes_behind_a_short_write_has_a_line_of_their_own(data_dir, monkeypatch):
    path = data_dir / "trace.jsonl"
    Trace(str(path), "spawner", "run-1", "cli").note(ROW, "")
    before = path.read_bytes()
    put = os.pwrite

    def overtaken(fd, content, offset):
        full_from(None)  # somebody has made room, and another was faster
        with open(path, "ab") as other:
            other.write(before)
        return put(fd, content, offset)

    monkeypatch.setattr(os, "pwrite", overtaken)
    full_from(len(before) + 50)
    Trace(str(path), "spawner", "run-2", "cli").note(ROW, "")
    assert [line["run"] for line in lines(path)] == ["run-1", "run-1"]


def test_a_crowd_on_a_full_disk_leaves_whole_lines(data_dir):
    path = data_dir / "trace.jsonl"
    writers = [
        subprocess.Popen([sys.executable, "-c", CROWD, path, f"run-{number}"])
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    content = path.read_bytes()
    assert content.endswith(b"\n")
    assert FULL_FROM - 1000 < len(content) <= FULL_FROM
    assert all(line["run"].startswith("run-") for line in lines(path))


def test_a_writer_that_was_stopped_does_not_hold_up_the_others(data_dir):
    path = data_dir / "trace.jsonl"
    path.write_bytes(b"")
    with open(path, "rb") as stopped:
        flock(stopped.fileno(), LOCK_EX)
        Trace(str(path), "spawner", "run-1", "cli").note(ROW, "")
    assert [line["run"] for line in lines(path)] == ["run-1"]
