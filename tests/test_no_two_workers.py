"""No run of the shipped machines ends with two workers of one tool.

Hypothesis chooses a world of launchers (ensures, restarts, a stop, from up to three installs, some
at another address), then who acts next, which lock is lost and which process dies. The shipped
drivers answer; the simulator plays sockets, locks and processes. A failure prints its story.
Below stand the faults that make this fail: a world in which listening excludes nobody, and one
whose serve lock nobody takes.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from .proof.coverage import INVARIANTS
from .proof.schedules import Schedule, Simulation, Told
from .proof.world import APP, DEAD, HOLDERS, LID, SERVE, Configuration

pytestmark = pytest.mark.hypothesis

STEPS = 120
CHOSEN = settings(
    max_examples=300,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)

runs = st.tuples(
    st.sampled_from(["ensure", "ensure", "restart", "stop"]),
    st.sampled_from("123"),
    st.sampled_from([0, 0, 1]),
)
few = st.integers(0, 2)


def world_of(
    launchers: list[tuple[str, str, int]], seamless: bool, serving: str, faults: list[int]
) -> Configuration:
    """Give a world of these launchers; `faults` are kills, leases that run out, lost answers."""
    kills, overruns, losses = faults
    return Configuration(
        "by chance",
        tuple(launchers),
        workers=8,
        seamless=seamless,
        serving=serving,
        recorded="1",
        good="1",
        kills=kills,
        overruns=overruns,
        losses=losses,
    )


worlds = st.builds(
    world_of,
    st.lists(runs, min_size=2, max_size=4),
    st.booleans(),
    st.sampled_from(["", "1"]),
    st.lists(few, min_size=3, max_size=3),
)
schedules = st.builds(
    Schedule,
    st.permutations(range(12)).map(tuple),
    st.lists(st.integers(0, STEPS), max_size=6, unique=True).map(tuple),
    st.lists(st.tuples(st.integers(0, STEPS), st.integers(0, 20)), max_size=5).map(tuple),
)
short = st.builds(
    Schedule,
    st.permutations(range(4)).map(tuple),
    st.lists(st.integers(0, 20), max_size=2, unique=True).map(tuple),
    st.lists(st.tuples(st.integers(0, 20), st.just(0)), max_size=1).map(tuple),
)


def apps(simulation: Simulation, state: tuple[Any, ...]) -> list[int]:
    """Give the processes that run the app in this state."""
    workers = range(simulation.world.first_worker, len(state))
    return [n for n in workers if state[n] and state[n][LID] > DEAD and state[n][APP]]


def two_workers(simulation: Simulation) -> list[tuple[Any, ...]]:
    """Give the states on the way in which two processes run the app."""
    states = [move.state for move in simulation.path if move.state is not None]
    return [state for state in states if len(apps(simulation, state)) > 1]


class Unsettled(Simulation):
    """A simulation that ends with its schedule."""

    def settle(self) -> None:
        """Let nobody go on."""


def followed(world: type[Told], configuration: Configuration, schedule: Schedule) -> Simulation:
    """Give the run of a schedule in a world whose own checks are off: only the states count."""
    simulation = Unsettled(configuration, world)
    simulation.world.ignored = frozenset(INVARIANTS)
    simulation.run(schedule, STEPS)
    return simulation


@CHOSEN
@given(configuration=worlds, schedule=schedules)
def test_no_two_workers_run_the_app_whoever_acts_next(configuration, schedule):
    simulation = Simulation(configuration)
    simulation.run(schedule, STEPS)
    assert not two_workers(simulation), simulation.story()
    assert not simulation.broken, simulation.story()


class NothingExcludes(Told):
    """A world in which anybody may listen and take the serve lock beside anybody."""

    def listened(self, s: list[Any], actor: int) -> bool:
        s[HOLDERS] |= self.bit(actor)
        return True

    def fence(self, s: Any, entry: Any) -> bool:  # noqa: ARG002 - a rule's signature
        return True

    def data_is_free(self, s: Any) -> bool:  # noqa: ARG002 - a rule's signature
        return True


class Blind(NothingExcludes):
    """The same at two addresses, with a serve lock that looks free to everybody."""

    def listened(self, s: list[Any], actor: int) -> bool:
        return Told.listened(self, s, actor)

    def elsewhere(self, s: Any, address: int) -> tuple[Any, ...]:
        seen: list[Any] = list(s)
        seen[SERVE] = 0
        return super().elsewhere(seen, address)


AT_HOME = Configuration(
    "both here", (("ensure", "1"), ("ensure", "1")), 4, recorded="1", good="1", overruns=1
)
APART = Configuration("one there", (("ensure", "1"), ("ensure", "1", 1)), 4, recorded="1", good="1")


@pytest.mark.parametrize(("world", "configuration"), [(NothingExcludes, AT_HOME), (Blind, APART)])
def test_two_workers_are_found_where_nothing_excludes_the_second(world, configuration):
    found = find(
        short,
        lambda schedule: bool(two_workers(followed(world, configuration, schedule))),
        settings=settings(CHOSEN, max_examples=500, derandomize=True),
    )
    assert len(found.faults) <= configuration.overruns


@pytest.mark.parametrize("configuration", [AT_HOME, APART])
def test_the_same_worlds_have_one_worker_where_listening_excludes(configuration):
    for priorities in ((0, 1, 2, 3), (3, 2, 0, 1)):
        for step in range(0, 30, 2):
            simulation = Simulation(configuration)
            simulation.run(Schedule(priorities, (step + 4,), ((step, 0),)), STEPS)
            assert not two_workers(simulation)
            assert not simulation.broken, simulation.story()
