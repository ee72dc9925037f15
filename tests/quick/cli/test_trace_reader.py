"""The journal is read whole, as it grows, whatever stands in it."""

import json
import os

import pytest

from incumbent.cli.main import main
from incumbent.cli.trace_reader import (
    header,
    narrow,
    narrow_header,
    of_this_restart,
    readable,
)
from incumbent.lifecycle.journal import Follower, parsed, read_journal
from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.messages import printable

LINE = {
    "machine": "worker",
    "pid": 7,
    "origin": "cli",
    "from": "idle",
    "event": "listen_ok",
    "to": "idle/bound",
    "ms": 1.25,
    "run": "r",
}


@pytest.fixture
def path(data_dir):
    """Give where the journal is."""
    return data_dir / "trace.jsonl"


def append(path, *numbers):
    with open(path, "a") as file:
        file.writelines(json.dumps({"n": number}) + "\n" for number in numbers)


def rotate(path):
    os.replace(path, f"{path}.1")


def numbers(follower):
    return [line["n"] for line in follower.new_lines()]


def test_a_follower_gives_what_came_after_it_was_made(path):
    append(path, 1)
    follower = Follower(str(path))
    assert numbers(follower) == []
    append(path, 2, 3)
    assert numbers(follower) == [2, 3]
    assert numbers(follower) == []


def test_a_follower_of_the_whole_gives_what_came_before_too(path):
    append(path, 1)
    rotate(path)
    append(path, 2)
    follower = Follower(str(path), whole=True)
    append(path, 3)
    assert numbers(follower) == [1, 2, 3]


def test_a_follower_loses_nothing_and_tells_nothing_twice_when_the_journal_is_rotated(path):
    append(path, 1)
    follower = Follower(str(path))
    append(path, 2)
    rotate(path)
    assert numbers(follower) == [2]
    append(path, 3)
    assert numbers(follower) == [3]


def test_a_follower_waits_for_a_journal_that_is_not_there_yet(path):
    append(path, 1)
    rotate(path)
    follower = Follower(str(path))
    assert numbers(follower) == []
    append(path, 2)
    assert numbers(follower) == [2]


def test_a_follower_waits_for_the_end_of_a_line(path):
    follower = Follower(str(path))
    path.write_text('{"n": ')
    assert numbers(follower) == []
    append_text(path, "1}\n")
    assert numbers(follower) == [1]


def append_text(path, text):
    with open(path, "a") as file:
        file.write(text)


def test_a_follower_of_something_that_is_no_file_has_no_lines(path):
    path.mkdir()
    assert numbers(Follower(str(path))) == []


def test_the_whole_journal_is_read_also_where_it_is_longer_than_other_files_of_ours(path):
    append_text(path, f'{{"n": "{"x" * 4_000_000}"}}\n')
    append(path, 2)
    rotate(path)
    append(path, 3)
    older, current = read_journal(str(path))
    assert older is not None
    assert [line["n"] for line in parsed(older + current)][1:] == [2, 3]


def test_a_journal_that_was_never_rotated_has_nothing_older(path):
    append(path, 1)
    assert read_journal(str(path)).older is None


def test_a_journal_that_cannot_be_read_is_one_sentence(path, capsys):
    path.mkdir()
    assert main(["trace"]) == 1
    assert capsys.readouterr().err.startswith(f"worker-service: can't use {path}: it is no file")


def test_a_line_that_is_no_json_object_is_passed_over():
    junk = b'\xff\n[1]\n{"ms": NaN}\n{"ms": 1e999}\n' + b"[" * 100_000 + b"\n"
    assert list(parsed(junk + b'{"n": 1}\n{"n": 2}')) == [{"n": 1}]


def test_a_line_stands_below_its_titles():
    row = readable(LINE)
    for title, value in (("pid", "7"), ("from", "idle"), ("event", "listen_ok"), ("to", "idle/b")):
        assert row[header().index(f" {title} ") + 1 :].startswith(value)
    assert row.endswith("1.2 ms")


@pytest.mark.parametrize("value", [10**400, "x", None, [], {"a": 1}, True, "\x1b[2J\n", "\ud800"])
@pytest.mark.parametrize("key", ["ms", "pid", "why", "event"])
def test_a_line_of_odd_values_is_one_row_that_can_be_written(key, value):
    row = readable(LINE | {key: value})
    assert row.isprintable()
    assert row.encode()


def test_whatever_a_restart_may_show_fits_a_terminal_of_80_columns():
    reason = "exited 1: " + "a long story of what went wrong, " * 10 + "x" * 200
    facts = {"pid": 4194304, "ms": 99999.9, "why": reason}
    shown = [narrow_header()]
    for machine, (rows, *_) in MACHINES.items():
        for row in rows:
            line = {"machine": machine, "from": row.source, "event": row.event, "to": row.dest}
            shown += narrow(line | facts)
    assert max(map(len, shown)) <= 80
    assert all(row.isprintable() for row in shown)


def test_a_narrow_row_stands_below_its_titles_with_its_reason_below():
    row, why = narrow(LINE | {"why": "pid=7"})
    for title, value in (("pid", "7"), ("event", "listen_ok"), ("to", "idle/bound")):
        assert row[narrow_header().index(f" {title} ") + 1 :].startswith(value)
    assert row.endswith("1.2 ms")
    assert why.strip() == "pid=7"


def test_a_transition_without_a_reason_is_one_narrow_row():
    assert len(narrow(LINE)) == 1


def test_printable_text_stays_as_it_is():
    assert printable("größer → 3") == "größer → 3"


def test_a_restart_shows_workers_and_itself():
    assert of_this_restart(LINE)
    assert of_this_restart({"machine": "spawner", "pid": os.getpid()})


def test_a_restart_does_not_show_other_launchers():
    assert not of_this_restart({"machine": "spawner", "pid": os.getpid() + 1})


def test_one_run_is_shown_alone(path, capsys):
    append_text(path, "".join(json.dumps(LINE | {"run": run}) + "\n" for run in "abab"))
    assert main(["--json", "trace", "--run", "b"]) == 0
    assert json.loads(capsys.readouterr().out)["trace"] == [LINE | {"run": "b"}] * 2


def test_a_fault_is_told_with_its_line(path, capsys):
    append_text(path, "nonsense\n")
    assert main(["trace", "--check"]) == 1
    assert capsys.readouterr() == ("", "worker-service: trace.jsonl, line 1: no JSON\n")
    assert main(["trace", "--check", "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said == {"ok": False, "faults": ["trace.jsonl, line 1: no JSON"], "lines": 0}


def test_a_journal_that_is_not_there_is_legal(capsys):
    assert main(["trace", "--check"]) == 0
    assert capsys.readouterr().out.startswith("0 transitions of 0 runs are legal")
