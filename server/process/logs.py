"""Where the worker's output goes: its early log, then its rotated log."""

from __future__ import annotations

import io
import logging
import os
import stat
import sys
from typing import Any

from incumbent.lifecycle import files
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.private import open_file

ROTATE_BYTES = 5_000_000
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class _Lossy(io.FileIO):
    """A file that takes everything: what can't be written is lost, and raises nothing.

    A full disk, or a reader that is gone, must not make a `print` of the app fail.
    """

    def write(self, content: Any) -> int:
        try:
            return super().write(content)
        except OSError:
            return len(content)


def print_at_once() -> None:
    """Have each line that is printed written as it comes, wherever standard output goes."""
    old = sys.stdout
    old.flush()
    lossy = _Lossy(old.fileno(), "w", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(lossy), old.encoding, old.errors, line_buffering=True
    )


class Output:
    """The worker's standard output and error, by whoever writes to them."""

    def __init__(self, path: str, early: str, level: str) -> None:
        self._path, self._early = path, early
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(FORMAT))
        # For where nobody has set up logging: beside a handler of ours `basicConfig` does nothing.
        logging.lastResort = handler
        logging.getLogger().setLevel(level.upper() if level != "trace" else 5)

    def settle(self) -> None:
        """Go on in the worker's log, with what was said so far."""
        if not self._early:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            said = files.read(self._early) or b""
            self._reopen(said)
        except (OSError, FilesError):
            return
        files.unlink(self._early)

    def rotate(self) -> None:
        """Begin a new log when the old one is long; the one before is kept."""
        try:
            if self._early and os.fstat(2).st_size > ROTATE_BYTES:
                os.replace(self._path, f"{self._path}.1")
                self._reopen(b"")
        except OSError:
            return

    def _reopen(self, first: bytes) -> None:
        notices = _what_would_hold_us_up(self._path)
        fd = open_file(self._path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
        try:
            files.write_all(fd, first)
            os.dup2(fd, 1)
            os.dup2(fd, 2)
        finally:
            os.close(fd)
        say(notices)


def _what_would_hold_us_up(path: str) -> list[str]:
    """Set aside a pipe or a device in the log's place, where a `print` could wait for a reader."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return []
    return [] if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else [files.set_aside(path)]
