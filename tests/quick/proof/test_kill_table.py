"""The kill table lists every seeded fault, and every fault still fits the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ...isolation import REPOSITORY
from ...proof import kill, page, spool_world
from ...proof.lock_world import CONFIGURATIONS
from ...proof.mutants import FAULTS, Edit, Fault
from ...proof.mutants.fault import MisfitError, edited, seed
from ...proof.mutants.worlds import names

DESIGN = 20
# 12 is replaced by 26 to 29; 25 is of old workers.
RULES = frozenset({*range(1, 32), 34, 35, 40, 41, 42}) - {12, 25}
LEAST = 36


def fault(name: str = "a fault", *edits: Edit) -> Fault:
    return Fault(name, "it breaks a thing", "own", edits, (), (), "")


@pytest.mark.slow
def test_every_fault_fits_the_code():
    assert kill.ill_fitting() == []


def test_a_fault_that_does_not_fit_is_told():
    for text, times in (("nothing of it", 0), ("old and old", 2)):
        with pytest.raises(MisfitError, match=f"stands {times} times in some.py"):
            edited(text, Edit("some.py", "old", "new"), "a fault")


def test_a_fault_is_seeded_into_the_copy_alone(tmp_path: Path):
    (tmp_path / "incumbent" / "lifecycle").mkdir(parents=True)
    copy = tmp_path / "incumbent" / "lifecycle" / "about.py"
    here = REPOSITORY / "lifecycle" / "about.py"
    before = here.read_text()
    copy.write_text(before)
    seed(fault("a fault", Edit("lifecycle/about.py", before, "nothing")), tmp_path)
    assert copy.read_text() == "nothing"
    assert here.read_text() == before


def test_every_fault_of_the_design_is_seeded():
    assert len([f for f in FAULTS if f.source == "design"]) == DESIGN
    assert len(FAULTS) >= LEAST


def test_every_rule_of_the_protocol_is_removed_alone():
    rules = {int(found[1]) for f in FAULTS if (found := re.match(r"rule (\d+)$", f.source))}
    assert rules == RULES


def test_no_two_faults_have_one_name():
    assert len({f.name for f in FAULTS}) == len(FAULTS)


def test_every_fault_has_a_second_level_that_exists():
    for each in FAULTS:
        assert each.test, each.name
        for selector in each.test.split():
            file, _, name = selector.partition("::")
            text = (REPOSITORY / file).read_text()
            assert not name or f"def {name.partition('[')[0]}(" in text, each.name


def test_every_configuration_that_a_fault_names_exists():
    known = names() | {bounds.name for bounds in (*CONFIGURATIONS, *spool_world.CONFIGURATIONS)}
    for each in FAULTS:
        assert set(each.configurations) <= known, each.name


def test_a_fault_that_no_exploration_sees_says_why():
    for each in FAULTS:
        assert each.sees or each.why_alive, each.name


def test_the_parts_of_the_short_run_are_all_of_it():
    parts = [{f.name for f in FAULTS if kill.part_of(f, 3) == part} for part in (1, 2, 3)]
    assert set.union(*parts) == {f.name for f in FAULTS}
    assert sum(map(len, parts)) == len(FAULTS)
    assert all(parts)


def test_the_page_lists_the_faults_of_the_code():
    assert kill.stale(kill.PAGE.read_text()) == []


def test_the_page_on_the_proof_is_of_this_code():
    assert page.stale(page.PAGE.read_text()) == []


def test_a_page_on_the_proof_that_lacks_a_world_an_invariant_or_a_word_is_stale():
    text = page.PAGE.read_text()
    for there in ("| cold: 1 ensure |", "**I4** one holder", "never a pass"):
        assert there in text
        assert page.stale(text.replace(there, "")) != []


def test_a_page_that_lacks_a_fault_is_stale():
    text = kill.PAGE.read_text()
    [line] = [line for line in text.splitlines() if line.startswith("| unlink-race steal |")]
    assert kill.stale(text.replace(line, "")) != []
    assert kill.stale(f"{text}\n{line.replace('unlink-race', 'another')}\n") != []


def test_an_invariant_that_alone_sees_a_fault_is_told():
    seen = kill.Level(True, "", 0.0)
    outcomes = [
        kill.Outcome(fault("one"), seen, seen, ("I1", "I2")),
        kill.Outcome(fault("two"), seen, seen, ("I1",)),
    ]
    assert kill.only_killers(outcomes) == {"I1": ["two"], "I2": []}
