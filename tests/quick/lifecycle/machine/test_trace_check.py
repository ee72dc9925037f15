"""A journal is legal when every line is, and when nobody serves beside another."""

import json

import pytest

from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.machine.trace_check import check

UP_COLD = ("listen_ok", "named", "pid_written", "app_up")
TO_SOCKET = ("handover_asked", "lock_acquired", "standby_spawned", "standby_ready")
OUT = ("drained", "app_down", "pid_removed_to_pass")
LEFT = ("drained", "app_down", "pid_removed")


class Story:
    """Writes a journal by walking the tables."""

    def __init__(self):
        self.lines = []
        self._states = {}
        self._now = 100.0

    def tell(self, run, *events, machine="worker", start="idle"):
        for event in events:
            source = self._states.setdefault(run, start)
            rows = {(row.source, row.event): row.dest for row in MACHINES[machine][0]}
            self._states[run] = rows[source, event]
            self._now += 0.5
            line = {
                "at": "2026-01-01T00:00:00Z",
                "mono": self._now,
                "machine": machine,
                "run": run,
                "pid": sum(run.encode()),
                "origin": "cli",
                "from": source,
                "event": event,
                "to": rows[source, event],
                "ms": 1.0,
            }
            self.lines.append(line)
        return self

    def faults(self, older=None):
        return check(older, written(self.lines)).faults


def written(lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture
def story():
    """Give a launch, a seamless restart, a stop."""
    story = Story()
    story.tell("launch", "port_dark", "lock_acquired", "spawned", machine="spawner")
    story.tell("first", *UP_COLD)
    story.tell("launch", "child_ready", machine="spawner")
    story.tell("restart", "restart_wanted", machine="spawner")
    story.tell("first", *TO_SOCKET[:3])
    story.tell("restart", "ask_accepted", "worker_leaving", machine="spawner")
    story.tell("second", "imported", start="idle/standby")
    story.tell("first", TO_SOCKET[3], *OUT)
    story.tell("second", "socket_received")
    story.tell("first", "socket_passed")
    story.tell("second", "named", "pid_written", "app_up")
    story.tell("first", "child_ready")
    story.tell("restart", "worker_fits", machine="spawner")
    story.tell("second", "stop_asked", *LEFT, "closed")
    return story


def test_a_legal_story_has_no_fault(story):
    report = check(None, written(story.lines))
    assert report == ([], len(story.lines), 4, 2)


def test_an_empty_journal_has_no_fault():
    assert check(None, b"") == ([], 0, 0, 0)


@pytest.mark.parametrize("key", ["at", "machine", "run", "pid", "origin", "from", "event", "to"])
def test_a_line_without_a_field_is_a_fault_whatever_the_line(story, key):
    for number in range(len(story.lines)):
        lines = [dict(line) for line in story.lines]
        del lines[number][key]
        faults = check(None, written(lines)).faults
        assert f"trace.jsonl, line {number + 1}: no {key}" in faults


@pytest.mark.parametrize(
    "changed",
    [
        {"pid": 0},
        {"pid": True},
        {"pid": "12"},
        {"mono": "1"},
        {"mono": float("nan")},
        {"mono": float("inf")},
        {"mono": -1},
        {"ms": None},
        {"machine": "gardener"},
        {"run": ["a list"]},
    ],
    ids=repr,
)
def test_a_malformed_field_is_a_fault(story, changed):
    story.lines[3].update(changed)
    assert any(fault.startswith("trace.jsonl, line 4: no ") for fault in story.faults())


@pytest.mark.parametrize("key", ["from", "event", "to"])
def test_a_line_that_is_no_row_is_a_fault_whatever_the_line(story, key):
    for number in range(len(story.lines)):
        lines = [dict(line) for line in story.lines]
        lines[number][key] = "gone-fishing"
        faults = check(None, written(lines)).faults
        assert any(f"line {number + 1}: " in fault and "has no row" in fault for fault in faults)


def test_a_line_left_out_is_a_fault_wherever_the_run_goes_on(story):
    for number, line in enumerate(story.lines):
        goes_on = any(later["run"] == line["run"] for later in story.lines[number + 1 :])
        without = story.lines[:number] + story.lines[number + 1 :]
        if goes_on and line["from"] != line["to"]:
            assert check(None, written(without)).faults, line


def test_a_line_told_twice_is_a_fault_whatever_the_line(story):
    for number in range(len(story.lines)):
        twice = [*story.lines[: number + 1], *story.lines[number:]]
        assert check(None, written(twice)).faults, story.lines[number]


def test_a_wait_told_again_after_another_is_no_fault():
    story = Story().tell(
        "launch", "worker_silent", "worker_starting", "worker_silent", machine="spawner"
    )
    assert story.faults() == []


def test_a_line_after_the_end_of_its_run_is_a_fault(story):
    after = dict(story.lines[-1], **{"from": "idle", "event": "listen_ok", "to": "idle/bound"})
    story.lines.append(after)
    assert "goes on after its end in idle/stopped" in story.faults()[0]


def test_another_pid_in_a_run_is_a_fault(story):
    story.lines[-1]["pid"] += 1
    assert "changes its pid" in story.faults()[0]


def test_a_clock_that_goes_back_in_a_run_is_a_fault(story):
    story.lines[-1]["mono"] -= 50
    assert "goes back in time" in story.faults()[0]


def test_a_clock_that_goes_back_between_runs_is_no_fault(story):
    reboot = Story().tell("later", *UP_COLD)
    for line in reboot.lines:
        line["mono"] -= 90
    assert check(None, written(story.lines + reboot.lines)).faults == []


def test_a_run_that_begins_in_its_middle_is_a_fault(story):
    assert "run launch begins in locking" in check(None, written(story.lines[1:])).faults[0]


def test_a_run_whose_beginning_was_rotated_away_is_no_fault(story):
    story.lines[1]["ms"] = 10_000.0
    assert check(written(story.lines[1:6]), written(story.lines[6:])).faults == []


def test_a_run_whose_beginning_ought_to_be_there_is_a_fault_behind_a_rotation_too(story):
    without = story.lines[1:9] + [line for line in story.lines[9:] if line["event"] != "imported"]
    faults = check(written(story.lines[:1]), written(without)).faults
    assert any("run second begins in idle/ready" in fault for fault in faults)


def test_a_fault_names_the_file_it_is_in(story):
    faults = check(b"\xff\n", written(story.lines)).faults
    assert faults == ["trace.jsonl.1, line 1: no JSON"]


def test_a_line_that_is_being_written_is_no_fault(story):
    whole = written(story.lines)
    for cut in range(1, 40):
        last = len(written(story.lines[-1:]))
        if cut < last:
            assert check(None, whole[:-cut]).faults == []


@pytest.mark.parametrize(
    "junk", [b"\0\xff\xfe", b"[" * 100_000, b"9" * 5000, b"[1]", b"null", b'{"a": "\\ud800"}', b""]
)
def test_any_bytes_are_a_fault_and_no_accident(story, junk):
    faults = check(None, junk + b"\n" + written(story.lines)).faults
    assert len(faults) == 1
    assert faults[0].startswith("trace.jsonl, line 1: no ")


def test_a_killed_worker_gives_way_to_the_next():
    story = Story().tell("first", *UP_COLD).tell("second", *UP_COLD)
    assert story.faults() == []


def test_a_worker_that_goes_on_after_another_began_to_serve_is_a_fault():
    story = Story().tell("first", *UP_COLD).tell("second", *UP_COLD).tell("first", "stop_asked")
    assert len(story.faults()) == 1
    assert "two workers serve" in story.faults()[0]


def test_a_worker_that_begins_to_serve_before_the_other_has_left_it_is_a_fault(story):
    moved = next(i for i, line in enumerate(story.lines) if line["event"] == "socket_received")
    events = [line["event"] for line in story.lines]
    removed = events.index("pid_removed_to_pass")
    story.lines.insert(removed, story.lines.pop(moved))
    assert any("two workers serve" in fault for fault in story.faults())


def test_a_predecessor_that_writes_beside_its_successor_is_no_fault(story):
    events = [(line["run"], line["event"]) for line in story.lines]
    assert events.index(("second", "app_up")) < events.index(("first", "child_ready"))
    assert story.faults() == []


def fallen_back(killed_child_writes_again):
    story = Story().tell("first", *UP_COLD, *TO_SOCKET[:3])
    story.tell("second", "imported", start="idle/standby")
    story.tell("first", TO_SOCKET[3], *OUT)
    story.tell("second", "socket_received", "named", "pid_written")
    story.tell("first", "socket_passed", "child_killed", "named", "pid_written", "app_up")
    if killed_child_writes_again:
        story.tell("second", "app_up")
    return story.faults()


def test_a_predecessor_that_resumes_serves_again():
    assert fallen_back(killed_child_writes_again=False) == []


def test_a_successor_that_goes_on_beside_it_is_a_fault():
    assert "two workers serve" in fallen_back(killed_child_writes_again=True)[0]


def test_two_workers_that_were_both_serving_before_the_rotation_are_a_fault():
    story = Story()
    story.tell("first", *UP_COLD, "stop_asked", *LEFT)
    story.tell("second", *UP_COLD, "stop_asked", *LEFT)
    for line in story.lines:
        line["ms"] = 1e6
    kept = [line for line in story.lines if line["event"] in ("stop_asked", *LEFT)]
    faults = check(b"", written(kept)).faults
    assert len(faults) == 1
    assert "run second served" in faults[0]
