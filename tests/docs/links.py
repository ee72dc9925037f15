"""Finds links inside the repository that lead nowhere, without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

LINK = re.compile(r"\]\(([^()\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
INLINE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+ (.*)$", re.M)


def dead_links(root: Path) -> list[str]:
    """Give each link that leads to no file, or to no heading of one."""
    pages = sorted([*root.glob("*.md"), *(root / "docs").glob("*.md")])
    return [f"{page.relative_to(root)}: {link}" for page in pages for link in _dead(page)]


def _dead(page: Path) -> Iterator[str]:
    for link in LINK.findall(INLINE.sub("", FENCE.sub("", page.read_text("utf-8")))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = unquote(link).partition("#")
        there = page.parent / target if target else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            yield link


def _anchors(page: Path) -> set[str]:
    headings = HEADING.findall(FENCE.sub("", page.read_text("utf-8")))
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}
