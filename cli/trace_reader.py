"""Reads the trace for people: as a whole, or as it grows."""

from __future__ import annotations

import json
import math
import os
import textwrap
from collections.abc import Iterable, Iterator
from typing import NamedTuple, NoReturn

from incumbent.lifecycle.machine.old_trace import in_words_of_today
from incumbent.lifecycle.messages import printable

from .growing_file import GrowingFile, open_for_certain, rest

Line = dict[str, object]

_WIDTHS = (8, 7, 8, 32, 18, 32, 11)
_TITLES = ("machine", "pid", "origin", "from", "event", "to", "after")
_NARROW_WIDTHS = (7, 7, 20, 32, 9)
_NARROW_TITLES = ("machine", "pid", "event", "to", "after")
_NARROW = 80  # columns of a terminal that nobody has made wider


class Journal(NamedTuple):
    """What is in the two files now; `older` is None when the journal was never rotated."""

    older: bytes | None
    current: bytes


class Follower:
    """The lines appended since this object was made, or all of them, also across a rotation."""

    def __init__(self, path: str, whole: bool = False) -> None:
        self._file = GrowingFile(path, whole)

    def new_lines(self) -> Iterator[Line]:
        """Give each whole line since the last call; what is no JSON is passed over."""
        return _objects(self._file.new_lines())

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def read_journal(path: str) -> Journal:
    """Give both files as they are at one moment; raises FilesError."""
    current = open_for_certain(path)
    older = open_for_certain(f"{path}.1")
    try:
        if current is None or older is None or not os.path.sameopenfile(current, older):
            return Journal(
                None if older is None else rest(older, 0),
                b"" if current is None else rest(current, 0),
            )
        return Journal(b"", rest(current, 0))  # rotated between the two: that is all of it
    finally:
        for fd in (current, older):
            if fd is not None:
                os.close(fd)


def parsed(content: bytes) -> Iterator[Line]:
    """Give every whole line that is a JSON object; what is none is passed over."""
    return _objects(content.split(b"\n")[:-1])


def _objects(lines: Iterable[bytes]) -> Iterator[Line]:
    for line in lines:
        try:
            said = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            yield in_words_of_today(said)


def of_this_restart(line: Line) -> bool:
    """Whether a transition is a worker's or our own: other launchers have their own readers."""
    return line.get("machine") == "worker" or line.get("pid") == os.getpid()


def header() -> str:
    """Give the titles over the columns."""
    return _row(_TITLES, _WIDTHS)


def readable(line: Line) -> str:
    """Give one transition: who, from, event, to, how long, why."""
    cells = [str(line.get(key, "")) for key in ("machine", "pid", "origin", "from", "event", "to")]
    return printable(f"{_row((*cells, _after(line)), _WIDTHS)}  {line.get('why', '')}".rstrip())


def narrow_header() -> str:
    """Give the titles over the columns of `narrow`."""
    return _row(_NARROW_TITLES, _NARROW_WIDTHS)


def narrow(line: Line) -> list[str]:
    """Give one transition for a terminal of 80 columns, the reason in rows of its own below it.

    Where it came from is left out: that is where the row before of the same process led to.
    """
    cells = [str(line.get(key, "")) for key in ("machine", "pid", "event", "to")]
    row = printable(_row((*cells, _after(line)), _NARROW_WIDTHS).rstrip())
    indent = " " * (_NARROW_WIDTHS[0] + _NARROW_WIDTHS[1] + 2)
    why = printable(str(line.get("why", "")))
    return [row, *textwrap.wrap(why, _NARROW, initial_indent=indent, subsequent_indent=indent)]


def _after(line: Line) -> str:
    spent = line.get("ms")
    timed = isinstance(spent, float) or (isinstance(spent, int) and abs(spent) < 1e15)
    return f"{spent:.1f} ms" if timed else ""


def _row(cells: tuple[str, ...], widths: tuple[int, ...]) -> str:
    *left, last = cells
    padded = [cell.ljust(width) for cell, width in zip(left, widths, strict=False)]
    return f"{' '.join(padded)} {last.rjust(widths[-1])}"


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse(text)
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
