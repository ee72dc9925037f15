"""Runs one schedule, given as data, over the simulator; tells what happened as a journal."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import Row

from .explorer import Found
from .story import story
from .world import ACTORS, LID, OVER_ENTRY, Configuration, Move, World

SETTLING_STEPS = 3_000
# How whoever serves at the beginning came up.
CAME_UP = (
    Row("listen_ok", states.IDLE, states.BOUND),
    Row("named", states.BOUND, states.NAMED),
    Row("pid_written", states.NAMED, states.STARTING),
    Row("app_up", states.STARTING, states.VERIFIED),
)
ROUNDS = 12  # more than there are actors to take a turn each


class Schedule(NamedTuple):
    """Who goes first, where that changes, which faults strike when.

    The actor with the highest priority moves; at a change point the one that would move falls
    below all others. A fault strikes before the step with its number, if one of its kind can.
    """

    priorities: tuple[int, ...]
    changes: tuple[int, ...] = ()
    faults: tuple[tuple[int, int], ...] = ()  # (step, which of the faults that can strike)


class Told(World):
    """A world that tells, with each move, the rows that were taken on the way."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__(configuration)
        self._steps: list[tuple[int, Any]] = []
        self._advance, self.automata.advance = self.automata.advance, self._noted  # type: ignore[method-assign]  # a tap
        self._rows: tuple[Row, ...] = ()

    def _noted(self, lid: int, result: Any) -> int:
        self._steps.append((lid, result))
        return self._advance(lid, result)

    def went_on(self, s: Any, actor: int, me: Any, *more: Any, **named: Any) -> Any:
        """Give the moves; the rows of each are those of its own steps."""
        before = list(self._steps)
        for move in super().went_on(s, actor, me, *more, **named):
            self._rows = tuple(self._taken(self._steps))
            yield move
        self._steps[:] = before

    def _taken(self, steps: Iterable[tuple[int, Any]]) -> Iterable[Row]:
        for lid, result in steps:
            if self._calls[lid][0] == "note":
                yield self._calls[lid][1]
            yield from self.automata.rows.get((lid, result), ())

    def options(self, state: tuple[Any, ...]) -> list[tuple[Move, tuple[Row, ...]]]:
        """Give everything that can happen next, with its rows."""
        found: list[tuple[Move, tuple[Row, ...]]] = []
        self._steps.clear()
        moves = self.moves(state)
        while True:
            self._rows = ()
            move = next(moves, None)
            if move is None:
                return found
            rows: tuple[Row, ...] = self._rows
            if move.what.startswith("ends itself"):
                where = self._states[state[move.actor][LID]]
                rows = (Row("own_deadline", where, states.FAILED),)
            found.append((move, rows))


_Kind = Callable[[Configuration], Told]
_MADE: dict[tuple[Configuration, _Kind], Told] = {}
KEPT = 4


def _made(configuration: Configuration, kind: _Kind) -> Told:
    """Give a world: what its drivers do, once learnt, is known to the next schedule too."""
    world = _MADE.pop((configuration, kind), None) or kind(configuration)
    _MADE[configuration, kind] = world  # the last
    if len(_MADE) > KEPT:
        _MADE.pop(next(iter(_MADE))).automata.end()
    return world


class Line(NamedTuple):
    """One transition of one run."""

    actor: int
    machine: str
    row: Row


class Simulation:
    """One world under one schedule, step by step."""

    def __init__(self, configuration: Configuration, world: _Kind = Told) -> None:
        self.world = _made(configuration, world)
        self.world.found = None
        self.state: tuple[Any, ...] = self.world.initial()
        self.path: list[Move] = []
        self.lines: list[Line] = []
        if configuration.serving:
            first = self.world.first_worker
            self.lines += [Line(first, "worker", row) for row in CAME_UP]

    def options(self) -> list[tuple[Move, tuple[Row, ...]]]:
        """Give what can happen next within the bound on processes."""
        options = self.world.options(self.state)
        return [(move, rows) for move, rows in options if move.state is not None]

    def take(self, option: tuple[Move, tuple[Row, ...]]) -> None:
        """Let one thing happen."""
        move, rows = option
        machine = "worker"
        if ACTORS <= move.actor < self.world.first_worker:
            run = self.world.machine(move.actor)
            machine = "stop" if run == "stop" else "spawner"
        for row in rows:
            line = Line(move.actor, machine, row)
            if row.source != row.dest or line != self._last(move.actor):
                self.lines.append(line)
        self.path.append(move)
        assert move.state is not None
        self.state = move.state

    def _last(self, actor: int) -> Line | None:
        return next((line for line in reversed(self.lines) if line.actor == actor), None)

    def run(self, schedule: Schedule, steps: int) -> None:
        """Follow a schedule, then let everybody come to an end in turn."""
        priorities = dict(enumerate(schedule.priorities, ACTORS))
        lowest = min(priorities.values(), default=0)
        for number in range(steps):
            options = self.options()
            for _, which in (fault for fault in schedule.faults if fault[0] == number):
                strikes = [option for option in options if option[0].fault]
                if strikes:
                    self.take(strikes[which % len(strikes)])
                    options = self.options()
            calm = self._first_of_each([option for option in options if not option[0].fault])
            if not calm or self.broken:
                break
            first = max(calm, key=lambda option: priorities.get(option[0].actor, 0))
            if number in schedule.changes:
                lowest -= 1
                priorities[first[0].actor] = lowest
                continue
            self.take(first)
            if self.path[-1].waits:  # whoever waits lets the others on
                lowest -= 1
                priorities[first[0].actor] = lowest
        self.settle()

    def settle(self) -> None:
        """Let everybody go on until nobody can, or something is broken; who waits comes last."""
        met: Counter[tuple[Any, ...]] = Counter()
        for number in range(SETTLING_STEPS):
            met[self.state] += 1
            if met[self.state] > ROUNDS:  # whoever is left waits for what the bound does not allow
                return
            calm = self._first_of_each([o for o in self.options() if not o[0].fault])
            if not calm or self.broken or self.is_over:
                return
            busy = [option for option in calm if not option[0].waits]
            self.take(busy[-1] if busy else calm[number % len(calm)])

    @staticmethod
    def _first_of_each(
        options: Sequence[tuple[Move, tuple[Row, ...]]],
    ) -> list[tuple[Move, tuple[Row, ...]]]:
        return list({option[0].actor: option for option in reversed(options)}.values())[::-1]

    @property
    def broken(self) -> str:
        """The invariant that is broken; "" for none."""
        return self.world.found[0] if self.world.found else ""

    @property
    def is_over(self) -> bool:
        """Whether every run of a launcher has ended."""
        return all(self.state[n] == OVER_ENTRY for n in range(ACTORS, self.world.first_worker))

    def story(self) -> str:
        """Give what happened, to read."""
        invariant, what = self.world.found or ("", "nothing is broken")
        found = Found(invariant, what, self.path, self.world, len(self.path), 0)
        return "\n".join(story(found))

    def journal(self) -> list[dict[str, Any]]:
        """Give the lines that the actors' journals would have."""
        return [
            {
                "at": "2026-01-01T00:00:00Z",
                "mono": 100.0 + number / 10,
                "machine": line.machine,
                "run": f"run {line.actor}",
                "pid": line.actor,
                "origin": "handover" if line.machine == "worker" else "cli",
                "from": line.row.source,
                "event": line.row.event,
                "to": line.row.dest,
                "ms": 1.0,
            }
            for number, line in enumerate(self.lines)
        ]


def written(journal: Iterable[dict[str, Any]]) -> bytes:
    """Give the bytes of trace.jsonl."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in journal)
