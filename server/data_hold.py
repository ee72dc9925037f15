"""The worker's hold of its data dir: the serve lock, the files that say who serves."""

from __future__ import annotations

import contextlib
import os

from incumbent.lifecycle.about import command
from incumbent.lifecycle.drivers.ports import SHUTDOWN
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock.serve_lock import Holder, ServeLock, holder_in
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.soon_dead import LEFT, SETTLED

from .requests import Requests

GONE = "{} was removed or replaced"


class DataHold:
    """The serve lock of one data dir; the worker stops when that dir is gone."""

    def __init__(self, worker: Worker, requests: Requests) -> None:
        self._data_dir, self._requests = worker.data_dir, requests
        self._lock = ServeLock(worker.path("serve.lock"))
        self._identity = _identity(worker.data_dir)
        self._mark = ""
        self.is_gone = False

    def has_data(self) -> bool:
        """Whether the data dir is still the one that we serve; we stop when it is not.

        What were acknowledged then, would be nowhere.
        """
        if self._lock.held and not self.is_gone and not self._lock.is_at_its_path():
            self.is_gone = True
            say([f"{GONE.format(self._lock.path)}: the worker takes nothing more"])
            self._requests.ask(SHUTDOWN)
        return not self.is_gone

    @property
    def takes_our_lines(self) -> bool:
        """Whether what we write there comes into our own data dir."""
        return not self.is_gone or self._identity == _identity(self._data_dir)

    @property
    def trouble(self) -> str:
        """Why there is no serve lock to be had here, or ""."""
        return self._lock.trouble

    def take(self) -> str:
        """Take the serve lock; give "" or who has it. Raises FilesError."""
        if self._lock.take():
            return ""
        holder = holder_in(self._lock.path)
        who = f"the worker {holder.pid} on {holder.node}" if holder else "another worker"
        return f"{who} serves {self._data_dir} already; run `{command()} status`"

    def adopt(self, fd: int) -> None:
        """Hold the serve lock that a predecessor passed on, where it did: not a negative number."""
        if fd >= 0:
            self._lock.adopt(fd)

    def name(self, holder: Holder) -> None:
        """Write who serves, where; raises FilesError."""
        self._lock.name(holder._replace(mark=self._mark))

    def mark(self, word: str) -> None:
        """Write how far we have come: UP, then SETTLED, for good; raises FilesError."""
        if self._mark != SETTLED:
            self._mark = word
            self._lock.mark(word)

    def release(self) -> None:
        """Let the serve lock go; the app is down."""
        self.leave()
        self._lock.release()

    def close(self) -> None:
        """Close our copy of the serve lock, which lives on where it was passed on."""
        self.leave()
        self._lock.close()

    def leave(self) -> None:
        """Write that we end in order, unless that is nothing new or another is named already."""
        if self._lock.held and self._mark != SETTLED:
            with contextlib.suppress(FilesError):  # a full disk: the death counts once, no more
                self._lock.mark(LEFT)

    def say_why_stopped(self) -> None:
        """Say, at the end, that it was for the data dir, if it was."""
        if self.is_gone:
            say([f"stopped, because {GONE.format(self._lock.path)}"])

    @property
    def fd(self) -> int:
        """The descriptor of the serve lock, -1 for none."""
        return self._lock.fd

    def fileno(self) -> int:
        """Give the descriptor as files do."""
        return self._lock.fileno()


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        told = os.stat(folder)
    except OSError:
        return None
    return told.st_dev, told.st_ino
