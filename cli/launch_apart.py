"""Launches a worker for a hook, in a process of its own that outlives it.

A launch may take longer than a hook can wait, and whoever has spawned a child must settle it: so
the process that launches ends its work also when the hook is gone.
"""

from __future__ import annotations

import os
import sys
from time import monotonic

from .firing import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from incumbent.lifecycle.settings import Worker

_HAD = b"\0+"
_NOT_HAD = b"\0-"


def launched(worker: Worker, deadline: float, begin: Callable[[], None]) -> tuple[bool, bool]:
    """Give whether there is a worker, and if not, whether that is final.

    `begin` is what the new process does first.
    """
    from select import select

    ours, theirs = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(ours)
        os.close(theirs)
        raise
    if pid == 0:
        try:
            begin()
            _launch(worker, deadline, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    said = b""
    while (remaining := deadline - monotonic()) > 0 and select([ours], [], [], remaining)[0]:
        more = os.read(ours, 65536)
        if not more:
            break
        said += more
    os.close(ours)
    os.waitpid(pid, os.WNOHANG)
    talk, mark, verdict = said.partition(b"\0")
    if talk:
        sys.stderr.write(talk.decode(errors="replace"))
    if not mark:
        tell("no worker within the hook's time")
    return mark + verdict == _HAD, mark + verdict == _NOT_HAD


class _Pipe:
    """What stands in for stderr in the launch: nobody may be there to read it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, text: str) -> int:
        try:
            os.write(self._fd, text.encode())
        except OSError:
            return 0
        return len(text)

    def flush(self) -> None:
        return


def _launch(worker: Worker, deadline: float, fd: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    talk = _Pipe(fd)
    sys.stderr = talk
    from incumbent.lifecycle import health as h
    from incumbent.lifecycle.environment import from_anywhere
    from incumbent.lifecycle.errors import IncumbentError, NotVerifiedError
    from incumbent.lifecycle.runs import ensure

    worker.environ = from_anywhere(worker.environ)
    had = False
    try:
        ensure(worker, timeout=max(deadline - monotonic(), 0.01), origin="hook")
        had = True
    except NotVerifiedError as error:
        had = error.seen is not None and error.seen.kind in (h.WORKER_SERVING, h.WORKER_LEAVING)
        tell(str(error))
    except IncumbentError as error:
        tell(str(error))
    except Exception as error:
        from incumbent.lifecycle.shortage import shortage

        tell(shortage(error) or f"{type(error).__name__}: {error}")
    talk.write((_HAD if had else _NOT_HAD).decode())
