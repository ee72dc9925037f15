"""Writes transitions for people, one row each."""

from __future__ import annotations

import os
import textwrap

from incumbent.lifecycle.journal import Line
from incumbent.lifecycle.messages import printable

_WIDTHS = (8, 7, 8, 32, 18, 32, 11)
_TITLES = ("machine", "pid", "origin", "from", "event", "to", "after")
_NARROW_WIDTHS = (7, 7, 20, 32, 9)
_NARROW_TITLES = ("machine", "pid", "event", "to", "after")
_NARROW = 80  # columns of a terminal that nobody has made wider


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
