"""Reads from the journal who served when, which restarts there were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from incumbent.lifecycle.journal import Line
from incumbent.lifecycle.machine import states as s

BEGINS = "app_up"  # it serves
PASSES = "socket_passed"  # it does not any more: its successor does, without a gap
ENDS = frozenset({"closed"})  # it does not any more
ASKED = frozenset({"restart_wanted", "worker_stale"})


class Life(NamedTuple):
    """One worker's time of service, in seconds since 1970; `end` is 0 while it serves.

    `handed_over` says that another served on, `lost` that nobody wrote down its end.
    """

    pid: int
    run: str
    generation: int
    begin: float
    end: float = 0.0
    handed_over: bool = False
    lost: bool = False


class Restart(NamedTuple):
    """One restart: who wanted it, when, its transitions in order, how it went."""

    run: str
    origin: str
    begin: float
    rows: tuple[Line, ...]
    over: bool
    verified: bool

    @property
    def took(self) -> float:
        """Seconds from its first transition to its last one."""
        return max(at(self.rows[-1]) - self.begin, 0.0)


def at(line: Line) -> float:
    """Give when a transition was, in seconds since 1970; 0 where the line does not say."""
    try:
        return datetime.fromisoformat(str(line.get("at"))).timestamp()
    except ValueError:
        return 0.0


def lives(lines: Iterable[Line], serving: str) -> list[Life]:
    """Give each worker that ever served, in order; `serving` is the run of who does now."""
    found: dict[str, Life] = {}
    for line in lines:
        if line.get("machine") != "worker":
            continue
        run, event, when = str(line.get("run")), line.get("event"), at(line)
        life = found.get(run)
        if event == BEGINS and life is None:
            numbers = (line.get("pid"), line.get("generation"))
            pid, generation = (n if isinstance(n, int) else 0 for n in numbers)
            found[run] = Life(pid, run, generation, when)
        elif life is None:
            continue
        elif event == BEGINS:  # it resumed
            found[run] = life._replace(end=0.0, handed_over=False)
        elif event == PASSES:
            found[run] = life._replace(end=when, handed_over=True)
        elif event in ENDS or line.get("to") == s.FAILED:
            found[run] = life._replace(end=when)
    ordered = sorted(found.values(), key=lambda life: life.begin)
    return [_ended(life, ordered[n + 1 :], serving) for n, life in enumerate(ordered)]


def _ended(life: Life, later: Sequence[Life], serving: str) -> Life:
    """Give a life with an end: one that was killed wrote none, so ended before the next began."""
    if life.end or life.run == serving:
        return life
    return life._replace(end=later[0].begin if later else life.begin, lost=True)


def restarts(lines: Sequence[Line], count: int) -> list[Restart]:
    """Give the last restarts, the newest first, each with what the workers did meanwhile."""
    runs: dict[str, list[Line]] = {}
    for line in lines:
        if line.get("machine") == "spawner":
            runs.setdefault(str(line.get("run")), []).append(line)
    wanted = [(run, rows) for run, rows in runs.items() if rows[0].get("event") in ASKED]
    found = []
    for run, own in wanted[-count:]:
        begin, last = at(own[0]), own[-1]
        over = last.get("to") in s.SPAWNER_FINAL
        until = at(last) if over else float("inf")
        rows = [
            line
            for line in lines
            if line.get("run") == run
            or (line.get("machine") == "worker" and begin <= at(line) <= until)
        ]
        verified = last.get("to") == s.VERIFIED
        origin = str(own[0].get("origin", ""))
        found.append(Restart(run, origin, begin, tuple(rows), over, verified))
    return found[::-1]


def why(lines: Sequence[Line], begin: float) -> str:
    """Give why the worker that began to serve then does."""
    before = [line for line in lines if line.get("machine") == "spawner" and at(line) <= begin]
    if not before:
        return "somebody ran it by hand"
    run = before[-1].get("run")
    own = [line for line in before if line.get("run") == run]
    origin = who(str(own[-1].get("origin")))
    events = {line.get("event") for line in own}
    if "restart_wanted" in events:
        return f"{origin} restarted it"
    if "worker_stale" in events:
        return f"{origin} of a newer version had it replaced"
    return f"{origin} needed one and nobody served"


def who(origin: str) -> str:
    """Give through which way in a run came, in words of people."""
    words = {"cli": "a command", "hook": "a hook", "mcp": "an agent", "api": "a program"}
    return words.get(origin, "somebody")
