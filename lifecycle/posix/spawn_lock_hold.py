"""One process's hold of the spawn lock, kept fresh by a heartbeat."""

from __future__ import annotations

import os
import threading
import time

from .._small_json import dumps
from ..about import command
from ..drivers.ports import LOCK_REFUSED, LockResult
from ..errors import FilesError
from ..lock.guard import sleep
from ..lock.lock_files import PosixLockFiles, disown
from ..lock.process_identity import boot_id, self_token
from ..lock.spawn_lock import HEARTBEAT_S, SpawnLock
from ..settings import LEASE_S, MARGIN_S, Worker
from ..shortage import shortage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lock.guard import Pause


class SpawnLockHold:
    """The spawn lock, tried for by one process, held by it for a while.

    What goes wrong without a consequence goes to `notices`; `pause` waits for the guard. Until
    `not_free_until`, on the monotonic clock, the lock counts as held: it is a service manager's
    turn.
    """

    def __init__(self, worker: Worker, notices: list[str], pause: Pause = sleep) -> None:
        self._worker, self._notices, self._pause = worker, notices, pause
        self._lock: SpawnLock | None = None
        self._heartbeat: threading.Event | None = None
        self.not_free_until = 0.0

    @property
    def token(self) -> str:
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
        if time.monotonic() < self.not_free_until:
            return False
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
                self._notices.append(str(error))
                if self._lock.handle is not None:
                    disown(self._lock.handle)
            self._lock = None

    async def do_if_ours(self, act: Callable[[], object]) -> bool:
        """Do something under the guard if the lock is still ours; give whether it is.

        Raises FilesError, and what `act` raises.
        """
        if self._lock is None:
            return False
        ours = await self._lock.guarded()
        try:
            if ours:
                act()
        finally:
            await self._lock.unguard()
        return ours

    def _new_lock(self) -> SpawnLock:
        worker, token = self._worker, os.urandom(16).hex()
        content = {
            "token": token,
            "service": worker.name,
            "pid": os.getpid(),
            "start": self_token(),
            "host": os.uname().nodename,
            "boot": boot_id(),
            "version": worker.version,
            "acquiredAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        files_of_lock = PosixLockFiles(worker.path("spawn.lock"), self._notices, self._pause)
        return SpawnLock(files_of_lock, token, dumps(content).encode())

    def _begin_heartbeat(self, fd: int) -> None:
        kept = os.dup(fd)
        stop = self._heartbeat = threading.Event()
        legitimate = self._worker.run_budget + MARGIN_S
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
