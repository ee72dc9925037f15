"""Gives the pieces of the README that tests run."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def block(language: str, containing: str) -> str:
    """Give the one fenced block in this language that contains these words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)
    (found,) = (text for text in blocks if containing in text)
    return str(found)


def command_lines(containing: str) -> list[str]:
    """Give what is typed in the indented block that contains these words, without its comments."""
    blocks = re.findall(r"(?:^    .*\n)+", README.read_text("utf-8"), re.M)
    (found,) = (text for text in blocks if containing in text)
    typed = [line[6:] for line in found.splitlines() if line.startswith("    $ ")]
    return [line.partition("    #")[0].rstrip() for line in typed]
