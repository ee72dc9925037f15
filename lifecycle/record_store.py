"""The launch record in its file, changed under the guard of the data dir."""

from __future__ import annotations

from . import files
from .data_dir import DataDir
from .errors import AnotherServiceError
from .lock.guard import Guard
from .record import AnothersRecordError, Record
from .record_format import decoded, encoded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .lock.guard import Pause
    from .settings import Worker


class RecordStore:
    """The launch record of one worker.

    A corrupt one says nothing; where it is set aside, a sentence goes to `notices`. Every verb
    raises FilesError, NewerFormatError for what a newer incumbent wrote, AnotherServiceError for
    what is another service's.
    """

    def __init__(self, worker: Worker, notices: list[str]) -> None:
        self._name, self._notices = worker.name, notices
        place = DataDir(worker.data_dir)
        self.path, self._guard_path = place.record, place.guard

    def read(self) -> Record:
        """Give the record now; nothing is set aside, since it could be another's fresh one."""
        try:
            return self.checked()
        except ValueError:
            return Record(self._name)

    def checked(self) -> Record:
        """Give the record now; raises ValueError, which says why, where it is corrupt."""
        content = files.read(self.path)
        if content is None:
            return Record(self._name)
        try:
            return decoded(content, self._name)
        except AnothersRecordError as error:
            raise AnotherServiceError(self.path, error.service, self._name) from error

    def change(self, change: Callable[[Record], Record]) -> tuple[Record, Record]:
        """Change the record under the guard, waiting for it; give it before and after."""
        guard = self.guard()
        guard.take(wait=True)
        try:
            return self.change_guarded(change)
        finally:
            guard.give_back()

    async def change_beside(self, pause: Pause, change: Callable[[Record], Record]) -> Record:
        """Change the record under the guard, doing `pause` until it is free; give it after."""
        guard = self.guard()
        await guard.wait(pause)
        try:
            return self.change_guarded(change)[1]
        finally:
            guard.give_back()

    def change_guarded(self, change: Callable[[Record], Record]) -> tuple[Record, Record]:
        """Change the record for whoever has the guard; give it before and after.

        It is written only where it differs.
        """
        before = self._read_guarded()
        after = change(before)
        if after != before:
            files.replace(self.path, encoded(after))
        return before, after

    def guard(self) -> Guard:
        """Give a claim on the guard of the data dir."""
        return Guard(self._guard_path)

    def _read_guarded(self) -> Record:
        try:
            return self.checked()
        except ValueError:
            self._notices.append(files.set_aside(self.path))
            return Record(self._name)
