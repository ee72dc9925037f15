"""What a table owes: to the specification, to its reader, to the engine."""

from collections.abc import Callable

import pytest

from incumbent.lifecycle.drivers.driver import Driver
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.engine import Engine, RefusedError
from incumbent.lifecycle.machine.tables import MACHINES, Row

from ..quick.lifecycle.drivers.system import System
from . import tables

SPECIFIED = {"spawner": tables.SPAWNER, "stop": tables.STOP, "worker": tables.WORKER}
EVERY_ROW = [(machine, row) for machine, (rows, _, _) in MACHINES.items() for row in rows]


def words(row):
    return (row.event, row.source, row.dest)


def at(machine: str, state: str) -> Engine:
    """Give an engine brought to this state along the shortest way that its table allows."""
    rows, initials, _ = MACHINES[machine]
    ways: dict[str, tuple[str, list[str]]] = {start: (start, []) for start in initials}
    frontier = list(initials)
    while state not in ways:
        here = frontier.pop(0)
        for row in rows:
            if row.source == here and row.dest not in ways:
                ways[row.dest] = (ways[here][0], [*ways[here][1], row.event])
                frontier.append(row.dest)
    start, events = ways[state]
    engine = Engine(machine, start)
    for event in events:
        engine.feed(event)
    assert engine.state == state
    return engine


@pytest.mark.parametrize("machine", MACHINES)
def test_the_table_equals_the_specification(machine):
    written = {words(row) for row in MACHINES[machine][0]}
    specified = tables.rows(SPECIFIED[machine])
    assert written - specified == set(), "rows that the specification does not have"
    assert specified - written == set(), "rows of the specification that are missing"


@pytest.mark.parametrize(("machine", "row"), EVERY_ROW, ids=lambda part: str(part))
def test_every_row_is_taken(machine: str, row: Row):
    engine = at(machine, row.source)
    assert engine.feed(row.event) == row
    assert engine.state == row.dest


@pytest.mark.parametrize("machine", MACHINES)
def test_every_event_without_a_row_is_refused_and_moves_nothing(machine):
    rows, initials, finals = MACHINES[machine]
    every_state = {row.source for row in rows} | finals | set(initials)
    events = {row.event for row in rows} | {"no_such_event", "to_verified", "state"}
    legal = {(row.source, row.event) for row in rows}
    for state in every_state:
        engine = at(machine, state)
        for event in events:
            if (state, event) not in legal:
                with pytest.raises(RefusedError) as caught:
                    engine.feed(event)
                assert (caught.value.state, caught.value.event) == (state, event)
                assert engine.state == state


@pytest.mark.parametrize("machine", MACHINES)
def test_no_event_leads_to_two_places(machine):
    pairs = [(row.source, row.event) for row in MACHINES[machine][0]]
    assert len(pairs) == len(set(pairs))


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_is_reachable(machine):
    rows, initials, _ = MACHINES[machine]
    reached = set(initials)
    while more := {row.dest for row in rows if row.source in reached} - reached:
        reached |= more
    assert reached == {row.source for row in rows} | {row.dest for row in rows}


@pytest.mark.parametrize("machine", MACHINES)
def test_exactly_the_final_states_have_no_way_out(machine):
    rows, _, finals = MACHINES[machine]
    sources = {row.source for row in rows}
    assert {row.dest for row in rows} - sources == finals
    assert not finals & sources


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_belongs_to_one_of_the_six(machine):
    for row in MACHINES[machine][0]:
        assert states.major(row.source) in states.SIX
        assert states.major(row.dest) in states.SIX


def test_an_engine_begins_only_where_its_machine_may_begin():
    with pytest.raises(RefusedError):
        Engine("worker", states.VERIFIED)


def test_the_state_is_read_only():
    engine = Engine("spawner", states.IDLE)
    with pytest.raises(AttributeError):
        engine.state = states.VERIFIED  # type: ignore[misc]
    assert engine.state == states.IDLE


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_that_is_not_final_has_work(machine: str):
    from incumbent.lifecycle.drivers.spawner import Spawner
    from incumbent.lifecycle.drivers.stopper import Stopper
    from incumbent.lifecycle.drivers.worker import WorkerDriver

    nobody = System({})
    drivers: dict[str, Callable[[], Driver]] = {
        "spawner": lambda: Spawner(nobody, restart=False),
        "stop": lambda: Stopper(nobody),
        "worker": lambda: WorkerDriver(nobody, standby=False, version="1"),
    }
    rows, _, finals = MACHINES[machine]
    every_state = {row.source for row in rows} | {row.dest for row in rows}
    assert set(drivers[machine]().work()) == every_state - finals


def test_who_serves_and_who_comes_up_are_not_the_same_states():
    assert not states.SERVING_STATES & states.COMING_UP_STATES
    assert not states.COMING_UP_STATES & states.LEAVING_STATES
    assert not states.RESUMED_STATES & states.LEAVING_STATES
