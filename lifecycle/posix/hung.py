"""Ends a worker that hangs, once the kernel has proved whose it is."""

from __future__ import annotations

import os
import select
import signal
import time

from ..client.probe import PROBE_TIMEOUT_S, probe
from ..drivers.ports import KILLED, NOT_PROVED, StepResult
from ..health import SILENT
from ..lock.lock_holders import lock_holders
from ..lock.process_identity import is_stopped, start_token
from .listening import listens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from ..settings import Worker
else:
    from .._named_tuple import NamedTuple

ASK_FOR_STACKS = signal.SIGQUIT  # as a JVM is asked; it goes on
STACKS_S = 1.0  # for a busy machine; most are written in a millisecond
QUIET_S = 0.1  # a log that did not grow for so long is written
END_S = 5.0
STEP_S = 0.01


class Incumbent(NamedTuple):
    """The process that is our worker now: its pid with the moment it began."""

    pid: int
    start: str


def incumbent_of(worker: Worker) -> Incumbent | None:
    """Give the one process of ours that has the serve lock and listens at the worker's address.

    By the kernel's word, whatever the files say; None where there is none, or more than one.
    """
    holders = lock_holders(worker.path("serve.lock"))
    found = [pid for pid in holders if listens(pid, worker.host, worker.port)]
    if len(found) != 1 or found[0] == os.getpid() or not _is_ours(found[0]):
        return None
    start = start_token(found[0])
    return Incumbent(found[0], start) if start not in (None, "?") else None


class HungWorker:
    """The process that was silent from the beginning of a silence on, for whoever may end it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._noted: Incumbent | None = None
        self._stopped = False  # as the kernel showed it at the last look

    @property
    def is_known(self) -> bool:
        """Whether the kernel has proved whose silence it is."""
        return self._noted is not None

    def note(self) -> bool:
        """Note whose silence it is; give whether that is as at the last look."""
        before, self._noted = self._noted, incumbent_of(self._worker)
        if self._noted != before:
            self._stopped = False
        return self._noted == before

    def forget(self) -> None:
        """Begin anew with the next silence."""
        self._noted, self._stopped = None, False

    def is_stopped(self) -> bool:
        """Whether the kernel shows the process as stopped, at this look as at the one before."""
        before = self._stopped
        self._stopped = self._noted is not None and is_stopped(self._noted.pid)
        return before and self._stopped

    def end(self) -> StepResult:
        """Kill the noted process if it still is the worker, still silent, by a descriptor of it.

        It is asked for its stacks before.
        """
        noted = self._noted
        if noted is None:
            return StepResult(NOT_PROVED, "no process was proved to be this data dir's worker")
        if not hasattr(os, "pidfd_open"):
            return StepResult(NOT_PROVED, "this system gives no descriptor of a process")
        try:
            process = os.pidfd_open(noted.pid)
        except OSError as error:
            return StepResult(NOT_PROVED, f"the worker {noted.pid}: {error.strerror}")
        try:
            return self._end(noted, process)
        finally:
            os.close(process)

    def _end(self, noted: Incumbent, process: int) -> StepResult:
        worker = self._worker
        if incumbent_of(worker) != noted:
            return StepResult(NOT_PROVED, f"{noted.pid} is the worker no more")
        seen = probe(worker.host, worker.port, worker.name, worker.data_dir, PROBE_TIMEOUT_S)
        if seen.kind != SILENT:
            return StepResult(NOT_PROVED, f"the worker {noted.pid} answers")
        stopped = is_stopped(noted.pid)
        log = worker.path("logs", "worker.log")
        asked = not stopped and _writes_stacks(noted.pid)
        if asked:
            _write_stacks(process, log)
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        except OSError as error:
            return StepResult(NOT_PROVED, f"can't end the worker {noted.pid}: {error.strerror}")
        if not _ended(process, END_S):
            return StepResult(NOT_PROVED, f"the worker {noted.pid} was killed, and is still there")
        how = f"; its stacks are in {log}" if asked else ", stopped as it was" if stopped else ""
        return StepResult(KILLED, f"ended the worker {noted.pid}, which did not answer{how}")


def _write_stacks(process: int, log: str) -> None:
    """Ask for the stacks; wait until the log holds them, or the process is gone."""
    until = time.monotonic() + STACKS_S
    size, quiet_since = _size(log), 0.0
    try:
        signal.pidfd_send_signal(process, ASK_FOR_STACKS)
    except OSError:
        return
    while time.monotonic() < until and not _ended(process, STEP_S):
        now = _size(log)
        if now != size:
            size, quiet_since = now, time.monotonic()
        elif quiet_since and time.monotonic() - quiet_since >= QUIET_S:
            return


def _ended(process: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(process, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def _writes_stacks(pid: int) -> bool:
    """Whether the process has a handler for the question, which would end another one."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"SigCgt:"):
                    return bool(int(line.split()[1], 16) >> (ASK_FOR_STACKS - 1) & 1)
    except (OSError, ValueError):
        return False
    return False


def _is_ours(pid: int) -> bool:
    try:
        return os.stat(f"/proc/{pid}").st_uid == os.getuid()
    except OSError:
        return False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
