"""Tells a waiter when it is worth to look again.

A worker writes its PID file just before it is up: whoever waits for it sees that for the price of
one `stat`, where a probe would cost the worker an answer. It is a hint of when to look, never of
what is there: without the file a wait is as long as it was meant to be.
"""

from __future__ import annotations

import os
from time import monotonic, sleep


class PidFileWatch:
    """One waiter's view of the PID file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._last = self._mark()

    def wait(self, seconds: float, step: float) -> bool:
        """Sleep this long, or until the file has changed, looked at every `step` seconds.

        Gives whether it has changed since the last time this was given, or since the beginning.
        """
        until = monotonic() + seconds
        while True:
            now = self._mark()
            if now != self._last:
                self._last = now
                return True
            remaining = until - monotonic()
            if remaining <= 0:
                return False
            sleep(min(step, remaining))

    def _mark(self) -> tuple[int, int]:
        try:
            told = os.stat(self._path)
        except OSError:
            return (0, 0)
        return (told.st_ino, told.st_mtime_ns)
