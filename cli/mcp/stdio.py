"""Serves an agent's client on this process's stdin with its stdout."""

import os
from fcntl import F_DUPFD_CLOEXEC, fcntl

from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.messages import say

from .bridge import Bridge, ClientGoneError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from signal import SIG_DFL, SIGINT, signal

    from incumbent.lifecycle.settings import Worker
else:  # `signal` costs the milliseconds of its enums; this is what it wraps
    from _signal import SIG_DFL, SIGINT, signal

STANDARD_FDS = 3


class CannotServeError(IncumbentError):
    """A standard stream is missing; the sentence says what to do."""


def serve(worker: "Worker") -> int:
    """Serve until stdin ends; give the exit code; raises CannotServeError."""
    stdin, stdout = _taken()
    signal(SIGINT, SIG_DFL)
    say(worker.notices)
    worker.notices.clear()
    try:
        Bridge(worker, stdin, stdout).run()
    except ClientGoneError:
        say(["the MCP client does not read any more"])
        return 1
    return 0


def _taken() -> tuple[int, int]:
    """Give the protocol's two streams, which nothing else in this process can reach from here on.

    Whatever prints, also a program that somebody's code starts, comes out on stderr.
    """
    try:
        stdin, stdout = (fcntl(fd, F_DUPFD_CLOEXEC, STANDARD_FDS) for fd in (0, 1))
    except OSError as error:
        raise CannotServeError(
            f"an MCP client speaks over stdin and stdout, one of which is closed; "
            f"give it the command `{command()} mcp`"
        ) from error
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(null, 0)
        try:
            os.dup2(2, 1)
        except OSError:
            os.dup2(null, 1)
    finally:
        os.close(null)
    return stdin, stdout
