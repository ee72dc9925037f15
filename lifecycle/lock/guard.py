"""The guard: the flock under which a lock file or the launch record is changed."""

from __future__ import annotations

import fcntl
import os
import time

from ..errors import FilesError
from ..private import open_file
from .lock_holders import lock_holders
from .process_identity import is_stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Pause = Callable[[float], Awaitable[None]]

WAIT_S = 5.0  # it is held for microseconds; longer means a process stopped inside it
_STEP_S = 0.001


async def sleep(seconds: float) -> None:
    """Wait without suspending: the pause of whoever has nothing else to do."""
    time.sleep(seconds)


class Guard:
    """One actor's claim on the guard file, which is never unlinked."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self, wait: bool) -> bool:
        """Take the guard; False when it is busy and we don't wait; raises FilesError."""
        try:
            fd = open_file(self._path, os.O_RDWR)
        except OSError as error:
            raise FilesError(self._path, error.strerror or str(error)) from error
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if wait and time.monotonic() < deadline:
                    time.sleep(_STEP_S)
                    continue
                os.close(fd)
                if wait:
                    raise FilesError(self._path, self._why_busy()) from None
                return False
            except OSError as error:
                os.close(fd)
                raise FilesError(self._path, error.strerror or str(error)) from error
            self._fd = fd
            return True

    async def wait(self, pause: Pause) -> None:
        """Take the guard when it is free, doing `pause` between tries; raises FilesError."""
        deadline = time.monotonic() + WAIT_S
        while not self.take(wait=False):
            if time.monotonic() > deadline:
                raise FilesError(self._path, self._why_busy())
            await pause(_STEP_S)

    def _why_busy(self) -> str:
        pids = lock_holders(self._path)
        if not pids:
            return "a stopped process holds it"
        who = pids[0]
        if is_stopped(who):
            return f"the process {who} is stopped, and holds it: run `kill -CONT {who}`"
        return f"the process {who} holds it: see what it does by `ps -p {who}`"

    def give_back(self) -> None:
        """Let the next one in."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
