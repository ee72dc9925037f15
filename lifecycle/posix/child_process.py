"""Worker processes as their parent sees them, from creation until they are settled."""

from __future__ import annotations

import errno
import os
import signal

from .. import files
from .._lazy_import import Given, Later
from ..drivers.ports import EXIT_LOST
from ..errors import FilesError
from ..private import open_file
from ..record import Build
from ..settings import Worker
from ..shortage import shortage
from .child_environment import (
    EARLY_VARIABLE,
    EXPECT_VARIABLE,
    FIRST_NAMES,
    ORIGIN_VARIABLE,
    PIPE_VARIABLE,
    ROLE_VARIABLE,
    STANDBY_ROLE,
    TOKEN_VARIABLE,
    environment_for,
)
from .last_words import last_line, moved

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from typing import Any

READY_BYTE = b"r"
UP_BYTE = b"u"

TAKES_SERVE_LOCK = "serve-lock"  # of a build: the lock's descriptor comes with the socket

EXIT_NO_PROGRAM = 127  # as a shell tells of it
BUILD_AT_FAULT = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC, errno.EPERM)

# What the kernel, or the process itself, ends it by for what its code did; as exit codes.
CRASHES = frozenset(
    -number
    for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
)

_KEPT: list[subprocess.Popen[bytes]] = []  # settled, still alive: reaped when they are gone


class Process:
    """A spawned worker: its process and our end of the pair over which it reports.

    Without a `popen` it could not be created: `gone` is the exit code that stands for why, which
    `trouble` says.
    """

    def __init__(
        self,
        popen: subprocess.Popen[bytes] | None,
        pipe: Any,
        early: str = "",
        trouble: str = "",
        gone: int = EXIT_LOST,
    ) -> None:
        self.popen, self.pipe, self._early, self._trouble = popen, pipe, early, trouble
        self._gone = gone
        self.up = False
        self.ready = False

    @property
    def pid(self) -> int:
        """The pid; 0 when the process could not be created."""
        return self.popen.pid if self.popen else 0

    def heard(self, said: bytes) -> None:
        """Take in what came through the pipe."""
        self.up = self.up or UP_BYTE in said
        self.ready = self.ready or READY_BYTE in said

    def reap(self, timeout: float) -> int | None:
        """Give the exit code, waiting at most `timeout` seconds; negative for a signal."""
        if self.popen is None:
            return self._gone
        from subprocess import TimeoutExpired

        try:
            return self.popen.wait(timeout)
        except TimeoutExpired:
            return None

    def kill(self) -> int:
        """Kill and reap; give the exit code."""
        if self.popen is None:
            return self._gone
        self.popen.kill()
        code = self.popen.wait()
        self.pipe.setblocking(False)
        try:
            while said := self.pipe.recv(64):
                self.heard(said)
        except OSError:
            return code
        return code

    def let_go(self) -> None:
        """Stop caring for the process, which lives on."""
        self.pipe.close()
        if self.popen is not None and self.popen.poll() is None:
            _KEPT.append(self.popen)

    def last_output(self, log: str) -> str:
        """Give the last line the process wrote, moving all of it into the worker's log."""
        if self._trouble:
            return self._trouble
        try:
            content = files.read(self._early) or b""
        except FilesError:
            return ""
        if moved(content, log):
            files.unlink(self._early)
        return last_line(content)


def spawn(
    worker: Worker,
    build: Build,
    lock_token: str,
    origin: str,
    standby: bool,
    passed_on: Mapping[str, str],
) -> Process:
    """Create the worker process that `build` names, detached from this one.

    It gets its own session, a cwd that nobody can delete, a log file as its output, and no
    descriptor but its end of the pair; `passed_on` are variables that are no part of the build. A
    process that can't be created is given back as one that is gone; only a program that is not
    there is the build's fault.
    """
    # Whoever restarts a worker spawns nothing, so need not load these.
    with Given("subprocess", {"locale": Later("locale")}):  # for pipes of text; ours has none
        import subprocess
    from _socket import socketpair  # the C class has all that is used; the module costs 2 ms

    _KEPT[:] = [popen for popen in _KEPT if popen.poll() is None]
    try:
        pair: Any = socketpair()
    except OSError as error:
        return Process(None, _NoPipe(), trouble=f"can't run {build.python}: {error.strerror}")
    ours, theirs = pair
    early = worker.path("logs", f"early-{os.getpid()}-{theirs.fileno()}-{os.urandom(4).hex()}.log")
    environment = {**environment_for(worker, build), **passed_on}
    environment |= {
        PIPE_VARIABLE: str(theirs.fileno()),
        TOKEN_VARIABLE: lock_token,
        EXPECT_VARIABLE: build.version,
        ROLE_VARIABLE: STANDBY_ROLE if standby else "cold",
        EARLY_VARIABLE: early,
        ORIGIN_VARIABLE: origin,
    }
    environment |= {first: environment[name] for name, first in FIRST_NAMES.items()}
    try:
        files.make_data_dir(worker.data_dir)
        files.make_own_folder(worker.path("logs"))
        with open(early, "xb", buffering=0, opener=_for_its_user) as output:
            popen = subprocess.Popen(
                [build.python, "-P", "-m", "incumbent.server"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=os.sep,
                env=environment,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
    except FilesError as error:
        return Process(None, ours, trouble=f"can't use {error.path}: {error.reason}")
    except OSError as error:
        trouble = f"can't run {build.python}: {shortage(error) or error.strerror}"
        blamed = error.errno in BUILD_AT_FAULT and error.filename != early
        return Process(None, ours, trouble=trouble, gone=EXIT_NO_PROGRAM if blamed else EXIT_LOST)
    finally:
        theirs.close()
    return Process(popen, ours, early)


class _NoPipe:
    """The pipe of a process that could not even get one: it has ended."""

    def recv(self, _: int) -> bytes:
        return b""

    def settimeout(self, _: float) -> None:
        return

    def setblocking(self, _: bool) -> None:
        return

    def close(self) -> None:
        return


def _for_its_user(path: str, flags: int) -> int:
    return open_file(path, flags)


def can_be_spawned(build: Build) -> bool:
    """Whether the build's interpreter and its import path are still there.

    One whose words no process can take, for a NUL or half a surrogate pair, is not.
    """
    words = (build.version, build.app, build.python, *sum(build.environment, ()))
    try:
        if any(b"\0" in os.fsencode(word) for word in words):
            return False
    except UnicodeEncodeError:
        return False
    path = dict(build.environment).get("PYTHONPATH", "").split(os.pathsep)
    runs = os.access(build.python, os.X_OK) and not os.path.isdir(build.python)
    return runs and all(
        os.path.isdir(entry) for entry in path if f"{os.sep}releases{os.sep}" in entry
    )


def strategies() -> tuple[str, ...]:
    """Give the handovers that a worker of this incumbent can take part in, and what it takes."""
    return ("seamless", "rebind", TAKES_SERVE_LOCK)
