"""The launch record, changed by one who holds the spawn lock."""

from __future__ import annotations

import time

from ..drivers.ports import Launch
from ..errors import FilesError
from ..generation import Generation
from ..lock.guard import sleep
from ..lock.serve_lock import holder_in, is_held
from ..record import (
    Build,
    NewerFormatError,
    Record,
    as_judged,
    candidates,
    marked_good,
    numbered,
    rejected,
)
from ..record_store import RecordStore
from ..settings import REBIND, Worker
from ..soon_dead import LastLaunch, counted
from .last_words import last_line_of
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
        self._launched = Generation()  # the last that we numbered

    async def record(self) -> Record | None:
        """Read the launch record now; None when there is none that can be read."""
        try:
            record = self._store.read()
        except (FilesError, NewerFormatError):
            return None
        return as_judged(record, self._worker.handover == REBIND, time.time())

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

        def change(record: Record) -> Record:
            after = rejected(record, build, reason, late, time.time())
            line, number = self._launched
            return after._replace(looked_at=number) if line == after.generation.line else after

        return await self._change(change)

    async def number_launch(self) -> Launch | None:
        """Read the record to spawn from it, and number the launch, in one guarded section.

        None when it can't be read, or the number can't be written: the notices say why.
        """
        try:
            record = await self._store.change_beside(
                self._pause, lambda before: numbered(self._counted(before))
            )
        except (FilesError, NewerFormatError) as error:
            self._notices.append(str(error))
            return None
        self._launched = record.generation
        return Launch(self._candidates(record), record.generation)

    def _counted(self, record: Record) -> Record:
        """Give the record after a look at the end of the last worker, which the serve lock names.

        Where its lock is free: a worker that hands over has it.
        """
        path = self._worker.path("serve.lock")
        holder = None if is_held(path) else holder_in(path)
        if holder is None or not holder.build:
            return record
        last = LastLaunch(holder.generation, holder.build, holder.mark)
        log = self._worker.path("logs", "worker.log")
        after = counted(record, self._last_resort, last, lambda: last_line_of(log), time.time())
        known = {rejection for rejection in record.rejected if rejection.loops}
        for rejection in after.rejected:
            if rejection.loops and rejection not in known:
                self._notices.append(f"version {rejection.version} {rejection.reason}")
        return after

    def _candidates(self, record: Record) -> tuple[Build, ...]:
        return candidates(record, self._last_resort(), time.time())

    async def _change(self, change: Callable[[Record], Record]) -> bool:
        try:
            return await self._lock.do_if_ours(lambda: self._store.change_guarded(change))
        except (FilesError, NewerFormatError) as error:
            self._notices.append(str(error))
            return False
