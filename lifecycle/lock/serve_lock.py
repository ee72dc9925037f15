"""The serve lock: at most one process runs the app on a data dir.

A lock of the open file on a file that is never unlinked. Its content, who serves where, is a hint;
the lock is the fact.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys

from .. import files
from .._small_json import dumps, loads
from ..errors import FilesError
from ..generation import Generation
from . import open_file_lock
from .process_identity import boot_id, self_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from .._named_tuple import NamedTuple

CONTENT_BYTES = 1024  # written in place and padded: a rename would leave the lock on another file


class Holder(NamedTuple):
    """Who a serve lock says runs the app: where it answers, from where that can be reached.

    `build` names what was launched, "" by hand; `mark` is what became of it since, "" at first.
    """

    pid: int
    host: str
    port: int
    network: str
    node: str
    instance: str
    generation: Generation
    build: str = ""
    mark: str = ""


class ServeLock:
    """One process's copy of the lock; `fd` is -1 while it has none.

    On a file system without such locks `trouble` says so, once, and the address alone decides.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1
        self.trouble = ""
        self._named: Holder | None = None

    @property
    def held(self) -> bool:
        """Whether this process has a copy."""
        return self.fd >= 0

    def fileno(self) -> int:
        """Give the descriptor of our copy; -1 while there is none."""
        return self.fd

    def take(self) -> bool:
        """Take the lock; False when somebody has it; raises FilesError."""
        if self.held:
            return True
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FilesError(self.path, error.strerror or str(error)) from error
        try:
            open_file_lock.lock(fd)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                os.close(fd)
                return False
            if error.errno not in open_file_lock.NO_SUCH_LOCKS:
                os.close(fd)
                raise FilesError(self.path, error.strerror or str(error)) from error
            self.trouble = (
                f"the file system of {self.path} has no locks of open files: "
                "only the address keeps a second worker away"
            )
        self.fd = fd
        return True

    def adopt(self, fd: int) -> None:
        """Go on with a copy that came from the predecessor."""
        self.fd = fd

    def mark(self, word: str) -> None:
        """Write what became of us, where the file still names us; raises FilesError."""
        ours, named = self._named, holder_in(self.path)
        if ours is not None and named is not None and named.instance == ours.instance:
            self.name(named._replace(mark=word))

    def name(self, holder: Holder) -> None:
        """Write who serves into the file; raises FilesError."""
        self._named = holder
        said = holder._asdict() | {"start": self_token()}
        said |= {"generation": holder.generation.number, "line": holder.generation.line}
        content = dumps(said).encode().ljust(CONTENT_BYTES)
        try:
            written = os.pwrite(self.fd, content, 0)
            if written != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise FilesError(self.path, error.strerror or str(error)) from error

    def is_at_its_path(self) -> bool:
        """Whether the file that is locked is still the one at its path; doubt falls on yes."""
        try:
            there, ours = os.stat(self.path), os.fstat(self.fd)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def release(self) -> None:
        """Unlock for every process that has a copy, then close ours."""
        if self.held:
            with contextlib.suppress(OSError):
                open_file_lock.unlock(self.fd)
            self.close()

    def close(self) -> None:
        """Close our copy: the lock goes on where another process has one."""
        if self.held:
            os.close(self.fd)
            self.fd = -1


def is_held(path: str) -> bool:
    """Whether some process has the lock, without taking it; doubt falls on no."""
    return open_file_lock.is_locked(path) is True


def holder_in(path: str) -> Holder | None:
    """Give who the file says serves; None for what is no such content."""
    try:
        said = loads(files.read(path) or b"")
        texts = [said[key] for key in ("host", "network", "node", "instance", "line")]
        numbers = [said[key] for key in ("pid", "port", "generation")]
    except (FilesError, ValueError, KeyError, TypeError, RecursionError):
        return None
    if not all(type(text) is str for text in texts) or not all(type(n) is int for n in numbers):
        return None
    host, network, node, instance, line = texts
    pid, port, number = numbers
    more = [text if type(text := said.get(key)) is str else "" for key in ("build", "mark")]
    return Holder(pid, host, port, network, node, instance, Generation(line, number), *more)


def network_id() -> str:
    """Give what tells the network namespace of this process from all others, of any host."""
    if sys.platform == "linux":
        try:
            return f"{boot_id().partition('/')[0]}/{os.readlink('/proc/self/ns/net')}"
        except OSError:
            return "?"
    return boot_id()
