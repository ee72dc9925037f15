"""Reads the log of a data dir's workers, also of one that is not up yet."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator

from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.growing_file import GrowingFile


class LogReader:
    """All lines of the log, then each that comes, across rotations and restarts.

    A worker that comes up writes to a file of its own, which becomes part of the log once it is up
    or has failed: what was read there is not given again.
    """

    def __init__(self, place: DataDir) -> None:
        self._folder = place.logs
        self._log = GrowingFile(place.log, whole=True)
        self._early: dict[str, GrowingFile] = {}
        self._given: Counter[bytes] = Counter()

    def new_lines(self) -> Iterator[bytes]:
        """Give each whole line since the last call, without its end."""
        early = [line for growing in self._coming_up() for line in growing.new_lines()]
        for line in self._log.new_lines():
            if self._given[line]:
                self._given[line] -= 1
            else:
                yield line
        self._given.update(early)
        yield from early

    def close(self) -> None:
        """Let the files go."""
        for growing in (self._log, *self._early.values()):
            growing.close()

    def _coming_up(self) -> list[GrowingFile]:
        there = sorted(glob.glob(os.path.join(glob.escape(self._folder), "early-*.log")))
        for path in self._early.keys() - set(there):
            self._early.pop(path).close()
        for path in there:
            if path not in self._early:
                self._early[path] = GrowingFile(path, whole=True)
        return [self._early[path] for path in there]
