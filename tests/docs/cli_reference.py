"""Writes docs/cli.md from the commands themselves."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from incumbent.cli.command_table import COMMANDS
from incumbent.cli.dispatch import OPTIONS

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
HEAD = """\
# The command line

<!-- Written by `python -m tests.docs` from the commands: change those. -->

`worker-service [--data-dir D] [--port P] [--json] COMMAND`. What a command exits with: the
[README](../README.md#the-command-line). Below a tool's own command all of it is the same:
[hosting.md](hosting.md#below-your-own-commands).
"""


class Words:
    """Takes what a command adds to its parser."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def add_argument(self, *names: str, **given: Any) -> None:
        """Keep one argument."""
        value = given.get("metavar") or given.get("dest") or ""
        takes_none = given.get("action") == "store_true" or not names[0].startswith("-")
        said = ", ".join(names) if names[0].startswith("-") else (value or names[0].upper())
        words = str(given.get("help") or "").replace("%%", "%")
        self.rows.append((said if takes_none else f"{said} {value or 'VALUE'}", words))

    def __getattr__(self, name: str) -> Any:
        """Give a group for a group; nothing else of a parser is needed here."""
        assert name.startswith("add_"), name
        return lambda *_, **__: self


def page() -> str:
    """Give the whole page."""
    rows = "\n".join(f"| `{option}` | {words} |" for option, words in OPTIONS.items())
    parts = [HEAD, f"| of every command | |\n|---|---|\n{rows}\n"]
    for name, (sentence, module) in COMMANDS.items():
        words = Words()
        chosen = importlib.import_module(f"incumbent.cli.{module}")
        if hasattr(chosen, "configure"):  # a hook meets no parser
            chosen.configure(words)
        parts.append(f"## {name}\n{sentence[:1].upper()}{sentence[1:]}.\n")
        if words.rows:
            told = "\n".join(f"| `{said}` | {meaning} |" for said, meaning in words.rows)
            parts.append(f"| word | meaning |\n|---|---|\n{told}\n")
    return "\n".join(parts)
