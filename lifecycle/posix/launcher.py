"""A launcher's view of the operating system: the real one, one blocking call at a time."""

from __future__ import annotations

import os
import time

from ..client.pid_file_watch import PidFileWatch
from ..client.probe import PROBE_TIMEOUT_S
from ..drivers.ports import KILLED, UNANSWERED, Reply, Run, StepResult, Target
from ..elsewhere import look_at, look_elsewhere
from ..generation import Generation
from ..health import SILENT, ProbeResult
from ..machine.tables import Row
from ..record_store import RecordStore
from ..settings import PATIENCE_S, Worker
from ..trace import Trace
from .child_processes import ChildProcesses
from .hung import HungWorker
from .launch_record import LaunchRecord
from .launched_children import LaunchedChildren
from .own_build import own_build
from .patience import Patience
from .registration import Registration
from .spawn_lock_hold import SpawnLockHold

PAUSE_S = 0.005
PAUSE_LIMIT_S = 0.03
WATCH_STEP_S = 0.001
RESPAWN_GRACE_S = 5.0  # a service manager waits 0.1 s, then an interpreter has to start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    T = TypeVar("T")


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a driver over a system whose verbs never suspend, and give what it returns."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise RuntimeError("a verb of a blocking system was suspended")


class PosixLauncher:
    """The launcher's verbs on real sockets, files and processes.

    `timeout` is how long the run may take, in seconds, where that is not the worker's; `noted` is
    the last launch that was numbered when the run began, where that was before this object;
    `watching` is called after every step and every pause; `person` says that somebody typed for
    it, whose settings and environment the worker is to have; `patience` is how long, in seconds,
    the port may accept and not answer.
    """

    def __init__(
        self,
        worker: Worker,
        machine: str,
        origin: str,
        timeout: float | None = None,
        noted: Generation | None = None,
        watching: Callable[[], None] | None = None,
        person: bool = False,
        patience: float = PATIENCE_S,
    ) -> None:
        self.worker = worker
        self.notices: list[str] = []
        self._noted, self._person, self._watching = noted, person, watching
        self._patience = Patience(patience)
        self._hung = HungWorker(worker)
        self._given_up = False
        self.timeout = worker.timeout if timeout is None else timeout
        self._deadline = time.monotonic() + self.timeout
        self._pause = PAUSE_S
        self._pid_file = PidFileWatch(worker.path("worker.pid"))
        self.run = os.urandom(6).hex()
        self.trace = Trace(worker.path("trace.jsonl"), machine, self.run, origin)
        store = RecordStore(worker, self.notices)
        self.lock = SpawnLockHold(worker, self.notices)
        # Whoever has an install that works has a worker: the own build is the last resort.
        self.store = LaunchRecord(worker, store, self.lock, self.notices, lambda: own_build(worker))
        self.registration = Registration(worker, store, self.notices)
        self.processes = ChildProcesses(worker, origin, self.lock)
        self.children = LaunchedChildren(worker, self.processes, self.probe, self.pause)

    @property
    def remaining(self) -> float:
        """Seconds until the run's deadline, never less than none."""
        return max(self._deadline - time.monotonic(), 0.0)

    @property
    def waited(self) -> float:
        """Seconds after which the run gave up: the patience with silence, or all its time."""
        return min(self._patience.seconds, self.timeout) if self._given_up else self.timeout

    async def begin(self, restart: bool) -> Run:
        """Register the own build if it is newer; note the last launch that was numbered."""
        seen = await self.probe() if self._person and not restart else None
        record = self.registration.register(restart, self._person, seen)
        if record is None:
            return Run(self._noted or Generation(), "")
        noted = self._noted or record.generation
        self.trace.generation = noted.number
        return Run(noted, record.recorded.version if record.recorded else "")

    async def probe(self) -> ProbeResult:
        """Ask the port who holds it."""
        worker = self.worker
        seen = look_at(worker, worker.host, worker.port)
        if seen.health is not None and seen.health.managed:
            self.lock.not_free_until = time.monotonic() + RESPAWN_GRACE_S
        if seen.kind == SILENT:
            await self._was_silent()
        else:
            self._patience.answered()
            self._hung.forget()
        return seen

    async def _was_silent(self) -> None:
        self._patience.silent(under_way=not await self.lock.lock_is_free())

    async def look_elsewhere(self) -> ProbeResult:
        """Look at the serve lock: who runs the app on this data dir, at another address."""
        return look_elsewhere(self.worker)

    async def ask(self, what: str, target: Target) -> Reply:
        """Ask that one worker to hand over or to shut down."""
        from .admin_call import ask  # most runs ask nothing

        reply = ask(self.worker, what, target, self.notices)
        if reply.kind == UNANSWERED:
            await self._was_silent()
        return reply

    async def judge_silence(self) -> bool:
        """Whether one process, by the kernel's word our worker, was silent for all our patience.

        One that is stopped at two looks is judged at once.
        """
        same = self._hung.note()
        if not self._hung.is_known:
            return False
        if not same:
            self._patience.answered()
            await self._was_silent()
        return self._hung.is_stopped() or self._patience.is_over(PROBE_TIMEOUT_S)

    async def end_judged(self) -> StepResult:
        """Kill the process that was judged, if it still is our worker and still silent."""
        end = self._hung.end()
        self._hung.forget()
        if end.event == KILLED:
            self.notices.append(end.reason)
        return end

    async def pause(self) -> bool:
        """Wait a moment, longer each time; False when the run's deadline has passed.

        So it has when the port was silent for all the patience there is, another question included.
        A change of the PID file ends it: whoever waits for a successor sees it at once.
        """
        if self._watching is not None:
            self._watching()
        remaining = self._deadline - time.monotonic()
        # Whoever may end the worker judges it by the same patience.
        self._given_up = self._patience.is_over(PROBE_TIMEOUT_S) and not self._hung.is_known
        if remaining <= 0 or self._given_up:
            return False
        if self._pid_file.wait(min(self._pause, remaining), WATCH_STEP_S):
            self._pause = WATCH_STEP_S
        else:
            self._pause = min(self._pause * 1.3, PAUSE_LIMIT_S)
        return True

    async def note(self, row: Row, detail: str) -> None:
        """Write one transition to the trace."""
        self.trace.note(row, detail)
        if row.source != row.dest:
            self._pause = PAUSE_S
        if self._watching is not None:
            self._watching()
