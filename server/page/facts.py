"""Gathers what the page shows."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from incumbent.lifecycle import files
from incumbent.lifecycle.client.spool import Spool
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.journal import Follower, Line
from incumbent.lifecycle.posix.process_usage import Usage, usage
from incumbent.lifecycle.record import NewerFormatError, Rejection
from incumbent.lifecycle.record_format import decoded

from .findings import Doctor, Finding

LINES = 5000  # of the journal: some hundred restarts
RUN_LETTERS = 12  # of an instance, by which the trace names a worker's run


class Control(Protocol):
    """What the page needs of the worker."""

    @property
    def token(self) -> str:
        """The secret of its user."""

    def health(self) -> Health:
        """The worker's report, now."""


class Facts(NamedTuple):
    """What there is to show at one moment; `now` is in seconds since 1970."""

    now: float
    health: Health
    usage: Usage | None
    lines: Sequence[Line]
    rejected: tuple[Rejection, ...]
    recorded: str
    kept: int
    findings: tuple[Finding, ...] | None

    @property
    def run(self) -> str:
        """How the trace names the worker's own run."""
        return self.health.instance[:RUN_LETTERS]


class Watch:
    """Looks at everything, again and again, changing nothing; what can't be read is left out."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._place = DataDir(control.health().data_dir)
        self._follower = Follower(self._place.trace, whole=True)
        self._lines: deque[Line] = deque(maxlen=LINES)
        self._reading = asyncio.Lock()
        self.doctor = Doctor()

    async def facts(self) -> Facts:
        """Give what there is now."""
        async with self._reading:  # the first reading may take as long as the journal is
            await asyncio.to_thread(lambda: self._lines.extend(self._follower.new_lines()))
            health = self._control.health()
            recorded, rejected = self._record(health.service)
            kept = len(Spool(self._place.spool).waiting())
            return Facts(
                time.time(),
                health,
                usage(os.getpid()),
                tuple(self._lines),
                rejected,
                recorded,
                kept,
                self.doctor.found,
            )

    def stamp(self) -> tuple[object, ...]:
        """Give what differs whenever something else than a duration is to be shown."""
        health = self._control.health()
        told: list[object] = [health.state, health.refusal, self.doctor.found]
        for path in (self._place.trace, self._place.record, self._place.spool):
            try:
                seen = os.stat(path)
                told.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
            except OSError:
                told.append(None)
        return tuple(told)

    def _record(self, service: str) -> tuple[str, tuple[Rejection, ...]]:
        try:
            record = decoded(files.read(self._place.record) or b"", service)
        except (IncumbentError, ValueError, NewerFormatError):
            return "", ()
        rejected = tuple(one for one in record.rejected if one.stands)
        return (record.recorded.version if record.recorded else ""), rejected
