"""Lets ensures, deaths and expiries follow one another for ever: I16 and I17.

Between two events everything is calm: the record, who serves, what the serve lock says of the last
worker. From each calm every event is explored to all its ends, by the same drivers and the same
rules as in every other world, until no new calm comes. What goes round in that graph can go on for
ever.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.record import SOON_DEAD, Build, Record, as_judged

from .explorer import Explorer
from .world import (
    ACTORS,
    BUILD,
    DIES_SOON,
    LID,
    NAMED,
    OK,
    OVER,
    RECORD,
    SETTLES,
    Configuration,
    World,
    build_of,
)

LONG_AGO = -1e9
EXPIRY, DEATH = "every pause is over", "the worker that has settled is killed"
RUNS_TO_ONE_THAT_STAYS = SOON_DEAD + 2


class Calm(NamedTuple):
    """Everything that outlasts an event: `named` is the version in the serve lock, with its mark.

    That is who serves, or who died.
    """

    record: Record
    serving: str
    named: tuple[str, bool] | None


class Way(NamedTuple):
    """What one event made of a calm, in one of its ends."""

    event: str
    to: int
    verified: bool
    launches: int
    replaced: bool


class Repeated(NamedTuple):
    """What was seen: calms with the states between them, or a broken invariant with its story."""

    states: int
    depth: int
    seconds: float
    exhausted: bool
    invariant: str
    what: str
    story: tuple[str, ...]
    rows: frozenset[Any]
    at_stake: frozenset[str]


class RepeatedWorld(World):
    """A world for one event: it keeps how the run ended, and reads the record as the clock has it.

    A pause is over when a rejection is from long ago.
    """

    def ended(self, s: list[Any], actor: int, me: list[Any]) -> None:
        """End a run, and keep whether it was verified."""
        super().ended(s, actor, me)
        if not self.is_worker(actor):
            s[actor] = (OVER, self._states[me[LID]] == states.VERIFIED)

    def judged(self, record: Record) -> Record:
        """Give the record with the rejections that a judge goes by."""
        return as_judged(record, not self.configuration.seamless, 0.0)


class Repeats:
    """The graph of one configuration's calms."""

    def __init__(self, configuration: Configuration, ignored: frozenset[str]) -> None:
        self._configuration, self._ignored = configuration, ignored
        self._broken = dict(configuration.broken)
        self._versions = sorted({launcher[1] for launcher in configuration.launchers})
        self.calms: list[Calm] = []
        self.ways: list[list[Way]] = []
        self._numbers: dict[Calm, int] = {}
        self._came: list[tuple[int, str]] = []
        self.states = 0
        self.exhausted = True
        self.rows: set[Any] = set()
        self.at_stake: set[str] = set()
        self.found: tuple[str, str, list[str]] | None = None

    def run(self) -> Repeated:
        """Explore, then judge the graph."""
        began = time.perf_counter()
        c = self._configuration
        good = build_of(c.good) if c.good else None
        recorded = build_of(c.recorded) if c.recorded else None
        named = (c.serving, True) if c.serving else None
        self._number(Calm(Record("", recorded, good), c.serving, named), -1, "")
        for number, calm in enumerate(self.calms):  # which grows
            self.ways.append([])
            for version in self._versions:
                self._ensured(number, calm, version)
            self._expired(number, calm)
            if calm.serving:
                self._add(number, DEATH, calm._replace(serving=""), True, 0, False)
            if self.found:
                break
        else:
            self._judge()
        invariant, what, story = self.found or ("", "", [])
        depth = max(len(self._story(number)) for number in range(len(self.calms)))
        return Repeated(
            self.states, depth, time.perf_counter() - began, self.exhausted, invariant, what,
            tuple(story), frozenset(self.rows), frozenset(self.at_stake),
        )  # fmt: skip

    # The graph.

    def _number(self, calm: Calm, source: int, event: str) -> int:
        number = self._numbers.get(calm)
        if number is None:
            number = self._numbers[calm] = len(self.calms)
            self.calms.append(calm)
            self._came.append((source, event))
            for rejection in calm.record.rejected:
                if rejection.soon_dead and self._works(rejection.version):
                    what = f"version {rejection.version}, which settles, counts as soon dead"
                    self._accuse(number, "V4", what)
        return number

    def _add(
        self, source: int, event: str, calm: Calm, verified: bool, launches: int, replaced: bool
    ) -> None:
        to = self._number(calm, source, event)
        way = Way(event, to, verified, launches, replaced)
        if way not in self.ways[source]:
            self.ways[source].append(way)

    def _expired(self, number: int, calm: Calm) -> None:
        record = calm.record
        past = record._replace(rejected=tuple(r._replace(at=LONG_AGO) for r in record.rejected))
        if past != record:
            self._add(number, EXPIRY, calm._replace(record=past), True, 0, False)

    def _ensured(self, number: int, calm: Calm, version: str) -> None:
        """Explore one ensure by this version, to all its ends."""
        c = self._configuration._replace(
            launchers=(("ensure", version),), serving=calm.serving, workers=5, liveness=True
        )
        explorer = Explorer(c, RepeatedWorld)
        world = explorer.world
        world.ignored = self._ignored
        state = list(world.initial())
        state[RECORD] = world.number_of_record(calm.record)
        first = world.first_worker
        if calm.named:
            version, settled = calm.named
            state[NAMED] = (int(bool(calm.serving)), 0, world.number_of_build(build_of(version)),
                            settled)  # fmt: skip
        if calm.serving:
            state[first] = (*state[first][:SETTLES], 1)
        explorer._explore([tuple(state)], c.limit)
        explorer._tell_of_rows()
        report = explorer.report
        self.states += report.states
        self.exhausted = self.exhausted and report.exhausted and not report.beyond
        self.rows |= {(machine, tuple(row)) for machine, row in report.rows}
        self.at_stake |= report.at_stake
        if report.found is not None:
            self._accuse(number, report.found.invariant, report.found.what)
            return
        for _, end in explorer._ends:
            after = self._calm_of(world, end)
            launches = sum(bool(entry) for entry in end[first:]) - bool(calm.serving)
            stays = bool(end[first]) and end[first][LID] >= 0
            replaced = bool(calm.serving) and self._works(calm.serving) and not stays
            verified = end[ACTORS][1]
            self._add(number, f"ensure {version}", after, verified, launches, replaced)

    def _calm_of(self, world: World, state: tuple[Any, ...]) -> Calm:
        named = state[NAMED]
        said = (world.builds[named[2]].version, named[3]) if named else None
        serving = ""
        for entry in state[world.first_worker :]:
            if entry and entry[LID] >= 0:
                serving = world.builds[entry[BUILD]].version
        return Calm(world.records[state[RECORD]], serving, said)

    def _works(self, version: str) -> bool:
        return self._broken.get(version, OK) == OK

    # What must hold.

    def _judge(self) -> None:
        self.at_stake |= {"I16", "I17"}
        whole = self._components(lambda way: way.event != DEATH)
        timeless = self._components(lambda way: way.event not in (DEATH, EXPIRY))
        for number, ways in enumerate(self.ways):
            for way in ways:
                if way.event == DEATH:
                    continue
                if way.replaced and whole[number] == whole[way.to]:
                    self._accuse(number, "I16", f"{way.event} replaces a working worker in a cycle")
                changes = way.launches or self.calms[number].record != self.calms[way.to].record
                ensured = way.event != EXPIRY
                if ensured and changes and timeless[number] == timeless[way.to]:
                    self._accuse(number, "I16", f"{way.event} launches or rewrites for ever")
        for number, calm in enumerate(self.calms):
            for version in self._versions:
                if self._works(version) and not _is_rejected(calm.record, build_of(version)):
                    self._gets_a_worker(number, version)

    def _gets_a_worker(self, number: int, version: str) -> None:
        """I17: by its second run; where one that is launched dies soon, once that is a loop."""
        event = f"ensure {version}"
        for first in self._after({number}, event):
            for second in () if self._had_one(first) else self._after({first.to}, event):
                if not self._had_one(second):
                    self._accuse(number, "I17", f"{event} fails twice")
        there = {number}
        for _ in range(RUNS_TO_ONE_THAT_STAYS):
            there = {n for n in there if not self.calms[n].serving}
            there = {way.to for way in self._after(there, event)}
        if any(not self.calms[n].serving for n in there):
            self._accuse(number, "I17", f"{event} gets no worker that stays")

    def _had_one(self, way: Way) -> bool:
        """Whether a run had a worker, or one that was up and died before the run saw it."""
        return way.verified or (bool(way.launches) and DIES_SOON in self._broken.values())

    def _after(self, numbers: set[int], event: str) -> list[Way]:
        return [way for n in sorted(numbers) for way in self.ways[n] if way.event == event]

    def _components(self, counts: Any) -> list[int]:
        """Give each calm's strongly connected component, by the ways that count."""
        size = len(self.calms)
        ahead = [[way.to for way in ways if counts(way)] for ways in self.ways]
        back: list[list[int]] = [[] for _ in range(size)]
        for number, targets in enumerate(ahead):
            for to in targets:
                back[to].append(number)
        order = _finished(ahead)
        component = [-1] * size
        for root in reversed(order):
            waiting = [root] if component[root] < 0 else []
            while waiting:
                number = waiting.pop()
                if component[number] < 0:
                    component[number] = root
                    waiting += back[number]
        return component

    def _story(self, number: int) -> list[str]:
        lines = []
        while number > 0:
            number, event = self._came[number]
            lines.append(event)
        return lines[::-1]

    def _accuse(self, number: int, invariant: str, what: str) -> None:
        if self.found is None and invariant not in self._ignored:
            told = [f"{n:4} {event}" for n, event in enumerate(self._story(number), 1)]
            self.found = (invariant, what, [*told, f"     {invariant}: {what}"])


def _is_rejected(record: Record, build: Build) -> bool:
    return any(r.stands and r.is_of(build) for r in record.rejected)


def _finished(ahead: list[list[int]]) -> list[int]:
    """Give all numbers in the order in which a depth-first walk is done with them."""
    order: list[int] = []
    known = [False] * len(ahead)
    for root in range(len(ahead)):
        stack = [(root, iter(ahead[root]))] if not known[root] else []
        known[root] = True
        while stack:
            number, targets = stack[-1]
            following = next((to for to in targets if not known[to]), None)
            if following is None:
                stack.pop()
                order.append(number)
            else:
                known[following] = True
                stack.append((following, iter(ahead[following])))
    return order
