"""Reads the trace for people: as a whole, or as it grows."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.machine.old_trace import in_words_of_today
from incumbent.lifecycle.messages import printable

Line = dict[str, object]

_WIDTHS = (8, 7, 8, 32, 18, 32, 11)
_TITLES = ("machine", "pid", "origin", "from", "event", "to", "after")


class Journal(NamedTuple):
    """What is in the two files now; `older` is None when the journal was never rotated."""

    older: bytes | None
    current: bytes


class Follower:
    """The lines appended since this object was made, or all of them, also across a rotation.

    The file stays open, so that nobody can rotate it away unread. A journal that can't be read
    has no lines: it never stops a run.
    """

    def __init__(self, path: str, whole: bool = False) -> None:
        self._path = path
        self._older = b""
        self._offset = 0
        self._torn = b""
        self._fd = _opened(path)
        if whole:
            self._older = self._before_rotation()
        elif self._fd is not None:
            self._offset = os.fstat(self._fd).st_size

    def new_lines(self) -> Iterator[Line]:
        """Give each whole line since the last call; what is no JSON is passed over."""
        older, self._older = self._older, b""
        yield from parsed(older)
        yield from self._appended()
        if self._rotated():
            yield from self._appended()  # what came in before the rename
            self.close()
            self._fd, self._offset, self._torn = _opened(self._path), 0, b""
            yield from self._appended()

    def close(self) -> None:
        """Let the file go."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _before_rotation(self) -> bytes:
        older = _opened(f"{self._path}.1")
        if older is None:
            return b""
        try:
            ours = self._fd is not None and os.path.sameopenfile(older, self._fd)
            return b"" if ours else _rest(older, 0)
        finally:
            os.close(older)

    def _rotated(self) -> bool:
        try:
            there = os.stat(self._path)
        except OSError:
            return False
        return self._fd is None or not os.path.samestat(there, os.fstat(self._fd))

    def _appended(self) -> Iterator[Line]:
        if self._fd is None:
            return
        fresh = _rest(self._fd, self._offset)
        self._offset += len(fresh)
        whole, newline, self._torn = (self._torn + fresh).rpartition(b"\n")
        yield from parsed(whole + newline)


def read_journal(path: str) -> Journal:
    """Give both files as they are at one moment; raises FilesError."""
    current = _opened_for_certain(path)
    older = _opened_for_certain(f"{path}.1")
    try:
        if current is None or older is None or not os.path.sameopenfile(current, older):
            return Journal(
                None if older is None else _rest(older, 0),
                b"" if current is None else _rest(current, 0),
            )
        return Journal(b"", _rest(current, 0))  # rotated between the two: that is all of it
    finally:
        for fd in (current, older):
            if fd is not None:
                os.close(fd)


def parsed(content: bytes) -> Iterator[Line]:
    """Give every whole line that is a JSON object; what is none is passed over."""
    for line in content.split(b"\n")[:-1]:
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
    return _row(_TITLES)


def readable(line: Line) -> str:
    """Give one transition: who, from, event, to, how long, why."""
    spent = line.get("ms")
    timed = isinstance(spent, float) or (isinstance(spent, int) and abs(spent) < 1e15)
    after = f"{spent:.1f} ms" if timed else ""
    cells = [str(line.get(key, "")) for key in ("machine", "pid", "origin", "from", "event", "to")]
    return printable(f"{_row((*cells, after))}  {line.get('why', '')}".rstrip())


def _row(cells: tuple[str, ...]) -> str:
    *left, last = cells
    padded = [cell.ljust(width) for cell, width in zip(left, _WIDTHS, strict=False)]
    return f"{' '.join(padded)} {last.rjust(_WIDTHS[-1])}"


def _opened(path: str) -> int | None:
    try:
        return _opened_for_certain(path)
    except FilesError:
        return None


def _opened_for_certain(path: str) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FilesError(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise FilesError(path, "it is no file")
    return fd


def _rest(fd: int, offset: int) -> bytes:
    parts = []
    while part := os.pread(fd, 1 << 20, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse(text)
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
