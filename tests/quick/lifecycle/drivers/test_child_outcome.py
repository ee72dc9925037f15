"""What became of a child is one word, one sentence, and one change of the record at most."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from incumbent.lifecycle.drivers.child_outcome import (
    CHILD_FAILED,
    CHILD_KILLED,
    CHILD_LEFT,
    CHILD_LOST,
    CHILD_READY,
    CHILD_STOPPED,
    keep_record,
    reason,
    verdict,
)
from incumbent.lifecycle.drivers.ports import Child, ChildExit
from incumbent.lifecycle.record import Build

CHILD = Child(7, Build("1.0.0", "app:app", sys.executable))

BUDGET = "was not up within its start budget"
ROWS = [
    (ChildExit(None), CHILD_READY, ""),
    (ChildExit(None, up=True), CHILD_READY, ""),
    (ChildExit(0, up=True), CHILD_LEFT, ""),
    (ChildExit(-9, up=True), CHILD_LEFT, ""),
    (ChildExit(1, up=True, late=True), CHILD_LEFT, ""),
    (ChildExit(77), CHILD_FAILED, BUDGET),
    (ChildExit(-9, late=True), CHILD_FAILED, BUDGET),
    (ChildExit(75, late=True), CHILD_FAILED, BUDGET),
    (ChildExit(75), CHILD_LOST, "exited 75"),
    (ChildExit(0), CHILD_STOPPED, "exited 0"),
    (ChildExit(0, crashed=True), CHILD_STOPPED, "exited 0"),
    (ChildExit(-9), CHILD_KILLED, "was killed by signal 9"),
    (ChildExit(-15), CHILD_KILLED, "was killed by signal 15"),
    (ChildExit(-11, crashed=True), CHILD_FAILED, "crashed by signal 11"),
    (ChildExit(1), CHILD_FAILED, "exited 1"),
    (ChildExit(76), CHILD_FAILED, "exited 76"),
    (ChildExit(127), CHILD_FAILED, "exited 127"),
]


class Store:
    """Takes note of what is written into the record."""

    def __init__(self, ours: bool) -> None:
        self.ours, self.said = ours, list[tuple[object, ...]]()

    async def mark_good(self, build: Build) -> bool:
        self.said.append(("good", build))
        return self.ours

    async def reject(self, build: Build, reason: str, late: bool) -> bool:
        self.said.append(("rejected", build, reason, late))
        return self.ours


def kept(ended: ChildExit, ours: bool = True) -> tuple[bool, list[tuple[object, ...]]]:
    store: Any = Store(ours)
    return asyncio.run(keep_record(store, CHILD, ended)), store.said


@pytest.mark.parametrize(("ended", "word", "how"), ROWS)
def test_an_end_is_one_word_and_one_sentence(ended: ChildExit, word: str, how: str):
    assert verdict(ended) == word
    if how:
        assert reason(ended) == how
        assert reason(ended._replace(last_output="no database")) == f"{how}: no database"


@pytest.mark.parametrize(("ended", "word", "how"), ROWS)
@pytest.mark.parametrize("ours", [True, False])
def test_only_what_a_build_answers_for_is_recorded(
    ended: ChildExit, word: str, how: str, ours: bool
):
    good = [("good", CHILD.build)]
    rejected = [("rejected", CHILD.build, how, ended.late or ended.code == 77)]
    wanted = {CHILD_READY: good, CHILD_LEFT: good, CHILD_FAILED: rejected}.get(word, [])
    assert kept(ended, ours) == (ours if wanted else True, wanted)
