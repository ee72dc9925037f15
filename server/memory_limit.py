"""Has a worker restart that has grown beyond its limit."""

from __future__ import annotations

import os
import time

from incumbent.lifecycle.drivers.ports import RESTART
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.posix.process_usage import usage

from .requests import Requests

AGAIN_S = 60.0  # after a restart that came to nothing
MB = 2**20


class MemoryLimit:
    """The limit of this process's resident size, in bytes; 0 is none.

    A worker that is above it from the beginning would restart for ever: it serves on.
    """

    def __init__(self, limit: int, requests: Requests) -> None:
        self._limit, self._requests = limit, requests
        self._fits: bool | None = None
        self._not_before = 0.0

    def look(self) -> None:
        """Ask for a restart, as a person would, when the process has grown too large."""
        size = resident() if self._limit else 0
        if size <= self._limit:
            self._fits = True
            return
        told = f"{size // MB} MB are more than the limit of {self._limit // MB} MB"
        if self._fits is None:
            self._fits = False
            say([f"{told} from the beginning: serving on, choose another INCUMBENT_MAX_MEMORY"])
        if self._fits and time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + AGAIN_S
            say([f"{told}: restarting"])
            self._requests.ask(RESTART)


def resident() -> int:
    """Give this process's resident size in bytes; 0 where the system does not tell."""
    taken = usage(os.getpid())
    return taken.memory if taken else 0
