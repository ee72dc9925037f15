"""The explorer visits everything, tells what it finds, and never passes what it did not finish."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ...proof.__main__ import main
from ...proof.configurations import CONFIGURATIONS, NAMED
from ...proof.coverage import INVARIANTS, missing
from ...proof.frames import FORGOTTEN
from ...proof.summary import explore
from ...proof.world import Configuration, World

pytestmark = pytest.mark.slow

SMALL = NAMED["cold: 1 ensure"]
TWO = Configuration("two", (("ensure", "2"), ("ensure", "2")), 3, recorded="1", good="1", kills=1)


class Unfenced(World):
    """A world in which a child listens whatever became of its parent's lock."""

    def fence(self, s: Any, entry: Any) -> bool:  # noqa: ARG002 - a rule's signature
        return True


class Eternal(World):
    """A world in which no lock grows stale."""

    def is_stale(self, s: Any) -> bool:  # noqa: ARG002 - a rule's signature
        return False


def test_a_small_world_is_exhausted_and_nothing_breaks() -> None:
    report = explore(TWO._replace(liveness=True))
    assert report.ok
    assert report.exhausted
    assert report.states > 100
    assert report.healed > 0
    assert report.story == ()


def test_a_world_searched_twice_has_as_many_states() -> None:
    assert explore(TWO).states == explore(TWO).states


def test_a_limit_that_is_hit_is_a_failure() -> None:
    report = explore(TWO, limit=10)
    assert not report.ok
    assert not report.exhausted


def test_a_limit_that_is_hit_fails_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "cold: the very first ensures", "--limit", "10"]) == 1
    assert "LIMIT HIT" in capsys.readouterr().out


def test_a_broken_rule_is_told_as_a_story_and_as_a_diagram() -> None:
    orphan = TWO._replace(launchers=(("ensure", "2"), ("stop", "1")))
    report = explore(orphan, world=Unfenced)
    if not report.invariant:
        pytest.fail("an unfenced child broke nothing")
    assert not report.ok
    assert report.story[0] == "A: ensure by version 2"
    assert report.invariant in report.story[-1]
    assert any("(fault)" in line for line in report.story)
    assert report.sequence.startswith("sequenceDiagram\n")
    assert report.sequence.count("\n") > len(report.story) / 2


def test_a_broken_rule_that_is_ignored_is_not_told() -> None:
    orphan = TWO._replace(launchers=(("ensure", "2"), ("stop", "1")))
    broken = explore(orphan, world=Unfenced).invariant
    assert explore(orphan, ignored=(broken,), world=Unfenced).invariant != broken


def test_a_lock_that_never_grows_stale_is_lost_liveness() -> None:
    report = explore(TWO._replace(liveness=True), world=Eternal)
    assert report.invariant == "L2"
    assert "is killed" in " ".join(report.story)


def test_what_nobody_took_is_listed() -> None:
    lines = missing([explore(SMALL)])
    assert "never taken: spawner: port_foreign: idle -> failed" in lines
    assert any(line.startswith("never at stake: I7") for line in lines)


def test_what_somebody_took_is_not_listed() -> None:
    lines = missing([explore(SMALL)])
    assert "never taken: spawner: port_dark: idle -> locking" not in lines


def test_a_report_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", SMALL.name, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"configuration", "states", "depth", "exhausted", "seconds"} <= set(said)
    assert {"invariant", "what", "story"} <= set(said)
    assert said["configuration"] == SMALL.name
    assert said["exhausted"] is True


def test_every_configuration_has_a_name_of_its_own() -> None:
    assert len(NAMED) == len(CONFIGURATIONS)


def test_every_invariant_is_a_sentence() -> None:
    assert all(INVARIANTS.values())


def test_a_value_that_was_forgotten_can_not_be_read() -> None:
    for read in (bool, lambda value: value == "x", lambda value: value.kind):
        with pytest.raises(LookupError):
            read(FORGOTTEN)
