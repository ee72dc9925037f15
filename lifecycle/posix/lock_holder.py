"""What every holder of the spawn lock needs: lock, record, children, on the real system."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from .. import files
from ..about import command
from ..drivers.ports import LOCK_REFUSED, Child, ChildExit, Launch, LockResult
from ..errors import AnotherServiceError, FilesError
from ..generation import Generation
from ..lock.guard import Guard, sleep
from ..lock.lock_files import PosixLockFiles, disown
from ..lock.process_identity import boot_id, self_token
from ..lock.spawn_lock import HEARTBEAT_S, SpawnLock
from ..record import (
    AnothersRecordError,
    Build,
    NewerFormatError,
    Record,
    candidates,
    decoded,
    encoded,
    marked_good,
    numbered,
    rejected,
)
from ..settings import LEASE_S, MARGIN_S, REBIND, Worker
from ..shortage import shortage
from .child_process import CRASHES, GENERATION_VARIABLE, Process, environment_of, spawn, strategies
from .fingerprint import fingerprint

CHILD_GRACE_S = 1.0  # a late child ends itself first; then its parent does


class LockHolder:
    """What a launcher and a predecessor have in common: lock, record, children."""

    @property
    def room(self) -> Any:
        return self

    lock = store = children = address = app = parent = requests = room

    def __init__(self, worker: Worker, origin: str) -> None:
        self.worker = worker
        self._origin = origin
        self.notices: list[str] = []
        self._lock: SpawnLock | None = None
        self._heartbeat: threading.Event | None = None
        self._processes: dict[int, Process] = {}
        self._passed_on: dict[str, str] = {}

    @property
    def lock_token(self) -> str:
        """The token that our lock carries; "" before the first try."""
        return self._lock.token if self._lock else ""

    async def acquire(self) -> LockResult:
        """Try for the spawn lock once."""
        try:
            if self._lock is None:
                self._lock = self._new_lock()
            event = await self._lock.acquire()
        except FilesError as error:
            return LockResult(LOCK_REFUSED, str(error))
        if self._lock.handle is not None:
            try:
                self._begin_heartbeat(self._lock.handle.fd)
            except (OSError, RuntimeError, MemoryError) as error:  # no descriptor, no thread
                await self.release()
                why = shortage(error) or getattr(error, "strerror", str(error))
                again = f"make room, then run `{command()} start`"
                return LockResult(LOCK_REFUSED, f"can't hold the spawn lock: {why}; {again}")
            return LockResult(event)
        return LockResult(event, "another process holds the spawn lock")

    async def lock_is_free(self) -> bool:
        """Whether nobody holds the lock, as far as can be told without taking it."""
        try:
            return await (self._lock or self._new_lock()).is_free()
        except FilesError:
            return True  # the next try says what is wrong

    async def release(self) -> None:
        """Give the lock back if it is still ours; one that can't be removed is disowned."""
        if self._heartbeat is not None:
            self._heartbeat.set()
            self._heartbeat = None
        if self._lock is not None:
            try:
                await self._lock.release()
            except FilesError as error:
                self.notices.append(str(error))
                if self._lock.handle is not None:
                    disown(self._lock.handle)
            self._lock = None

    async def record(self) -> Record | None:
        """Read the launch record now; None when there is none that can be read."""
        try:
            record = self.read_record(guarded=False)
        except (FilesError, NewerFormatError):
            return None
        if self.worker.handover == REBIND:
            return record  # a try that takes a worker down is worth none
        now = time.time()
        return record._replace(rejected=tuple(r for r in record.rejected if r.counts(now)))

    async def candidates(self) -> tuple[Build, ...]:
        """Give what may be launched now, the first choice first; nothing that was rejected."""
        try:
            return self._candidates(self.read_record(guarded=False))
        except (FilesError, NewerFormatError):
            return ()

    def _candidates(self, record: Record) -> tuple[Build, ...]:
        return candidates(record, self._last_resort(), time.time())

    def _last_resort(self) -> Build | None:
        """Give the build to launch where no other can be."""
        return None

    def read_record(self, guarded: bool = True) -> Record:
        """Read the launch record; a corrupt one says nothing, and is set aside with a notice.

        Not without the guard: it could be another's fresh record that is set aside then. Raises
        AnotherServiceError for one that is another service's.
        """
        path = self.worker.path("launch.json")
        content = files.read(path)
        if content is None:
            return Record(self.worker.name)
        try:
            return decoded(content, self.worker.name)
        except AnothersRecordError as error:
            raise AnotherServiceError(path, error.service, self.worker.name) from error
        except ValueError:
            if guarded:
                self.notices.append(files.set_aside(path))
            return Record(self.worker.name)

    def write_record(self, record: Record) -> None:
        """Replace the launch record; only under the guard."""
        files.replace(self.worker.path("launch.json"), encoded(record))

    async def mark_good(self, build: Build) -> bool:
        """Record that the build was verified, if the lock is still ours."""
        return await self._change(lambda record: marked_good(record, build, time.time()))

    async def reject(self, build: Build, reason: str, late: bool) -> bool:
        """Set the record back from this build, if the lock is still ours."""
        return await self._change(lambda record: rejected(record, build, reason, late, time.time()))

    async def number_launch(self) -> Launch | None:
        """Read the record to spawn from it, and number the launch, in one guarded section.

        None when it can't be read, or the number can't be written: the notices say why.
        """
        guard = self.guard()
        try:
            await guard.wait(self._nap)
            record = numbered(self.read_record())
            self.write_record(record)
        except (FilesError, NewerFormatError) as error:
            self.notices.append(str(error))
            return None
        finally:
            guard.give_back()
        return Launch(self._candidates(record), record.generation)

    async def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        """Create the process; one that can't be created is a child that is gone."""
        given = self._passed_on | {GENERATION_VARIABLE: str(generation)}
        process = spawn(self.worker, build, self.lock_token, self._origin, standby, given)
        self._processes[process.pid] = process
        return Child(process.pid, build)

    async def kill(self, child: Child) -> ChildExit:
        """Kill the child and wait for its death."""
        process = self._processes[child.pid]
        return self.ended(child, process.kill(), late=True)

    def abandon(self) -> None:
        """Kill and reap every child that is not settled: whoever gives up leaves no orphan."""
        for process in self._processes.values():
            process.kill()
            process.let_go()
        self._processes.clear()

    def process(self, child: Child) -> Process:
        """Give the process of a child that is not settled yet."""
        return self._processes[child.pid]

    def ended(self, child: Child, code: int | None, late: bool = False) -> ChildExit:
        """Give what is known of a child that is gone, and forget it."""
        process = self._processes.pop(child.pid)
        process.pipe.close()
        last_output = process.last_output(self.worker.path("logs", "worker.log"))
        crashed = code in CRASHES
        return ChildExit(code, process.up, process.ready, late, last_output, crashed=crashed)

    def guard(self) -> Guard:
        """Give a claim on the guard of the data dir."""
        return Guard(self.worker.path("spawn.lock.guard"))

    def own_build(self) -> Build:
        """Give the caller's own worker as something that can be registered."""
        worker = self.worker
        return Build(
            worker.version,
            worker.app,
            worker.python,
            environment_of(worker),
            fingerprint(worker.app, worker.python),
            strategies(),
            time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            f"pid {os.getpid()}",
        )

    async def _change(self, change: object) -> bool:
        assert callable(change)
        if self._lock is None:
            return False
        try:
            ours = await self._lock.guarded()
            try:
                if ours:
                    before = self.read_record()
                    after = change(before)
                    if after != before:
                        self.write_record(after)
            finally:
                await self._lock.unguard()
        except (FilesError, NewerFormatError) as error:
            self.notices.append(str(error))
            return False
        return ours

    def _new_lock(self) -> SpawnLock:
        token = os.urandom(16).hex()
        content = {
            "token": token,
            "service": self.worker.name,
            "pid": os.getpid(),
            "start": self_token(),
            "host": os.uname().nodename,
            "boot": boot_id(),
            "version": self.worker.version,
            "acquiredAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        files_of_lock = PosixLockFiles(self.worker.path("spawn.lock"), self.notices, self._nap)
        return SpawnLock(files_of_lock, token, json.dumps(content).encode())

    async def _nap(self, seconds: float) -> None:
        """Wait a moment for the guard; whoever runs an event loop lets it go on."""
        await sleep(seconds)

    def _begin_heartbeat(self, fd: int) -> None:
        kept = os.dup(fd)
        stop = self._heartbeat = threading.Event()
        legitimate = self.worker.run_budget + MARGIN_S
        beat = threading.Thread(target=_beat, args=(kept, stop, legitimate), daemon=True)
        try:
            beat.start()
        except BaseException:
            os.close(kept)
            raise


def _beat(fd: int, stop: threading.Event, legitimate: float) -> None:
    """Touch the lock while it is legitimately held: not for ever, not after a pause too long."""
    began = last = time.monotonic()
    try:
        while not stop.wait(HEARTBEAT_S):
            now = time.monotonic()
            if now - last > LEASE_S or now - began > legitimate:
                return
            os.utime(fd)
            last = now
    finally:
        os.close(fd)
