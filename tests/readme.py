"""Gives the pieces of the README, and of the pages for whoever hosts an app, that tests run."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
PAGES = [_ROOT / "README.md", _ROOT / "docs" / "hooks.md", _ROOT / "docs" / "hosting.md"]


def _pages() -> str:
    return "\n".join(page.read_text("utf-8") for page in PAGES)


def block(language: str, containing: str) -> str:
    """Give the one fenced block in this language that contains these words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", _pages(), re.M | re.S)
    (found,) = (text for text in blocks if containing in text)
    return str(found)


def command_lines(containing: str) -> list[str]:
    """Give what is typed in the indented block that contains these words, without its comments."""
    blocks = re.findall(r"(?:^    .*\n)+", _pages(), re.M)
    (found,) = (text for text in blocks if containing in text)
    typed = [line[6:] for line in found.splitlines() if line.startswith("    $ ")]
    return [line.partition("    #")[0].rstrip() for line in typed]
