"""Writes docs/proof.md: what is checked, how far, by which engine, what came of it, what is not."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .configurations import NAMED
from .coverage import EXCEPTIONS, INVARIANTS
from .kill import REPOSITORY, Outcome
from .mutants.worlds import extra

if TYPE_CHECKING:
    from .prove import Row, Seeded, Tested

PAGE = REPOSITORY / "docs" / "proof.md"
TEXT = Path(__file__).with_name("proof.md")


def page(
    rows: Iterable[Row],
    seeded: Sequence[Seeded],
    outcomes: Sequence[Outcome],
    levels: Iterable[Tested],
    counterexamples: Sequence[str],
    seconds: float,
) -> str:
    """Give docs/proof.md from one whole run."""
    searched = sorted(rows, key=lambda row: (ENGINES.index(row.engine), row.configuration))
    states = sum(row.states for row in searched)
    figures = [
        f"{len(searched)} worlds, {states:,} states, {seconds:.0f} s in all, on "
        f"{time.strftime('%Y-%m-%d', time.gmtime())}. "
        + ("All were exhausted." if all(r.ok for r in searched) else "NOT ALL WERE EXHAUSTED."),
        "",
        "| engine | configuration | states | depth | exhausted | seconds |",
        "|---|---|--:|--:|---|--:|",
    ]
    figures += [
        f"| {row.engine} | {row.configuration} | {row.states:,} | {row.depth} | "
        f"{row.how_far} | {row.seconds:.1f} |"
        for row in searched
    ]
    seen = sum(outcome.explorer.killed for outcome in outcomes)
    tested = sum(outcome.test.killed for outcome in outcomes)
    kills = f"{len(outcomes)} seeded faults: {seen} seen by an exploration, {tested} by a test."
    opinion = [
        f"SPIN was given {len(seeded)} of them and saw {sum(bool(s.broken) for s in seeded)}.",
        "",
        "| fault | what SPIN says | where |",
        "|---|---|---|",
        *(f"| {one.fault} | {one.broken or 'nothing'} | {one.where} |" for one in seeded),
    ]
    said = [f"- {level.words}: {level.said}" for level in levels]
    invariants = [f"- **{name}** {words}." for name, words in INVARIANTS.items()]
    excepted = [
        f"- `{machine}: {event}: {source} -> {dest}`: {why}."
        for (machine, event, source, dest), why in EXCEPTIONS.items()
    ]
    from .replaying.covering import UNTAKEN, saved

    unled = [f"- `{machine}: {row[0]}: {row[1]} -> {row[2]}`: {why}."
             for (machine, row), why in UNTAKEN.items()]  # fmt: skip
    text = TEXT.read_text()
    mutants = TEXT.parent.with_name("mutants") / "score.md"
    for name, lines in {
        "invariants": invariants,
        "exceptions": excepted,
        "figures": figures,
        "kills": [kills],
        "opinion": opinion if seeded else ["SPIN was not there in this run."],
        "levels": said,
        "counterexamples": told_of(counterexamples),
        "scripts": [f"{len(saved())} scripts of {sum(len(s.choices) for s in saved())} steps."],
        "unled": unled,
        "mutants": mutants.read_text().splitlines(),
    }.items():
        text = text.replace(f"<!-- {name} -->", "\n".join(lines))
    return text


def told_of(counterexamples: Sequence[str]) -> list[str]:
    """Give what came of the counterexamples: how many went as predicted, the others by name."""
    pairs = [line.split("  ", 1) for line in counterexamples]
    said = [(name.strip(), what.strip()) for name, what in pairs]
    went = sum(what == "as predicted" for _, what in said)
    lines = [f"{went} of {len(said)} went as predicted.", "", "| fault | why not |", "|---|---|"]
    return lines + [f"| {name} | {what} |" for name, what in said if what != "as predicted"]


ENGINES = ("drivers", "lock", "spool", "SPIN")


def stale(text: str) -> list[str]:
    """Give how the page differs from what the code would search; its figures are of its run."""
    known = {*NAMED, *(world.name for world in extra())}
    listed = {
        cells[2].strip()
        for line in text.splitlines()
        if len(cells := line.split("|")) == 8 and cells[1].strip() == "drivers"
    }
    wrongs = [f"the page lacks the world {name!r}" for name in sorted(known - listed)]
    wrongs += [f"the page has a world {name!r}, the code has none" for name in listed - known]
    wrongs += [
        f"the page lacks the invariant {name}: {words}"
        for name, words in INVARIANTS.items()
        if f"**{name}** {words}." not in text
    ]
    if text != _filled(text):
        wrongs.append("the page's words are not those of tests/proof/proof.md")
    return wrongs


def _filled(text: str) -> str:
    """Give the page if each passage of the written text stands in it, in order; else nothing."""
    at = 0
    for passage in TEXT.read_text().split("<!-- "):
        words = passage.partition(" -->")[2] if " -->" in passage else passage
        at = text.find(words.strip("\n"), at)
        if at < 0:
            return ""
    return text
