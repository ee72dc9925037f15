"""The launch record, changed by one who holds the spawn lock."""

from __future__ import annotations

import time

from ..drivers.ports import Launch
from ..errors import FilesError
from ..lock.guard import sleep
from ..record import Build, NewerFormatError, Record, candidates, marked_good, numbered, rejected
from ..record_store import RecordStore
from ..settings import REBIND, Worker
from .spawn_lock_hold import SpawnLockHold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..lock.guard import Pause


class LaunchRecord:
    """The record, changed only while the lock is ours; why it can't be goes to `notices`.

    `last_resort` gives the build to launch where no other can be; `pause` waits for the guard.
    """

    def __init__(
        self,
        worker: Worker,
        store: RecordStore,
        lock: SpawnLockHold,
        notices: list[str],
        last_resort: Callable[[], Build | None],
        pause: Pause = sleep,
    ) -> None:
        self._worker, self._store, self._lock = worker, store, lock
        self._notices, self._last_resort, self._pause = notices, last_resort, pause

    async def record(self) -> Record | None:
        """Read the launch record now; None when there is none that can be read."""
        try:
            record = self._store.read()
        except (FilesError, NewerFormatError):
            return None
        if self._worker.handover == REBIND:
            return record  # a try that takes a worker down is worth none
        now = time.time()
        return record._replace(rejected=tuple(r for r in record.rejected if r.counts(now)))

    async def candidates(self) -> tuple[Build, ...]:
        """Give what may be launched now, the first choice first; nothing that was rejected."""
        try:
            return self._candidates(self._store.read())
        except (FilesError, NewerFormatError):
            return ()

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
        try:
            record = await self._store.change_beside(self._pause, numbered)
        except (FilesError, NewerFormatError) as error:
            self._notices.append(str(error))
            return None
        return Launch(self._candidates(record), record.generation)

    def _candidates(self, record: Record) -> tuple[Build, ...]:
        return candidates(record, self._last_resort(), time.time())

    async def _change(self, change: Callable[[Record], Record]) -> bool:
        try:
            return await self._lock.do_if_ours(lambda: self._store.change_guarded(change))
        except (FilesError, NewerFormatError) as error:
            self._notices.append(str(error))
            return False
