"""A launcher's children, waited for one blocking call at a time."""

from __future__ import annotations

import time

from .. import health as h
from ..drivers.ports import Child, ChildExit
from ..generation import Generation
from ..health import ProbeResult
from ..lock.process_identity import is_dead
from ..pid_file import pid_file
from ..record import Build
from ..settings import MARGIN_S, Worker
from .child_process import Process
from .child_processes import CHILD_GRACE_S, ChildProcesses
from .session import end_leftovers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class LaunchedChildren:
    """The children of one run.

    `probe` asks the port who holds it; `pause` waits a moment, and says when the run is over.
    """

    def __init__(
        self,
        worker: Worker,
        processes: ChildProcesses,
        probe: Callable[[], Awaitable[ProbeResult]],
        pause: Callable[[], Awaitable[bool]],
    ) -> None:
        self._worker, self._processes = worker, processes
        self._probe, self._pause = probe, pause

    async def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        """Create the process, after what a dead worker left is ended: nobody runs the app now.

        One that can't be created is a child that is gone.
        """
        said = pid_file(self._worker.path("worker.pid"))
        if said is not None and is_dead(said.pid, said.start):
            end_leftovers(said.pid, self._worker.data_dir)
        return self._processes.spawn(build, generation, standby)

    async def kill(self, child: Child) -> ChildExit:
        """Kill the child and wait for its death."""
        return self._processes.kill(child)

    async def watch(self, child: Child) -> ChildExit:
        """Wait until the child is up and answers, or gone, or late."""
        process = self._processes.process(child)
        deadline = time.monotonic() + self._worker.start_timeout + CHILD_GRACE_S
        while not process.up:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return ChildExit(None, late=True)
            process.pipe.settimeout(remaining)
            try:
                said = process.pipe.recv(64)
            except TimeoutError:
                return ChildExit(None, late=True)
            except OSError:
                said = b""
            if not said:
                return self._pipe_ended(child, process)
            process.heard(said)
        return await self._after_up(child, process)

    def _pipe_ended(self, child: Child, process: Process) -> ChildExit:
        code = process.reap(MARGIN_S)
        return ChildExit(None, late=True) if code is None else self._processes.ended(child, code)

    async def _after_up(self, child: Child, process: Process) -> ChildExit:
        while True:
            seen = await self._probe()
            if seen.kind in (h.WORKER_SERVING, h.WORKER_LEAVING) and seen.health is not None:
                self._processes.let_go(child)
                if seen.health.pid == child.pid:
                    return ChildExit(None, up=True, seen=seen)
                return ChildExit(0, up=True)
            code = process.reap(0)
            if code is not None:
                return self._processes.ended(child, code)
            if not await self._pause():
                self._processes.let_go(child)
                return ChildExit(0, up=True)
