"""Gives an exploration's report in plain values, which cross from process to process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from .configurations import NAMED
from .explorer import Explorer
from .repeats import Repeats
from .story import sequence, story
from .world import Configuration, World

Rows = frozenset[tuple[str, tuple[str, str, str]]]


@dataclass(frozen=True)
class Summary:
    """What one exploration saw; `healed` are the states explored after the last fault."""

    configuration: str
    states: int
    depth: int
    exhausted: bool
    seconds: float
    invariant: str = ""
    what: str = ""
    story: tuple[str, ...] = ()
    sequence: str = ""
    beyond: int = 0
    ends: int = 0
    healed: int = 0
    rows: Rows = frozenset()
    at_stake: frozenset[str] = field(default_factory=frozenset)

    @property
    def ok(self) -> bool:
        """Whether every state was visited and nothing broke."""
        return self.exhausted and not self.invariant

    def as_json(self) -> dict[str, Any]:
        """Give the report without the rows: what a command prints."""
        said = asdict(self)
        said["rows"] = len(self.rows)
        said["at_stake"] = sorted(self.at_stake)
        said["ok"] = self.ok
        return said


def explore(
    configuration: Configuration,
    ignored: Iterable[str] = (),
    limit: int | None = None,
    world: type[World] = World,
) -> Summary:
    """Search one bounded world to its end, without looking at the `ignored` invariants.

    After `limit` states it gives up, which is never `ok`.
    """
    if configuration.repeats:
        return _repeated(configuration, frozenset(ignored))
    explorer = Explorer(configuration, world)
    explorer.world.ignored = frozenset(ignored)
    report = explorer.run(limit)
    found = report.found
    return Summary(
        configuration.name,
        report.states,
        report.depth,
        report.exhausted,
        round(report.seconds, 2),
        invariant=found.invariant if found else "",
        what=found.what if found else "",
        story=tuple(story(found)) if found else (),
        sequence=sequence(found) if found else "",
        beyond=report.beyond,
        ends=report.ends,
        healed=report.healed,
        rows=frozenset((machine, tuple(row)) for machine, row in report.rows),
        at_stake=frozenset(report.at_stake),
    )


def _repeated(configuration: Configuration, ignored: frozenset[str]) -> Summary:
    told = Repeats(configuration, ignored).run()
    return Summary(
        configuration.name,
        told.states,
        told.depth,
        told.exhausted and not told.invariant,
        round(told.seconds, 2),
        told.invariant,
        told.what,
        told.story,
        rows=told.rows,
        at_stake=told.at_stake,
    )


def explore_named(asked: tuple[str, tuple[str, ...], int | None]) -> Summary:
    """Search a configuration given by its name, ignored invariants and limit."""
    name, ignored, limit = asked
    return explore(NAMED[name], ignored, limit)
