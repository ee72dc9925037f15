"""Asks the doctor what is wrong, in a process of its own: the server knows no command."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import NamedTuple

TAKES_S = 10.0
FRESH_S = 15.0  # a page that is open asks no more often


class Finding(NamedTuple):
    """One thing that is wrong, what to do about it."""

    what: str
    next: str


class Doctor:
    """What the doctor found last; None before it was asked, or where it can't be."""

    def __init__(self) -> None:
        self.found: tuple[Finding, ...] | None = None
        self._asked = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, wait: float) -> None:
        """Ask again unless that was just done; wait at most `wait` seconds for the answer."""
        if (self._asking is None and time.monotonic() - self._asked > FRESH_S) or not self._asked:
            self._asked = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
        if self._asking is not None and wait:
            await asyncio.wait({self._asking}, timeout=wait)

    async def _ask(self) -> None:
        try:
            self.found = await asyncio.to_thread(_doctor)
        finally:
            self._asking = None


def _doctor() -> tuple[Finding, ...] | None:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "incumbent.cli", "--json", "doctor"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TAKES_S,
            check=False,
        )
        said = json.loads(done.stdout)
        return tuple(Finding(str(one["what"]), str(one["next"])) for one in said["findings"])
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return None
