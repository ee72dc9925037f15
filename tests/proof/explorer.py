"""Visits every state that a bounded world can reach, breadth first."""

from __future__ import annotations

import gc
import time
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import Row

from .liveness import Liveness, settled_well
from .world import Configuration, Move, World

BEYOND = -1  # stands for every state in which more processes would exist than the bound allows


class Found(NamedTuple):
    """A broken invariant, with the shortest way to it."""

    invariant: str
    what: str
    path: list[Move]
    world: World
    depth: int
    number: int


@dataclass
class Report:
    """What one exploration saw."""

    configuration: Configuration
    states: int = 0
    depth: int = 0
    seconds: float = 0.0
    exhausted: bool = False
    beyond: int = 0
    ends: int = 0
    found: Found | None = None
    rows: set[Any] = field(default_factory=set)
    at_stake: set[str] = field(default_factory=set)
    healed: int = 0

    @property
    def ok(self) -> bool:
        """Whether every state was visited and nothing was found."""
        return self.exhausted and self.found is None


# What the rows of a run say to be at stake.
_STAKES = {
    "I7": {"recycle_spent", "older_worker_again", "handover_refused"},
    "I8": {"not_dark"},
}


class Explorer:
    """One exploration of one configuration."""

    def __init__(self, configuration: Configuration, world: type[World] = World) -> None:
        self.configuration = configuration
        self.world = world(configuration)
        self.report = Report(configuration)
        self._limit = configuration.limit
        self._index: dict[int, int] = {}
        self._parents = array("q")
        self._edges_from = array("q")
        self._edges_to = array("q")
        self._waits = array("b")
        self._ends: list[tuple[int, tuple[Any, ...]]] = []
        self._roots: list[tuple[Any, ...]] = []

    def run(self, limit: int | None = None) -> Report:
        """Explore, then look for lost liveness if the configuration asks for it."""
        began = time.perf_counter()
        self._limit = limit or self.configuration.limit
        resume = gc.isenabled()
        gc.disable()
        try:
            self._explore([self.world.initial()], self._limit)
            if self.report.found is None and self.configuration.liveness and self.report.exhausted:
                Liveness(self).check()
        finally:
            if resume:
                gc.enable()
        self.report.seconds = time.perf_counter() - began
        self._tell_of_rows()
        return self.report

    def _tell_of_rows(self) -> None:
        """Say which rows were taken, and what was at stake on the way."""
        world, report = self.world, self.report
        report.rows = set(world.automata.taken)
        for where in world.own_deadlines:
            report.rows.add(("worker", Row("own_deadline", where, states.FAILED)))
        report.at_stake = set(world.at_stake)
        events = {row.event for machine, row in report.rows if machine == "spawner"}
        report.at_stake |= {name for name, telling in _STAKES.items() if telling & events}

    def _explore(self, roots: Iterable[tuple[Any, ...]], limit: int) -> None:
        world, index, parents = self.world, self._index, self._parents
        liveness = self.configuration.liveness
        report = self.report
        frontier: list[tuple[int, tuple[Any, ...]]] = []
        for root in roots:
            number = index[hash(root)] = len(parents)
            parents.append(-1)
            frontier.append((number, root))
            self._roots.append(root)
        while frontier:
            following: list[tuple[int, tuple[Any, ...]]] = []
            for number, state in frontier:
                calm = False
                for move in world.moves(state):
                    if world.found is not None:
                        break
                    after = move.state
                    if after is None:
                        report.beyond += 1
                        if liveness:
                            self._edges_from.append(number)
                            self._edges_to.append(BEYOND)
                            self._waits.append(1)
                        calm = True
                        continue
                    after = world.canonical(after)
                    print_ = hash(after)
                    its = index.get(print_)
                    if its is None:
                        its = index[print_] = len(parents)
                        parents.append(number)
                        following.append((its, after))
                    if not move.fault:
                        calm = calm or its != number
                        if liveness:
                            self._edges_from.append(number)
                            self._edges_to.append(its)
                            self._waits.append(move.waits)
                if world.found is not None:
                    self._tell(number)
                    return
                if not calm:
                    report.ends += 1
                    if liveness:
                        self._ends.append((number, state))
            frontier = following
            report.depth += bool(frontier)
            report.states = len(parents)
            if len(parents) > limit:
                return
        report.exhausted = True

    def _tell(self, number: int) -> None:
        world = self.world
        assert world.found is not None
        invariant, what = world.found
        path = self.path(number)
        world.found = None
        last = path[-1].state if path else self.root_of(number)
        assert last is not None
        for move in world.moves(last):
            if world.found is not None:
                path.append(move)
                break
        self.report.found = Found(invariant, what, path, world, len(path), number)

    def accuse(self, number: int, invariant: str, what: str) -> None:
        """Take down what the graph as a whole tells against the way to one state."""
        if invariant in self.world.ignored:
            return
        path = self.path(number)
        self.report.found = Found(invariant, what, path, self.world, len(path), number)

    def heal(self, calm: Configuration, roots: dict[tuple[Any, ...], int], version: str) -> bool:
        """Explore what one more event makes of many ends; each has to end well."""
        inner = Explorer(calm, type(self.world))
        inner.world = self.world.calmed(calm)
        inner._explore(roots, self._limit)
        self.report.healed += inner.report.states
        found = inner.report.found
        judge = Liveness(inner)
        who = f"one more ensure by version {version}"
        if found is None:
            ill = next(
                ((n, why) for n, state in inner._ends if (why := settled_well(inner.world, state))),
                None,
            )
            if ill is not None:
                inner.accuse(ill[0], "L2", f"after {who}: {ill[1]}")
            elif (endless := judge.endless()) is not None:
                inner.accuse(endless, "L1", f"{who} goes on for ever")
            elif (stuck := judge.stuck()) is not None:
                inner.accuse(stuck, "L2", f"{who} comes to no end")
            found = inner.report.found
        if found is not None:
            root = inner.root_of(found.number)
            before = self.path(roots[root])
            path = [*before, *found.path]
            self.report.found = found._replace(path=path, depth=len(path))
        elif not inner.report.exhausted:
            self.report.exhausted = False
        return self.report.ok

    def root_of(self, number: int) -> tuple[Any, ...]:
        """Give the first state on the way to a state."""
        while self._parents[number] >= 0:
            number = self._parents[number]
        return self._roots[number]

    def path(self, number: int) -> list[Move]:
        """Give the shortest way to a state, told without swapping equal launchers."""
        chain = [number]
        while self._parents[chain[-1]] >= 0:
            chain.append(self._parents[chain[-1]])
        prints = {its: print_ for print_, its in self._index.items() if its in set(chain)}
        world = self.world
        state = next(root for root in self._roots if hash(root) == prints[chain[-1]])
        moves: list[Move] = []
        for its in reversed(chain[:-1]):
            for move in world.moves(state):
                if move.state is not None and hash(world.canonical(move.state)) == prints[its]:
                    moves.append(move)
                    state = move.state
                    break
            else:
                raise AssertionError("a state without a way to it")
        return moves
