"""The docs are held true: what the code and the pages cite is where they say it is."""

from __future__ import annotations

import re
from pathlib import Path

from tests.proof.coverage import INVARIANTS

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
PLACES = ("lifecycle", "server", "cli", "tests", "docs", "diagrams")
HEADINGS = {int(number) for number in re.findall(r"^#### Rule (\d+):", PROTOCOL, re.M)}


def cited() -> dict[int, str]:
    """Give each rule that is cited anywhere, with one file that cites it."""
    files = [*ROOT.glob("*.md")]
    for place in PLACES:
        for ending in ("py", "md", "pml"):
            files += (ROOT / place).rglob(f"*.{ending}")
    return {
        int(number): str(path.relative_to(ROOT))
        for path in files
        for number in re.findall(r"\b[Rr]ule (\d+)\b", path.read_text())
    }


def test_every_rule_that_is_cited_has_its_heading_in_the_protocol() -> None:
    citations = cited()
    assert len(citations) >= 16
    assert {rule: path for rule, path in citations.items() if rule not in HEADINGS} == {}


def test_the_protocol_numbers_its_rules_without_a_gap() -> None:
    assert set(range(1, 43)) == HEADINGS


def test_each_link_inside_the_protocol_leads_to_a_heading() -> None:
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", PROTOCOL, re.M)
    }
    links = re.findall(r"\]\(#([^)]*)\)", PROTOCOL)
    assert links
    assert [link for link in links if link not in anchors] == []


def test_the_protocol_says_each_invariant_as_the_explorer_does() -> None:
    assert [n for n, words in INVARIANTS.items() if f"**{n}** {words}." not in PROTOCOL] == []
