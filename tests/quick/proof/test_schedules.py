"""Hypothesis looks for a bad schedule of the shipped drivers in worlds larger than the explorer's.

A failure prints the shrunken schedule and its story; `--hypothesis-seed` runs it again.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ...proof.schedules import Schedule, Simulation, Told
from ...proof.world import (
    HANGS,
    HANGS_EARLY,
    MISLABELLED,
    NO_IMPORT,
    NO_RESUME,
    NO_START,
    Configuration,
)

pytestmark = pytest.mark.slow

CALM = settings(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
STEPS = 150

versions = st.sampled_from("123")
launchers = st.lists(
    st.tuples(st.sampled_from(["ensure", "restart", "stop"]), versions), min_size=1, max_size=4
)
ways = st.sampled_from([NO_IMPORT, NO_START, HANGS, HANGS_EARLY, MISLABELLED, NO_RESUME])
broken = st.lists(st.tuples(st.sampled_from("23"), ways), max_size=2, unique_by=lambda b: b[0])


@st.composite
def worlds(draw: Any) -> Configuration:
    """Give a world of up to four launchers with three installs and a few of every fault."""
    serving = draw(st.sampled_from(["", "1"]))
    budget = {
        name: draw(st.integers(0, most))
        for name, most in {
            "kills": 2, "overruns": 2, "deadlines": 1, "losses": 1, "signals": 1, "denials": 1,
        }.items()
    }  # fmt: skip
    return Configuration(
        "by chance",
        tuple(draw(launchers)),
        workers=8,
        seamless=draw(st.booleans()),
        serving=serving,
        recorded="1",
        good="1",
        broken=tuple(draw(broken)),
        **budget,
    )


schedules = st.builds(
    Schedule,
    st.permutations(range(12)).map(tuple),
    st.lists(st.integers(0, STEPS), max_size=6, unique=True).map(tuple),
    st.lists(st.tuples(st.integers(0, STEPS), st.integers(0, 20)), max_size=5).map(tuple),
)


@CALM
@given(configuration=worlds(), schedule=schedules)
def test_no_schedule_breaks_an_invariant(configuration, schedule):
    simulation = Simulation(configuration)
    simulation.run(schedule, STEPS)
    assert not simulation.broken, f"{schedule}\n{simulation.story()}"


class DriversMachine(RuleBasedStateMachine):
    """Whatever acts next, whatever strikes: no invariant breaks, every run comes to an end."""

    @initialize(configuration=worlds())
    def begin(self, configuration: Configuration) -> None:
        self.simulation = Simulation(configuration)

    def _options(self, fault: bool) -> list[Any]:
        return [option for option in self.simulation.options() if option[0].fault == fault]

    @rule(which=st.integers(0, 50), steps=st.integers(1, 8))
    def somebody_acts(self, which: int, steps: int) -> None:
        for _ in range(steps):
            options = self._options(fault=False)
            if not options or self.simulation.broken:
                return
            self.simulation.take(options[which % len(options)])

    @precondition(lambda self: self._options(fault=True))
    @rule(which=st.integers(0, 50))
    def a_fault_strikes(self, which: int) -> None:
        options = self._options(fault=True)
        self.simulation.take(options[which % len(options)])

    @invariant()
    def nothing_is_broken(self) -> None:
        simulation = getattr(self, "simulation", None)
        assert simulation is None or not simulation.broken, simulation.story()

    def teardown(self) -> None:
        if hasattr(self, "simulation"):
            self.simulation.settle()
            assert not self.simulation.broken, self.simulation.story()


DriversMachine.TestCase.settings = settings(CALM, max_examples=40, stateful_step_count=30)
TestWhateverActsNextBreaksNothing = DriversMachine.TestCase


class Unfenced(Told):
    """A world in which a child listens whatever became of its parent's lock."""

    def fence(self, s: Any, entry: Any) -> bool:  # noqa: ARG002 - a rule's signature
        return True


ORPHAN = Configuration(
    "an orphan", (("ensure", "2"), ("stop", "1")), 3, recorded="1", good="1", kills=1
)


few = st.builds(
    Schedule,
    st.permutations(range(4)).map(tuple),
    st.lists(st.integers(0, 20), max_size=3, unique=True).map(tuple),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), max_size=2).map(tuple),
)


def breaks(schedule: Schedule, world: type[Told]) -> bool:
    simulation = Simulation(ORPHAN, world)
    simulation.run(schedule, STEPS)
    return bool(simulation.broken)


@pytest.mark.parametrize("change", range(0, 20, 5))
def test_a_fenced_orphan_comes_up_under_no_schedule_tried(change):
    for step in range(20):
        for first in (0, 1):
            schedule = Schedule((first, 1 - first, 2, 3), (change,), ((step, 0),))
            assert not breaks(schedule, Told)


def test_an_unfenced_orphan_is_found_and_shrunk_to_a_story():
    schedule = find(
        few,
        lambda one: breaks(one, Unfenced),
        settings=settings(CALM, max_examples=1_000, derandomize=True),
    )
    simulation = Simulation(ORPHAN, Unfenced)
    simulation.run(schedule, STEPS)
    assert len(schedule.faults) <= 1
    assert len(schedule.changes) <= 2
    assert simulation.story().startswith("A: ensure by version 2\nB: stop by version 1\n")
    assert "V9: a worker came up that was spawned before a stop" in simulation.story()
