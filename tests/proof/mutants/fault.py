"""What a seeded fault is, and how it gets into a copy of the code."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class MisfitError(ValueError):
    """An edit does not fit the code any more: its old text must stand there exactly once."""


class Edit(NamedTuple):
    """One replacement in one file, named as in the repository."""

    file: str
    old: str
    new: str


class Fault(NamedTuple):
    """One seeded fault.

    `source` says where it is from: a seeded fault of the design, a rule of the protocol, or our
    own. `twin` is the same fault in the simulator, for what stands below the drivers' verbs.
    `sees` are the invariants expected to see it, in these explorer configurations; `test` is the
    second level that kills it.
    """

    name: str
    breaks: str
    source: str
    edits: tuple[Edit, ...]
    sees: tuple[str, ...]
    configurations: tuple[str, ...]
    test: str
    twin: tuple[Edit, ...] = ()
    why_alive: str = ""  # for a survivor: why no check can or need see it


def edited(text: str, edit: Edit, fault: str) -> str:
    """Give a file's text after one edit; raises MisfitError."""
    times = text.count(edit.old)
    if times != 1:
        raise MisfitError(
            f"{fault}: its old text stands {times} times in {edit.file}; mend the fault's edit"
        )
    return text.replace(edit.old, edit.new)


def seed(fault: Fault, root: Path) -> None:
    """Put a fault into a copy of the code, laid out as a package `incumbent` beside `tests`."""
    for edit in (*fault.edits, *fault.twin):
        path = (
            root / edit.file if edit.file.startswith("tests/") else root / "incumbent" / edit.file
        )
        path.write_text(edited(path.read_text(), edit, fault.name))
