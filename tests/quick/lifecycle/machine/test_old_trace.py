"""What the first edition wrote into a trace is read in today's words, and nothing else is."""

import json
from pathlib import Path

from incumbent.lifecycle import trace
from incumbent.lifecycle.journal import parsed
from incumbent.lifecycle.machine.old_trace import ROWS_THEN, in_words_of_today
from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.machine.trace_check import check

OLD = Path(__file__).with_name("restart_of_0_1_0.trace.jsonl").read_bytes()


def checkable(content: bytes) -> bytes:
    """Give the lines of a kept restart with the moment that was left out when it was kept."""
    lines = [json.loads(line) for line in content.splitlines()]
    for line in lines:
        line |= {"at": "2026-01-01T00:00:00Z", "mono": line["mono"] + 1000.0}
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def as_rows(line: dict[str, object]) -> tuple[object, ...]:
    return (line["event"], line["from"], line["to"])


def test_an_old_restart_is_told_in_rows_of_today():
    lines = list(parsed(OLD))
    assert len(lines) == len(OLD.splitlines())
    for line in lines:
        assert as_rows(line) in {*MACHINES[str(line["machine"])][0], *ROWS_THEN}


def test_an_old_line_is_told_with_its_origin():
    assert {line["origin"] for line in parsed(OLD)} == {"cli", "handover"}
    assert not any("door" in line for line in parsed(OLD))


def test_an_old_restart_is_a_journal_that_the_tables_allow():
    assert check(b"", checkable(OLD)).faults == []


def test_an_old_line_that_the_old_tables_refused_is_refused():
    broken = checkable(OLD).replace(b'"baton_passed"', b'"baton_dropped"')
    assert any("no row baton_dropped" in fault for fault in check(b"", broken).faults)


def test_a_line_of_today_is_left_as_it_is():
    line = {"format": trace.FORMAT, "event": "baton", "from": "idle/understudy", "door": "cli"}
    assert in_words_of_today(line) == line


def test_two_editions_may_write_one_journal():
    old = json.loads(OLD.splitlines()[0])
    new = in_words_of_today(old) | {"format": trace.FORMAT}
    both = b"".join(json.dumps(line).encode() + b"\n" for line in (old, new))
    first, second = parsed(both)
    assert first | {"format": trace.FORMAT} == second
