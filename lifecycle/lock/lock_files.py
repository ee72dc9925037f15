"""The spawn lock's system calls, on real files."""

from __future__ import annotations

import contextlib
import errno
import os
import time

from .. import files
from ..errors import FilesError
from ..private import open_file
from ..trust import check_open
from . import open_file_lock
from .guard import Guard, sleep
from .process_identity import boot_id, is_another_boot, is_dead
from .spawn_lock import Found, Handle, Owner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .guard import Pause

_LIMIT_BYTES = 65536


class PosixLockFiles:
    """Real files at `path`, with the guard beside them, which is waited for by `pause`.

    A corrupt lock is told of in `notices`.
    """

    def __init__(self, path: str, notices: list[str], pause: Pause = sleep) -> None:
        self._path, self._notices, self._pause = path, notices, pause
        self._created: Handle | None = None
        self._guard = Guard(f"{path}.guard")
        self._host, self._boot = os.uname().nodename, boot_id()

    async def create(self, content: bytes) -> Handle | None:
        """Create the lock file exclusively and write it; None when there is one."""
        try:
            fd = open_file(self._path, os.O_RDWR | os.O_EXCL)
        except FileExistsError:
            return None
        except OSError as error:
            raise FilesError(self._path, error.strerror or str(error)) from error
        self._created = self._written(fd, self._path, content)
        return self._created

    async def guard(self, wait: bool) -> bool:
        """Take the guard; without `wait`, False when it is busy.

        A lock that was just created and can't be confirmed is disowned.
        """
        try:
            if not wait:
                return self._guard.take(wait=False)
            await self._guard.wait(self._pause)
        except FilesError:
            self._disown_created()
            raise
        return True

    async def unguard(self) -> None:
        """Give the guard back."""
        self._created = None
        self._guard.give_back()

    async def look(self) -> Found | None:
        """Read the lock file that stands there now."""
        try:
            return self._look()
        except FilesError:
            self._disown_created()
            raise

    def _disown_created(self) -> None:
        created, self._created = self._created, None
        if created is not None:
            disown(created)

    def _look(self) -> Found | None:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            link = error.errno == errno.ELOOP  # nobody who takes the lock leaves one
            error_text = "it is a symbolic link" if link else error.strerror or str(error)
            raise FilesError(self._path, error_text) from error
        try:
            check_open(fd, self._path)
            told = os.fstat(fd)
            content = os.read(fd, _LIMIT_BYTES)
        except OSError as error:
            raise FilesError(self._path, error.strerror or str(error)) from error
        finally:
            os.close(fd)
        age = time.time() - told.st_mtime
        return Found((told.st_dev, told.st_ino), told.st_mtime, age, content)

    async def prepare(self, content: bytes) -> Handle:
        """Make a temporary file beside the lock; its mtime is now, on the same clock."""
        path = self._temporary()
        try:
            fd = open_file(path, os.O_RDWR | os.O_TRUNC)
        except OSError as error:
            raise FilesError(path, error.strerror or str(error)) from error
        return self._written(fd, path, content)

    async def install(self, fresh: Handle, keep_old: bool) -> None:
        """Rename the temporary file over the lock; `keep_old` sets the old one aside."""
        try:
            if keep_old:
                stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
                aside = f"{self._path}.corrupt-{stamp}"
                files.unlink(aside)
                os.link(self._path, aside)
                self._notices.append(f"{self._path} was corrupt; set aside as {aside}, going on")
            os.replace(self._temporary(), self._path)
        except OSError as error:
            await self.drop(fresh)
            raise FilesError(self._path, error.strerror or str(error)) from error

    async def drop(self, fresh: Handle) -> None:
        """Remove the temporary file."""
        files.unlink(self._temporary())
        os.close(fresh.fd)

    async def age(self, mtime: float) -> None:
        """Give the lock file this mtime, in place; one that is not ours to touch keeps its own."""
        with contextlib.suppress(OSError):
            os.utime(self._path, (mtime, mtime), follow_symlinks=False)

    async def unlink(self) -> None:
        """Remove the lock file."""
        files.unlink(self._path)

    async def close(self, handle: Handle) -> None:
        """Forget a file kept open."""
        os.close(handle.fd)

    async def owner_is_dead(self, owner: Owner) -> bool:
        """Whether the owner is provably gone."""
        return is_gone(owner, self._host, self._boot, self._path)

    def _temporary(self) -> str:
        return f"{self._path}.{os.getpid()}.tmp"

    def _written(self, fd: int, path: str, content: bytes) -> Handle:
        try:
            files.write_all(fd, _locked(fd, content))
            told = os.fstat(fd)
        except OSError as error:
            os.close(fd)
            files.unlink(path)
            raise FilesError(path, error.strerror or str(error)) from error
        return Handle(fd, (told.st_dev, told.st_ino), told.st_mtime)


def _locked(fd: int, content: bytes) -> bytes:
    """Lock the open file, before anybody can read from its content that it is."""
    try:
        open_file_lock.lock(fd)
    except OSError:
        return content  # no such locks here: the pid and the lease tell
    return content[:-1] + b', "locked": true}'


def is_gone(owner: Owner, host: str, boot: str, path: str) -> bool:
    """Whether the owner of the lock at this path is provably gone, seen from this host's boot.

    Nobody outlives a boot of his own host; in the same boot the pid tells, in the same namespace;
    and under one kernel, also between containers, the lock of the open file.
    """
    if "?" in (owner.boot, boot):
        return False
    one_kernel = owner.boot.partition("/")[0] == boot.partition("/")[0]
    if owner.locked and one_kernel and open_file_lock.is_locked(path) is False:
        return True
    if owner.host != host:
        return False
    if owner.boot == boot:
        return is_dead(owner.pid, owner.start)
    return is_another_boot(owner.boot, boot)


def disown(handle: Handle) -> None:
    """Make a lock of ours that can't be removed stale at once: nobody waits for its lease to end.

    Through the file kept open, so it is ours, whatever stands at its path by now.
    """
    try:
        os.utime(handle.fd, (0, 0))
    except OSError:
        return  # then it is waited for
    finally:
        os.close(handle.fd)
