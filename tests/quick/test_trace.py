"""The journal keeps every transition on a whole line."""

import json
import subprocess
import sys

from incumbent.lifecycle import trace as t
from incumbent.lifecycle.trace import Trace

WRITER = """
import sys
from incumbent.lifecycle.trace import Trace
trace = Trace(sys.argv[1], "spawner", sys.argv[2], "hook")
for number in range(200):
    trace.note(("worker_silent", "idle", f"state-{number}"), "x" * 200)
"""


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_who_went_where_why_and_how_long_it_took(data_dir):
    path = data_dir / "trace.jsonl"
    trace = Trace(str(path), "spawner", "run-1", "cli")
    trace.note(("port_dark", "idle", "locking"), "")
    trace.note(("lock_held", "locking", "locking"), "pid=1")
    first, second = lines(path)
    expected = {"machine": "spawner", "run": "run-1", "door": "cli", "from": "idle"}
    assert expected | {"event": "port_dark", "to": "locking"} == {
        key: first[key] for key in ("machine", "run", "door", "from", "event", "to")
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
