"""Keeps the events that no worker could be had for, each in a file of its own, in order."""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_NB, flock
from time import time_ns

from .deliver import DELIVERED, REFUSED, new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT_BYTES = 17_000_000  # no event that was kept is longer
_SUFFIX = ".json"


class Spool:
    """The folder of kept events; a file's name begins with the moment its event was kept."""

    def __init__(self, path: str) -> None:
        self.path = path

    def waiting(self) -> list[str]:
        """Give the names of the events kept, oldest first."""
        try:
            names = os.listdir(self.path)
        except OSError:
            return []
        return sorted(n for n in names if n.endswith(_SUFFIX) and not n.startswith("."))

    def keep(self, body: bytes) -> str:
        """Write one event, whole or not at all, and give its path; raises OSError."""
        from .files import unlink, write_all  # a hook that keeps nothing does not pay for them

        os.makedirs(self.path, mode=0o700, exist_ok=True)
        name = f"{time_ns():020d}-{new_id()}{_SUFFIX}"
        temporary, path = os.path.join(self.path, f".{name}.tmp"), os.path.join(self.path, name)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            try:
                write_all(fd, body)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, path)
        except OSError:
            unlink(temporary)
            raise
        return path

    def hand_over(self, send: Callable[[bytes], tuple[str, str]]) -> tuple[bool, list[str]]:
        """Send what is kept, in order, removing each event once it is delivered.

        Stops at the first that can't be delivered now. Gives whether that happened, with a
        sentence for each event that had to be set aside. While another process does the same,
        nothing is done: its events are on their way. A crash between sending and removing sends
        an event twice, under the same id.
        """
        try:
            guard = os.open(
                os.path.join(self.path, ".guard"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            return False, [f"can't use {self.path}: {error.strerror}"]
        try:
            flock(guard, LOCK_EX | LOCK_NB)
        except OSError:
            os.close(guard)
            return False, []
        try:
            return self._send_each(send)
        finally:
            os.close(guard)

    def _send_each(self, send: Callable[[bytes], tuple[str, str]]) -> tuple[bool, list[str]]:
        from .files import unlink

        sentences = []
        for name in self.waiting():
            path = os.path.join(self.path, name)
            try:
                body = _read(path)
                word, why = send(body)
            except FileNotFoundError:
                continue
            except OSError as error:
                word, why = REFUSED, error.strerror or str(error)
            if word == REFUSED:
                sentences.append(f"a kept event was refused ({why}); it is in {path}.refused")
                _rename(path, f"{path}.refused")
            elif word == DELIVERED:
                unlink(path)
            else:
                return True, sentences
        return False, sentences


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        content = b""
        while more := os.read(fd, LIMIT_BYTES - len(content)):
            content += more
        return content
    finally:
        os.close(fd)


def _rename(path: str, aside: str) -> None:
    try:
        os.rename(path, aside)
    except OSError:
        return
