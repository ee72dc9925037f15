"""A worker's view of the operating system: the real one, inside its event loop."""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import stat
import time
from typing import Any

from incumbent.lifecycle import pid_file
from incumbent.lifecycle.machine.states import COMING_UP_STATES, VERIFIED
from incumbent.lifecycle.machine.tables import MACHINES, Row
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.posix.child_processes import ChildProcesses
from incumbent.lifecycle.posix.launch_record import LaunchRecord
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.soon_dead import SETTLED_S
from incumbent.lifecycle.trace import Trace

from .by_hand import ByHand
from .data_hold import DataHold
from .hosting import Hosting
from .listening import Listening
from .memory_limit import MemoryLimit
from .parent import Parent
from .process.forked import leave_children
from .process.hang_watch import LOG_FD, HangWatch
from .process.logs import Output
from .process.service_manager import Manager
from .process.spawn_context import SpawnContext
from .process.watchdog import Watchdog
from .report import Report
from .requests import Requests
from .successor import Successor

PAUSE_S = 0.01


class PosixWorker:
    """The worker's rooms on real sockets, files and processes."""

    def __init__(
        self,
        worker: Worker,
        context: SpawnContext,
        output: Output,
        manager: Manager,
        hang_watch: HangWatch,
    ) -> None:
        self.worker = worker
        self._hang_watch = hang_watch
        self.notices: list[str] = []
        self._context, self._output, self._manager = context, output, manager
        self._wait_until = 0.0
        self._serves_since = 0.0
        record = RecordStore(worker, self.notices)
        watchdog = Watchdog(worker.start_timeout, self.last_act)
        self.lock = SpawnLockHold(worker, self.notices, asyncio.sleep)
        self.store = LaunchRecord(
            worker, record, self.lock, self.notices, lambda: None, asyncio.sleep
        )
        self.processes = ChildProcesses(worker, "handover", self.lock, manager.passed_on)
        self.requests = Requests()
        self._data = DataHold(worker, self.requests)
        self.report = Report(
            worker, context.generation, manager.respawns, self.requests, self._data, self.processes
        )
        by_hand = ByHand(worker, context, self.lock, self.store)
        self.address = Listening(
            worker, manager, by_hand, record, self._data, self.report, watchdog, self.notices
        )
        self.app = Hosting(worker, context, self.address, self.report, by_hand, watchdog)
        self._memory = MemoryLimit(worker.max_memory, self.requests)
        self.requests.is_idle = self._is_idle
        self.requests.is_settled = self._is_settled
        self.parent = Parent(context, self.address, self.requests, by_hand, watchdog)
        self.children = Successor(
            worker, self.processes, self.requests, self.address, self._data, self.app
        )
        self._trace = Trace(
            worker.path("trace.jsonl"), "worker", self.report.instance[:12], context.origin
        )
        leave_children(worker.host, worker.port, self._pipes)

    async def note(self, row: Row, detail: str) -> None:
        """Write one transition to the trace; from here on health tells of it."""
        self.report.state = row.dest
        self._hang_watch.enter(row.dest)
        if self._data.takes_our_lines:
            self._trace.generation = self.report.generation.number
            self._trace.note(row, detail)
        self._manager.tell(row, self.children.last)
        say(self.notices)
        self.notices.clear()
        if row.dest == VERIFIED and row.source in COMING_UP_STATES:
            await self._opened()

    async def _opened(self) -> None:
        self._memory.look()
        self._serves_since = time.monotonic()
        await self.app.open()
        self._output.settle()
        gc.enable()
        gc.freeze()  # what is imported stays: later collections need not look at it again
        self.parent.hang_up()
        from incumbent.lifecycle.known_data_dirs import remember  # nobody waits for it any more

        remember(self.worker)

    async def hold_lock_wait(self) -> None:
        """Start the bounded wait for the lock that `pause` measures."""
        self.report.refusal = ""
        self._wait_until = time.monotonic() + self.worker.lock_timeout

    async def pause(self) -> bool:
        """Wait a moment; False when the wait for the lock is over."""
        if time.monotonic() > self._wait_until:
            return False
        await asyncio.sleep(PAUSE_S)
        return True

    async def refuse(self, reason: str) -> None:
        """Let health tell why no handover took place."""
        self.report.refusal = reason

    def last_act(self) -> None:
        """Leave nothing behind when the watchdog ends the process."""
        if stat.S_ISREG(os.fstat(LOG_FD).st_mode):  # a pipe may be full, for ever
            faulthandler.dump_traceback(LOG_FD)
        row = Row("own_deadline", self.report.state, "failed")
        if self.address.listener is not None:
            pid_file.remove(self.worker.path("worker.pid"))
        if row in MACHINES["worker"][0]:
            self._trace.generation = self.report.generation.number
            self._trace.note(row, "")

    def _pipes(self) -> list[Any]:
        """Give the serve lock, our ends of the pairs by which we and ours report."""
        children = (process.pipe for process in self.processes.unsettled.values())
        pipes = [self._context.pipe, *children]
        return [self._data, *(pipe for pipe in pipes if hasattr(pipe, "fileno"))]

    def tick(self) -> None:
        """Renew what changes by the second; notice that the data dir is gone."""
        self._data.has_data()
        self.app.tick()
        self.requests.tick()
        if self.report.state == VERIFIED:
            self._memory.look()

    def _is_settled(self) -> bool:
        return time.monotonic() - self._serves_since > SETTLED_S

    def _is_idle(self) -> bool:
        limit = self.worker.idle_timeout
        return bool(limit) and self.app.unused() > limit
