"""A launcher's view of the operating system: the real one, one blocking call at a time."""

from __future__ import annotations

import json
import os
import time

from .. import health as h
from ..about import command
from ..client.http import DarkError, NotHttpError, SilentError, exchange, request_bytes
from ..client.pid_file_watch import PidFileWatch
from ..client.probe import PROBE_TIMEOUT_S, probe
from ..drivers.ports import (
    ACCEPTED,
    JOINED,
    MISSED,
    REFUSED,
    UNANSWERED,
    Child,
    ChildExit,
    Reply,
    Run,
    Target,
)
from ..elsewhere import look_elsewhere
from ..errors import FilesError
from ..generation import Generation
from ..health import ProbeResult
from ..machine.tables import Row
from ..record import Build, NewerFormatError, lined, registered, rejection_of, without_gone
from ..settings import MARGIN_S, Worker
from ..trace import Trace
from ..versions import newer
from .child_process import Process, can_be_spawned
from .lock_holder import CHILD_GRACE_S, LockHolder
from .presence import missing, why_gone
from .secret import admin_token

PAUSE_S = 0.005
PAUSE_LIMIT_S = 0.03
WATCH_STEP_S = 0.001
ASK_TIMEOUT_S = 5.0
RESPAWN_GRACE_S = 5.0  # a service manager waits 0.1 s, then an interpreter has to start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
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


class PosixLauncher(LockHolder):
    """The launcher's verbs on real sockets, files and processes.

    `timeout` is how long the run may take, in seconds, where that is not the worker's; `noted` is
    the last launch that was numbered when the run began, where that was before this object;
    `watching` is called after every step and every pause; `person` says that somebody typed for
    it, whose settings and environment the worker is to have.
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
    ) -> None:
        super().__init__(worker, origin)
        self._noted = noted
        self.timeout = worker.timeout if timeout is None else timeout
        self._deadline = time.monotonic() + self.timeout
        self._pause = PAUSE_S
        self._pid_file = PidFileWatch(worker.path("worker.pid"))
        self._managed_until = 0.0
        self._watching = watching
        self._person = person
        self._tried: tuple[Build | None, ...] = ()
        self.run = os.urandom(6).hex()
        self.trace = Trace(worker.path("trace.jsonl"), machine, self.run, origin)

    @property
    def remaining(self) -> float:
        """Seconds until the run's deadline, never less than none."""
        return max(self._deadline - time.monotonic(), 0.0)

    async def begin(self, restart: bool) -> Run:
        """Register the own build if it is newer; note the last launch that was numbered."""
        own = self.own_build()
        seen = await self.probe() if self._person and not restart else None
        guard = self.guard()
        guard.take(wait=True)
        try:
            before = self.read_record()
            standing, gone = without_gone(before, can_be_spawned)
            person = self._person and (seen is None or _gives_way(seen, standing.recorded))
            after, rejection = registered(standing, own, restart, time.time(), person)
            after = lined(after)
            if after != before:
                self.write_record(after)
            self._tried = after.recorded, after.good
        except NewerFormatError:
            self.notices.append(
                f"{self.worker.path('launch.json')} was written by a newer incumbent; "
                "using whatever worker there is"
            )
            return Run(self._noted or Generation(), "")
        finally:
            guard.give_back()
        whys = {build.version: missing(build) for build in (before.recorded, before.good) if build}
        for version in gone:
            self.notices.append(_gone_sentence(version, whys[version]))
        if rejection is not None:
            self.notices.append(_rejected_sentence(rejection.version, rejection.reason))
        recorded = after.recorded
        noted = self._noted or after.generation
        self.trace.generation = noted.number
        return Run(noted, recorded.version if recorded else "")

    def _last_resort(self) -> Build | None:
        """Give the caller's own build: whoever has an install that works has a worker."""
        return self.own_build()

    def give_way(self) -> bool:
        """Take off the record what can't come up any more, if the own build could stand in.

        Gives whether it is worth to launch again. To be called when a launch has failed: only
        then is it worth the time that an import takes.
        """
        own = self.own_build()
        try:
            before = self.read_record(guarded=False)
            builds = {build for build in (before.recorded, before.good) if build is not None}
            if before.recorded is not None and before.recorded not in self._tried:
                return True  # somebody else has found out meanwhile
            others = [build for build in builds if not build.same_as(own)]
            if len(others) < len(builds) or rejection_of(before, own, time.time()) is not None:
                return False
            gone = {build: why for build in others if (why := why_gone(self.worker, build))}
            if len(gone) < len(builds) or why_gone(self.worker, own):
                return False
            if gone:
                self._take_off(gone)
        except (FilesError, NewerFormatError):
            return False
        return True

    def fell_back(self) -> bool:
        """Take off the record what failed in this run and is gone; give whether anything was.

        To be called when a worker came up that was not the first choice.
        """
        try:
            record = self.read_record(guarded=False)
            failed = [
                build
                for build in {build for build in self._tried if build is not None}
                if any(rejection.is_of(build) for rejection in record.rejected)
            ]
            gone = {build: why for build in failed if (why := why_gone(self.worker, build))}
            if gone:
                self._take_off(gone)
        except (FilesError, NewerFormatError):
            return False
        return bool(gone)

    def _take_off(self, gone: Mapping[Build, str]) -> None:
        guard = self.guard()
        guard.take(wait=True)
        try:
            before = self.read_record()
            after, versions = without_gone(before, lambda build: build not in gone)
            if after != before:
                self.write_record(after)
        finally:
            guard.give_back()
        whys = {build.version: why for build, why in gone.items()}
        for version in versions:
            self.notices.append(_gone_sentence(version, whys[version]))

    def why_older(self, version: str, wanted: str) -> list[str]:
        """Give why a run that wanted one version is content with another, if it is."""
        if not wanted or version == wanted:
            return []
        try:
            record = self.read_record(guarded=False)
        except (FilesError, NewerFormatError):
            return []
        return [
            _rejected_sentence(rejection.version, rejection.reason)
            for rejection in record.rejected
            if rejection.version == wanted
        ]

    async def probe(self) -> ProbeResult:
        """Ask the port who holds it."""
        worker = self.worker
        seen = probe(worker.host, worker.port, worker.name, worker.data_dir, PROBE_TIMEOUT_S)
        if seen.health is not None and seen.health.managed:
            self._managed_until = time.monotonic() + RESPAWN_GRACE_S
        return seen

    async def lock_is_free(self) -> bool:
        """Whether nobody holds the lock; a service manager's turn counts as a hold."""
        return time.monotonic() >= self._managed_until and await super().lock_is_free()

    async def look_elsewhere(self) -> ProbeResult:
        """Look at the serve lock: who runs the app on this data dir, at another address."""
        return look_elsewhere(self.worker)

    async def ask(self, what: str, target: Target) -> Reply:
        """Ask that one worker to hand over or to shut down."""
        worker = self.worker
        host, port = target.host or worker.host, target.port or worker.port
        path = "/api/admin/shutdown" if what == "shutdown" else "/api/admin/restart"
        body = json.dumps({"instance": target.instance, "why": what}).encode()
        try:
            token = admin_token(worker.path("token"), self.notices)
            headers = f"Authorization: Bearer {token}\r\n"
            request = request_bytes("POST", path, host, port, body, headers)
            status, answer = exchange(host, port, request, ASK_TIMEOUT_S)
        except DarkError:
            return Reply(MISSED, "the worker is gone")
        except SilentError as error:
            return Reply(UNANSWERED, str(error))
        except (NotHttpError, FilesError) as error:
            return Reply(REFUSED, str(error))
        return _reply(status, answer)

    async def watch(self, child: Child) -> ChildExit:
        """Wait until the child is up and answers, or gone, or late."""
        process = self.process(child)
        deadline = time.monotonic() + self.worker.start_timeout + CHILD_GRACE_S
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
        return ChildExit(None, late=True) if code is None else self.ended(child, code)

    async def _after_up(self, child: Child, process: Process) -> ChildExit:
        while True:
            seen = await self.probe()
            if seen.kind in (h.WORKER_SERVING, h.WORKER_LEAVING) and seen.health is not None:
                if seen.health.pid == child.pid:
                    del self._processes[child.pid]
                    process.let_go()
                    return ChildExit(None, up=True, seen=seen)
                del self._processes[child.pid]
                process.let_go()
                return ChildExit(0, up=True)
            code = process.reap(0)
            if code is not None:
                return self.ended(child, code)
            if not await self.pause():
                del self._processes[child.pid]
                process.let_go()
                return ChildExit(0, up=True)

    async def pause(self) -> bool:
        """Wait a moment, longer each time; False when the run's deadline has passed.

        A change of the PID file ends it: whoever waits for a successor sees it at once.
        """
        if self._watching is not None:
            self._watching()
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
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


def _gives_way(seen: ProbeResult, recorded: Build | None) -> bool:
    """Whether a start brings up a worker: none is there, or one that leaves, or an older one."""
    if seen.kind != h.WORKER_SERVING or seen.health is None:
        return seen.kind in (h.DARK, h.WORKER_LEAVING)
    return recorded is not None and newer(recorded.version, seen.health.version)


def _gone_sentence(version: str, why: str) -> str:
    return f"the recorded version {version} is gone from this machine: {why}"


def _rejected_sentence(version: str, reason: str) -> str:
    return (
        f"version {version} was rejected ({reason}); using the worker there is. "
        f"Mend it, then run `{command()} restart`"
    )


def _reply(status: int, answer: bytes) -> Reply:
    try:
        said = json.loads(answer)
        said = said if isinstance(said, dict) else {}
    except (ValueError, RecursionError):
        said = {}
    reason, code = str(said.get("error", "")), said.get("code")
    if status == 202:
        return Reply(JOINED if said.get("joined") is True else ACCEPTED)
    if status == 409 and code == "another-instance":
        return Reply(MISSED, reason)
    if status == 503:
        return Reply(UNANSWERED, reason)
    return Reply(REFUSED, reason or f"the worker answered {status} to the ask")
