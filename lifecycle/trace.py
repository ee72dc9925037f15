"""The journal of transitions: one JSON line each, appended with one write."""

from __future__ import annotations

import os
import time
from fcntl import LOCK_EX, LOCK_NB, flock

from .quickjson import dumps_flat

ROTATE_BYTES = 4_000_000  # about 16,000 transitions; the file before is kept


class Trace:
    """Where one run of one machine writes what it did.

    `door` says through which way in the run came: cli, hook, mcp, api or handover. A row that
    repeats itself while the run waits is written once. A journal that can't be written never
    stops a run: `trouble` then holds the sentence.
    """

    def __init__(self, path: str, machine: str, run: str, door: str) -> None:
        self._path = path
        self._machine, self._run, self._door = machine, run, door
        self._entered = time.monotonic()
        self._last: tuple[str, str, str] | None = None
        self.trouble = ""

    def note(self, row: tuple[str, str, str], facts: str) -> None:
        """Append one transition with the milliseconds spent in the state it left."""
        event, source, dest = row
        now = time.monotonic()
        spent = now - self._entered
        if source != dest:
            self._entered = now
        elif (event, source, dest) == self._last:
            return
        self._last = (event, source, dest)
        wall = time.time()
        said: dict[str, str | int | float] = {
            "at": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(wall)) + f"{wall % 1:.6f}Z"[1:],
            "mono": round(now, 6),
            "machine": self._machine,
            "run": self._run,
            "pid": os.getpid(),
            "door": self._door,
            "from": source,
            "event": event,
            "to": dest,
            "ms": round(spent * 1000, 3),
        }
        if facts:
            said["why"] = facts
        try:
            append(self._path, dumps_flat(said).encode() + b"\n")
        except OSError as error:
            self.trouble = f"can't write {self._path}: {error.strerror}"


def append(path: str, line: bytes) -> None:
    """Append with one write, which the kernel keeps whole; begin a new file when it is long."""
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
    fd = os.open(path, how, 0o600)
    try:
        os.write(fd, line)
        long = os.fstat(fd).st_size > ROTATE_BYTES
    finally:
        os.close(fd)
    if long:
        _rotate(path)


def _rotate(path: str) -> None:
    guard = os.open(f"{path}.guard", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        flock(guard, LOCK_EX | LOCK_NB)
        if os.stat(path).st_size > ROTATE_BYTES:
            os.replace(path, f"{path}.1")
    except OSError:
        return  # somebody else rotates just now
    finally:
        os.close(guard)
