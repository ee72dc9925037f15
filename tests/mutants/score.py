"""Tells the score of a run, by folder, also on the page of what is checked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ..proof.kill import REPOSITORY
from .judging import Verdict
from .selection import folder_of

PAGE = REPOSITORY / "docs" / "proof.md"
SCORE = Path(__file__).with_name("score.md")  # what stands there of it, for whoever writes it anew


def put_down(verdicts: Sequence[Verdict], how: str) -> None:
    """Write the score in the place of the last one; `how` says by which run."""
    before, after = SCORE.read_text(), "\n".join([how, "", *lines(verdicts), ""])
    PAGE.write_text(PAGE.read_text().replace(before, after))
    SCORE.write_text(after)


def lines(verdicts: Iterable[Verdict]) -> list[str]:
    """Give a table in Markdown: for each folder how many were seen, accepted, alive.

    The share is of those that somebody should see: accepted ones count neither way.
    """
    by_folder: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        if not verdict.trouble:
            by_folder.setdefault(folder_of(verdict.mutant.path), []).append(verdict)
    told = ["| folder | mutants | seen | accepted | alive | score |", "|---|--:|--:|--:|--:|--:|"]
    told += [_row(folder, of_it) for folder, of_it in sorted(by_folder.items())]
    return [*told, _row("all", [one for of_it in by_folder.values() for one in of_it])]


def _row(name: str, verdicts: list[Verdict]) -> str:
    seen = sum(bool(verdict.by) for verdict in verdicts)
    alive = sum(verdict.is_alive for verdict in verdicts)
    share = f"{100 * seen / (seen + alive):.0f} %" if seen + alive else "—"
    accepted = len(verdicts) - seen - alive
    return f"| {name} | {len(verdicts)} | {seen} | {accepted} | {alive} | {share} |"
