"""The shipped lock under random schedules, one system call at a time, with shrinking."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ....proof.lock_world import (
    ACTORS,
    DEAD,
    DONE,
    GUARD,
    HALF_STEPS,
    HOLDS,
    LEASE_STEPS,
    LID,
    NOBODY,
    OPEN,
    PATH,
    TEMP,
    TORN_STEPS,
    UNBORN,
    Bounds,
    Disk,
    abandon,
    begin,
    explore,
    sent,
)

pytestmark = pytest.mark.slow

AT_ONCE = 3
ALIVE = 0


class Schedule:
    """Live contenders over the in-memory disk; whoever runs it says whose turn it is."""

    def __init__(self, contenders: int = AT_ONCE, tries: int = 2) -> None:
        self.bounds = Bounds(
            "random", 0, tries, changes=True, crashes=99, torn_steps=99, half_steps=99,
            lease_steps=99,
        )  # fmt: skip
        self.disk = Disk(self.bounds)
        self.state = self.disk.initial([])
        self._running: dict[int, tuple[Any, Any]] = {}
        self.left_open: dict[int, Any] = {}  # by whoever is done, before its end closes all
        for _ in range(contenders):
            self.join()

    @property
    def running(self) -> list[int]:
        """Who is neither done nor dead."""
        return sorted(self._running)

    def join(self) -> int:
        """Let one more contender begin."""
        actor = len(self.state[ACTORS])
        self.state = (*self.state[:ACTORS], (*self.state[ACTORS], (ALIVE, *UNBORN)))
        coroutine, _ = begin(self.bounds, actor)
        self._running[actor] = coroutine, sent(coroutine, None)
        return actor

    def asks(self, actor: int) -> str:
        """Give the call that an actor makes next."""
        return str(self._running[actor][1][0])

    def step(self, actor: int) -> bool:
        """Let an actor make one system call; False when it blocks."""
        coroutine, call = self._running[actor]
        went = self.disk.perform(self.state, actor, call)
        if went is None:
            return False
        answer, self.state = went
        call = sent(coroutine, answer)
        if call is None:
            del self._running[actor]
            self.left_open[actor] = self.state[ACTORS][actor][OPEN]
            self.state = self.disk.ended(self.state, actor, DONE)
        else:
            self._running[actor] = coroutine, call
        return True

    def go(self, actor: int, until: str = "") -> None:
        """Let an actor run until it is about to make this call, or done, or blocked."""
        while actor in self._running and self.asks(actor) != until and self.step(actor):
            pass

    def crash(self, actor: int) -> None:
        """Let an actor die."""
        coroutine, _ = self._running.pop(actor)
        abandon(coroutine)
        self.state = self.disk.crash(self.state, actor)

    def wait(self, which: int) -> None:
        """Let time pass."""
        kinds = (TORN_STEPS, HALF_STEPS, LEASE_STEPS)
        self.state = list(self.disk.time_passes(self.state))[kinds.index(which)][1]

    def settle(self) -> None:
        """Let everybody run to the end, in turn."""
        while [actor for actor in self.running if self.step(actor)]:
            pass

    def close(self) -> None:
        """End everybody without a word."""
        for coroutine, _ in self._running.values():
            abandon(coroutine)
        self._running.clear()

    def sound(self) -> None:
        """Fail when an invariant is broken, or whoever is done has left a file open."""
        assert self.disk.found is None, self.disk.found
        assert not any(self.left_open.values()), self.left_open


class LockMachine(RuleBasedStateMachine):
    """Any order of turns, deaths and waits breaks no invariant."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = Schedule()
        self.joined = AT_ONCE

    @precondition(lambda self: self.schedule.running)
    @rule(who=st.integers(0, 9), calls=st.integers(1, 12))
    def turn(self, who: int, calls: int) -> None:
        running = self.schedule.running
        actor = running[who % len(running)]
        for _ in range(calls):
            if actor not in self.schedule.running or not self.schedule.step(actor):
                return

    @precondition(lambda self: self.schedule.running)
    @rule(who=st.integers(0, 9))
    def death(self, who: int) -> None:
        running = self.schedule.running
        self.schedule.crash(running[who % len(running)])

    @precondition(lambda self: self.joined < 6 and len(self.schedule.running) < AT_ONCE)
    @rule()
    def newcomer(self) -> None:
        self.joined += 1
        self.schedule.join()

    @rule(which=st.sampled_from([TORN_STEPS, HALF_STEPS, LEASE_STEPS]))
    def wait(self, which: int) -> None:
        self.schedule.wait(which)

    @invariant()
    def nothing_is_broken(self) -> None:
        self.schedule.sound()

    def teardown(self) -> None:
        try:
            self.schedule.settle()
            self.schedule.sound()
            assert not self.schedule.running, "nobody can go on"
        finally:
            self.schedule.close()


LockMachine.TestCase.settings = settings(
    max_examples=400,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
TestAnyOrderOfTurnsBreaksNothing = LockMachine.TestCase


def test_two_thieves_in_step_leave_one_holder():
    schedule = Schedule(0)
    owner = schedule.join()
    schedule.go(owner, "lets_go")
    schedule.crash(owner)
    one, other = schedule.join(), schedule.join()
    for _ in range(60):
        for actor in (one, other):
            if actor in schedule.running and schedule.asks(actor) != "changes":
                schedule.step(actor)
    holders = [entry for entry in schedule.state[ACTORS] if entry[HOLDS]]
    schedule.sound()
    assert len(holders) == 1
    schedule.settle()
    schedule.sound()
    schedule.close()


@pytest.mark.parametrize("until", ["changes", "lets_go"])  # inside the guard, after it
def test_a_thief_that_stalled_before_its_last_step_spares_the_lock_made_meanwhile(until):
    for call in ("flock", "open_temp", "open", "read", "is_dead", "unlink", "rename_away"):
        schedule = Schedule(0)
        owner = schedule.join()
        schedule.go(owner, "lets_go")
        schedule.crash(owner)
        late, quick = schedule.join(), schedule.join()
        schedule.go(late, call)
        schedule.go(quick, until)
        schedule.go(late, "changes")
        schedule.sound()
        schedule.settle()
        schedule.sound()
        schedule.close()


def test_a_creator_that_stalled_before_it_wrote_holds_nothing_once_it_was_robbed():
    schedule = Schedule(0, tries=1)
    creator = schedule.join()
    schedule.go(creator, "write")
    schedule.wait(TORN_STEPS)
    thief = schedule.join()
    schedule.go(thief, "lets_go")
    assert schedule.state[ACTORS][thief][HOLDS]
    schedule.go(creator)
    schedule.sound()
    assert creator not in schedule.running
    assert not schedule.state[ACTORS][creator][HOLDS]
    schedule.close()


def test_a_holder_that_stalled_before_it_unlinked_spares_the_lock_of_its_thief():
    for call in ("flock", "open", "read", "unlink"):
        schedule = Schedule(0)
        holder = schedule.join()
        schedule.go(holder, "lets_go")
        schedule.go(holder, call)
        schedule.wait(LEASE_STEPS)
        thief = schedule.join()
        schedule.go(thief, "changes")
        schedule.go(holder)
        schedule.sound()
        schedule.settle()
        schedule.sound()
        schedule.close()


def test_whoever_is_done_has_given_everything_back():
    schedule = Schedule(2)
    schedule.settle()
    schedule.sound()
    assert schedule.running == []
    assert schedule.state[PATH] == 0
    assert schedule.state[GUARD] == NOBODY
    assert schedule.left_open == {0: (), 1: ()}
    for entry in schedule.state[ACTORS]:
        assert (entry[LID], entry[TEMP]) == (DONE, 0)


def test_the_dead_leave_a_lock_that_the_next_may_have():
    for call in ("write", "flock", "holds", "lets_go", "unlink"):
        schedule = Schedule(1)
        schedule.go(0, call)
        schedule.crash(0)
        assert schedule.state[ACTORS][0][LID] == DEAD
        schedule.wait(TORN_STEPS)
        heir = schedule.join()
        schedule.go(heir, "lets_go")
        assert schedule.state[ACTORS][heir][HOLDS], call
        schedule.settle()
        schedule.sound()


def test_two_contenders_are_explored_to_the_end():
    report = explore(Bounds("small", 2, crashes=1, torn_steps=1, lease_steps=1))
    assert report.exhausted
    assert report.invariant == "", report.story
