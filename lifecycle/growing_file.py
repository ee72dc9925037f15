"""Reads a file as it grows, also across its rotation."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from .errors import FilesError


class GrowingFile:
    """The whole lines appended since this object was made, or all of them.

    The file stays open, so that nobody can rotate it away unread. One that can't be read has no
    lines: it never stops a run.
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

    def new_lines(self) -> Iterator[bytes]:
        """Give each whole line since the last call, without its end."""
        older, self._older = self._older, b""
        yield from older.split(b"\n")[:-1]
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
            return b"" if ours else rest(older, 0)
        finally:
            os.close(older)

    def _rotated(self) -> bool:
        try:
            there = os.stat(self._path)
        except OSError:
            return False
        return self._fd is None or not os.path.samestat(there, os.fstat(self._fd))

    def _appended(self) -> Iterator[bytes]:
        if self._fd is None:
            return
        fresh = rest(self._fd, self._offset)
        self._offset += len(fresh)
        *whole, self._torn = (self._torn + fresh).split(b"\n")
        yield from whole


def open_for_certain(path: str) -> int | None:
    """Give the file's descriptor, None when there is no file; raises FilesError."""
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


def rest(fd: int, offset: int) -> bytes:
    """Give everything from `offset` on, however much that is."""
    parts = []
    while part := os.pread(fd, 1 << 20, offset):
        parts.append(part)
        offset += len(part)
    return b"".join(parts)


def _opened(path: str) -> int | None:
    try:
        return open_for_certain(path)
    except FilesError:
        return None
