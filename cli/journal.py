"""Reads the trace for people: as a whole, or as it grows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from incumbent.lifecycle.files import read

_WIDTHS = (8, 6, 8, 27, 18, 27, 9)
_TITLES = ("machine", "pid", "door", "from", "event", "to", "after")


class Follower:
    """The lines that were appended since this object was made, also across a rotation."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._inode, self._offset = self._where()

    def _where(self) -> tuple[int, int]:
        try:
            told = os.stat(self._path)
        except OSError:
            return 0, 0
        return told.st_ino, told.st_size

    def new_lines(self) -> Iterator[dict[str, object]]:
        """Give each whole line appended since the last call."""
        inode, _ = self._where()
        if not inode:
            return
        if inode != self._inode:
            yield from self._rest(f"{self._path}.1")
            self._inode, self._offset = inode, 0
        yield from self._rest(self._path)

    def _rest(self, path: str) -> Iterator[dict[str, object]]:
        try:
            with open(path, "rb") as file:
                file.seek(self._offset)
                content = file.read()
        except OSError:
            return
        whole = content[: content.rfind(b"\n") + 1]
        self._offset += len(whole)
        yield from parsed(whole)


def whole_journal(path: str) -> bytes:
    """Give the journal with the part before the last rotation."""
    return (read(f"{path}.1") or b"") + (read(path) or b"")


def parsed(content: bytes) -> Iterator[dict[str, object]]:
    """Give every line that is a JSON object; what is none is passed over."""
    for line in content.splitlines():
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            yield said


def header() -> str:
    """Give the titles over the columns."""
    return _row(_TITLES)


def readable(line: dict[str, object]) -> str:
    """Give one transition: who, from, event, to, how long, why."""
    spent = line.get("ms")
    after = f"{spent:.1f} ms" if isinstance(spent, (int, float)) else ""
    cells = [str(line.get(key, "")) for key in ("machine", "pid", "door", "from", "event", "to")]
    return f"{_row((*cells, after))}  {line.get('why', '')}".rstrip()


def _row(cells: tuple[str, ...]) -> str:
    *left, last = cells
    padded = [cell.ljust(width) for cell, width in zip(left, _WIDTHS, strict=False)]
    return f"{' '.join(padded)} {last.rjust(_WIDTHS[-1])}"
