"""Says on stderr what a run waits for, where that takes longer than a second."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator

from incumbent.lifecycle import files
from incumbent.lifecycle.client.http import literal
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.journal import Follower, Line
from incumbent.lifecycle.lock.lock_holders import lock_holders
from incumbent.lifecycle.lock.spawn_lock import owner_in
from incumbent.lifecycle.machine import states as s
from incumbent.lifecycle.settings import Worker

from .output import tell

PATIENCE_S = 1.0
STEP_S = 0.1

OUR_MACHINES = ("spawner", "stop")
LOCK = "whoever holds the spawn lock"
# Where a run of ours stands -> what it waits for there. In `idle` that is an answer.
OURS = {
    s.LOCKING: LOCK,
    s.SPAWNING: "the new worker to come up",
    s.MOVING: "the worker at the other address to stop",
    s.HANDING_OFF: "the worker to go",
    s.HOLDING: "the data dir to be free",
    s.JUDGING: LOCK,
    s.FORCING: "the worker that hangs to be gone",
}
# Where the worker stands that was asked to go -> what holds it up.
WORKERS = {
    s.LOCKING: LOCK,
    s.WARMING_UP: "the successor to import the app",
    s.DRAINING: "the requests in flight",
    s.STOPPING: "the requests in flight",
    s.DRAINED: "the app to end",
    s.STOPPING_DRAINED: "the app to end",
    s.AWAITING_SUCCESSOR: "the successor to start the app",
    s.AWAITING_CHILD: "the successor to start the app",
}


@contextlib.contextmanager
def waits_told(reason: Callable[[], str]) -> Iterator[None]:
    """Tell, while the body runs, what is waited for: each reason once, at most one a second.

    `reason` is asked in a thread of its own, since the body may stand still in any call. Where no
    thread can be had nothing is told.
    """
    over = threading.Event()
    telling = threading.Thread(target=_tell, args=(reason, over), daemon=True)
    with contextlib.suppress(RuntimeError):
        telling.start()
    try:
        yield
    finally:
        over.set()
        if telling.ident is not None:
            telling.join()


def _tell(reason: Callable[[], str], over: threading.Event) -> None:
    told: set[str] = set()
    quiet_since = time.monotonic()
    while not over.wait(STEP_S):
        if time.monotonic() - quiet_since < PATIENCE_S:
            continue
        now = reason()
        if now not in told:
            told.add(now)
            tell(f"waiting for {now}")
            quiet_since = time.monotonic()


def answer_from(worker: Worker) -> str:
    """Give the reason of whoever asks the worker's address."""
    return f"an answer from {literal(worker.host)}:{worker.port}"


class RunReasons:
    """What this process's run waits for now, as far as the journal tells."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._place = DataDir(worker.data_dir)
        self._follower = Follower(self._place.trace)
        self._ours = s.IDLE
        self._workers = ""

    def now(self) -> str:
        """Give the reason now; to be put behind `waiting for`."""
        for line in self._follower.new_lines():
            self._heed(line)
        reason = OURS.get(self._ours, answer_from(self._worker))
        if self._ours == s.HANDING_OFF:
            reason = WORKERS.get(self._workers, reason)
        if reason == LOCK or self._ours == s.IDLE:
            return self._holder() or reason
        return reason

    def close(self) -> None:
        """Let the journal go."""
        self._follower.close()

    def _heed(self, line: Line) -> None:
        machine, state = line.get("machine"), str(line.get("to"))
        if machine in OUR_MACHINES and line.get("pid") == os.getpid():
            self._ours = state
        elif machine == "worker":
            self._workers = state

    def _holder(self) -> str:
        """Give who holds the lock, or its guard, other than this process; "" for nobody."""
        for pid in lock_holders(self._place.guard):
            if pid != os.getpid():  # it is held for microseconds, unless that one was stopped
                return f"pid {pid}, which holds {self._place.guard}"
        try:
            owner = owner_in(files.read(self._place.spawn_lock) or b"")
        except FilesError:
            return ""
        if owner is None or owner.pid == os.getpid():
            return ""
        return f"pid {owner.pid}, which holds the spawn lock"


@contextlib.contextmanager
def run_waits_told(worker: Worker) -> Iterator[None]:
    """Tell, while a launch or a stop runs in the body, what it waits for."""
    reasons = RunReasons(worker)
    try:
        with waits_told(reasons.now):
            yield
    finally:
        reasons.close()
