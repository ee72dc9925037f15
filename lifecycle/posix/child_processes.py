"""The processes that one parent has spawned, until they are settled."""

from __future__ import annotations

from ..drivers.ports import Child, ChildExit
from ..generation import Generation
from ..record import Build
from ..settings import Worker
from ..soon_dead import build_key
from .child_environment import BUILD_VARIABLE, GENERATION_VARIABLE
from .child_process import CRASHES, Process, spawn
from .spawn_lock_hold import SpawnLockHold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

CHILD_GRACE_S = 1.0  # a late child ends itself first; then its parent does


class ChildProcesses:
    """The unsettled children of a parent that holds the spawn lock, by their pids.

    `passed_on` are variables that a child gets besides those of its build.
    """

    def __init__(
        self,
        worker: Worker,
        origin: str,
        lock: SpawnLockHold,
        passed_on: Mapping[str, str] | None = None,
    ) -> None:
        self._worker, self._origin, self._lock = worker, origin, lock
        self._passed_on = dict(passed_on or {})
        self.unsettled: dict[int, Process] = {}

    def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        """Create the process; one that can't be created is a child that is gone."""
        given = self._passed_on | {GENERATION_VARIABLE: str(generation)}
        given[BUILD_VARIABLE] = build_key(build)
        process = spawn(self._worker, build, self._lock.token, self._origin, standby, given)
        self.unsettled[process.pid] = process
        return Child(process.pid, build)

    def process(self, child: Child) -> Process:
        """Give the process of a child that is not settled yet."""
        return self.unsettled[child.pid]

    def kill(self, child: Child) -> ChildExit:
        """Kill the child and wait for its death."""
        return self.ended(child, self.process(child).kill(), late=True)

    def let_go(self, child: Child) -> None:
        """Forget a child that lives on."""
        self.unsettled.pop(child.pid).let_go()

    def ended(self, child: Child, code: int | None, late: bool = False) -> ChildExit:
        """Give what is known of a child that is gone, and forget it."""
        process = self.unsettled.pop(child.pid)
        process.pipe.close()
        last_output = process.last_output(self._worker.path("logs", "worker.log"))
        crashed = code in CRASHES
        return ChildExit(code, process.up, process.ready, late, last_output, crashed=crashed)

    def abandon(self) -> None:
        """Kill and reap every child that is not settled: whoever gives up leaves no orphan."""
        for process in self.unsettled.values():
            process.kill()
            process.let_go()
        self.unsettled.clear()
