"""`trace --check` accepts what the drivers do under any schedule, and nothing one change away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from incumbent.lifecycle.machine.tables import MACHINES, Row
from incumbent.lifecycle.machine.trace_check import check

from ....proof.schedules import Schedule, Simulation, written
from ....proof.world import Configuration
from ...proof.test_schedules import STEPS, schedules, worlds

pytestmark = pytest.mark.slow

CALM = settings(
    max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
Journal = list[dict[str, Any]]

ALL_STATES = sorted({state for rows, _, _ in MACHINES.values() for r in rows for state in r[1:]})
ALL_EVENTS = sorted({row.event for rows, _, _ in MACHINES.values() for row in rows})


@pytest.fixture(scope="module")
def played() -> list[Journal]:
    """Give the journals of schedules of the shipped drivers; each test changes them in its way."""
    journals: list[Journal] = []

    @settings(CALM, phases=[Phase.generate])
    @given(configuration=worlds(), schedule=schedules)
    def play(configuration: Configuration, schedule: Schedule) -> None:
        simulation = Simulation(configuration)
        simulation.run(schedule, STEPS)
        journals.append(simulation.journal())

    play()
    return [journal for journal in journals if journal]


def drawn(data: st.DataObject, played: list[Journal]) -> Journal:
    """Give a copy of one of the journals."""
    return [dict(line) for line in data.draw(st.sampled_from(played))]


def of_run(journal: Journal, line: dict[str, Any]) -> list[int]:
    """Give the numbers of the lines of this line's run."""
    return [number for number, each in enumerate(journal) if each["run"] == line["run"]]


def is_row(line: dict[str, Any]) -> bool:
    rows = MACHINES[line["machine"]][0]
    return Row(line["event"], line["from"], line["to"]) in rows


def faults(journal: Journal) -> list[str]:
    return check(None, written(journal)).faults


def test_what_the_drivers_do_is_accepted(played: list[Journal]):
    assert len(played) > 20
    for journal in played:
        assert faults(journal) == []


@CALM
@given(data=st.data())
def test_another_state_or_event_is_rejected(played: list[Journal], data: st.DataObject):
    journal = drawn(data, played)
    number = data.draw(st.integers(0, len(journal) - 1))
    key = data.draw(st.sampled_from(["from", "event", "to", "machine"]))
    others = {"event": ALL_EVENTS, "machine": sorted(MACHINES)}.get(key, ALL_STATES)
    line = journal[number]
    other = data.draw(st.sampled_from([value for value in others if value != line[key]]))
    journal[number] = {**line, key: other}
    # Two events may lead from here to there: the lock taken or stolen, a child lost or stopped.
    twin = key == "event" and is_row(journal[number])
    # A machine's first line may be the same in another machine; the run is another one then.
    alone = key == "machine" and is_row(journal[number]) and len(of_run(journal, line)) == 1
    if not (twin or alone):
        assert faults(journal) != [], journal[number]


@CALM
@given(data=st.data())
def test_a_line_that_is_missing_is_rejected(played: list[Journal], data: st.DataObject):
    journal = drawn(data, played)
    number = data.draw(st.integers(0, len(journal) - 1))
    line = journal.pop(number)
    # A run that just ends was killed; a wait that was not told leaves the run where it was.
    is_last = not any(after >= number for after in of_run(journal, line))
    if not is_last and line["from"] != line["to"]:
        assert faults(journal) != [], line


@CALM
@given(data=st.data())
def test_a_line_told_twice_is_rejected(played: list[Journal], data: st.DataObject):
    journal = drawn(data, played)
    number = data.draw(st.integers(0, len(journal) - 1))
    journal.insert(number, dict(journal[number]))
    assert faults(journal) != [], journal[number]


@CALM
@given(data=st.data())
def test_lines_of_a_run_in_another_order_are_rejected(played: list[Journal], data: st.DataObject):
    journal = drawn(data, played)
    lines = of_run(journal, journal[data.draw(st.integers(0, len(journal) - 1))])
    assume(len(lines) > 1)
    at = data.draw(st.integers(0, len(lines) - 2))
    one, other = journal[lines[at]], journal[lines[at + 1]]
    assume(one["from"] != one["to"] or other["from"] != other["to"])
    journal[lines[at]] = {**other, "mono": one["mono"]}
    journal[lines[at + 1]] = {**one, "mono": other["mono"]}
    assert faults(journal) != []


@CALM
@given(data=st.data())
def test_another_writer_in_a_run_is_rejected(played: list[Journal], data: st.DataObject):
    journal = drawn(data, played)
    line = data.draw(st.sampled_from(journal))
    assume(len(of_run(journal, line)) > 1)
    line["pid"] += 1000
    assert faults(journal) != [], line


@CALM
@given(data=st.data())
def test_a_second_worker_that_serves_is_rejected(played: list[Journal], data: st.DataObject):
    journal = drawn(data, played)
    up = [
        n
        for n, line in enumerate(journal)
        if line["event"] == "app_up" and line["machine"] == "worker"
    ]
    assume(up)
    number = data.draw(st.sampled_from(up))
    here = journal[number]["run"]
    goes_on = [n for n in of_run(journal, journal[number]) if n > number]
    left = [n for n in goes_on if journal[n]["event"] in ("pid_removed", "pid_removed_to_pass")]
    assume(goes_on and not (left and left[0] == goes_on[0]))
    came = (("listen_ok", "idle", "idle/bound"), ("named", "idle/bound", "idle/named"))
    its = {**journal[number], "run": "run of an intruder", "pid": 4711}
    intruder = [{**its, "event": row[0], "from": row[1], "to": row[2]} for row in came]
    journal[number + 1 : number + 1] = intruder
    assert any("two workers" in fault and here in fault for fault in faults(journal))
