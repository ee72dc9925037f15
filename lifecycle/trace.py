"""The journal of transitions: one JSON line each, appended with one write."""

import os
import time
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock

from ._small_json import dumps

FORMAT = 2  # of a line; one without it is of the first edition, whose words were others
ROTATE_BYTES = 4_000_000  # about 16,000 transitions; the file before is kept

_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
_KIND, _REGULAR = 0o170000, 0o100000  # `stat` has the names, and costs a hook its import
_TRIES = 20  # at a lock that is held for microseconds
_STEP_S = 0.001


class Trace:
    """Where one run of one machine writes what it did.

    `origin` says through which way in the run came: cli, hook, mcp, api or handover. A row that
    repeats itself while the run waits is written once. `generation` is the number of a worker's own
    launch, of the last one that a launcher knows of; 0 before it knows any. A journal that can't be
    written never stops a run: `trouble` then holds the sentence, and the next line says how many
    were `lost`.
    """

    def __init__(self, path: str, machine: str, run: str, origin: str) -> None:
        self._path = path
        self._machine, self._run, self._origin = machine, run, origin
        self._entered = time.monotonic()
        self._last: tuple[str, str, str] | None = None
        self._lost = 0
        self._host = os.uname().nodename
        self.generation = 0
        self.trouble = ""

    def note(self, row: tuple[str, str, str], detail: str) -> None:
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
            "format": FORMAT,
            "mono": round(now, 6),
            "machine": self._machine,
            "run": self._run,
            "pid": os.getpid(),
            "host": self._host,
            "generation": self.generation,
            "origin": self._origin,
            "from": source,
            "event": event,
            "to": dest,
            "ms": round(spent * 1000, 3),
        }
        if detail:
            said["why"] = detail
        if self._lost:
            said["lost"] = self._lost
        try:
            append(self._path, dumps(said).encode() + b"\n")
            self._lost = 0
        except OSError as error:
            self._lost += 1
            self.trouble = f"can't write {self._path}: {error.strerror}"


def append(path: str, line: bytes) -> None:
    """Append one line with one write, whole or not at all; begin a new file when it is long.

    Raises OSError. Many processes append at once, each holding the file's flock together with the
    others. Whoever wrote short holds it alone before it cuts its part off, so that it can't cut
    off what came after. What somebody else left torn, ended between the two, is ended by a
    newline of the next writer's.
    """
    fd = os.open(path, _APPEND, 0o600)
    try:
        try:
            flock(fd, LOCK_SH | LOCK_NB)
        except OSError:
            _join(fd)
        told = os.fstat(fd)
        size = told.st_size
        if told.st_mode & _KIND != _REGULAR:
            raise _not_a_file(path)
        if size and os.pread(fd, 1, size - 1) != b"\n":
            line = b" \n" + line  # a blank, so that of two who see it none makes an empty line
        written = os.write(fd, line)
        if written < len(line):
            _take_back(path, fd, written)
            raise _no_room(path)
        if not size:
            _mend_mode(fd, told)
    finally:
        os.close(fd)
    if size + written > ROTATE_BYTES:
        _rotate(path)


def _not_a_file(path: str) -> OSError:
    from errno import EINVAL  # a hook would pay for the whole list of numbers

    return OSError(EINVAL, "it is no file", path)


def _no_room(path: str) -> OSError:
    from errno import ENOSPC

    return OSError(ENOSPC, os.strerror(ENOSPC), path)


def _mend_mode(fd: int, told: os.stat_result) -> None:
    from .private import mend_mode  # the umask was there when the file was made

    mend_mode(fd, told)


def _join(fd: int) -> None:
    """Hold the flock together with others; whoever holds it alone is about to let it go."""
    for _ in range(_TRIES):
        try:
            flock(fd, LOCK_SH | LOCK_NB)
        except BlockingIOError:
            time.sleep(_STEP_S)
        except OSError:
            return  # no flock on this file system
        else:
            return


def _take_back(path: str, fd: int, written: int) -> None:
    """Undo a short write: blanks over it, at once; then cut it off if it is last.

    The blanks touch no byte but ours and need no room. A line that came behind them is whole.
    """
    end = os.lseek(fd, 0, os.SEEK_CUR)  # of our own write, whatever was appended since
    over = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not os.path.sameopenfile(fd, over):
            return  # rotated away meanwhile: nobody appends to it any more
        os.pwrite(over, b" " * written, end - written)
        for _ in range(_TRIES):
            try:
                flock(fd, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                time.sleep(_STEP_S)
                continue
            if os.fstat(fd).st_size == end:
                os.ftruncate(fd, end - written)
            return
    except OSError:
        return  # the next writer begins a line of its own
    finally:
        os.close(over)


def _rotate(path: str) -> None:
    from .private import open_file

    guard = open_file(f"{path}.guard", os.O_RDWR)
    try:
        flock(guard, LOCK_EX | LOCK_NB)
        if os.stat(path).st_size > ROTATE_BYTES:
            os.replace(path, f"{path}.1")
    except OSError:
        return  # somebody else rotates just now
    finally:
        os.close(guard)
