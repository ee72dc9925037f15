"""Runs pytest again and again, each time in a fork of a process that has it loaded already.

Each line that comes is a JSON array: the arguments, the variables, the file for what is said, the
seconds for all of it. Each line that goes is the exit code, null where the time was over. Nothing
of the package or of its tests is loaded here: a fork sees the files as they are then.

It ends what a run leaves, so it has to be in a process table of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time

import hypothesis  # noqa: F401 - loaded for the forks
import pytest

STEP_S = 0.01


def run(arguments: list[str], variables: dict[str, str], out: str, seconds: float) -> int | None:
    """Run pytest once; give its exit code, None where the time was over."""
    pid = os.fork()
    if pid == 0:
        os.environ.update(variables)
        _become_pytest(arguments, out)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(STEP_S)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def _become_pytest(arguments: list[str], out: str) -> None:
    code = 3
    try:
        os.setpgid(0, 0)
        fd = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for number in (1, 2):
            os.dup2(fd, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = int(pytest.main(arguments))
        sys.stdout.flush()
    finally:
        os._exit(code)


def end_all() -> None:
    """End whatever else runs in this process table, which is ours alone."""
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            with contextlib.suppress(OSError):
                os.kill(int(name), signal.SIGKILL)


if __name__ == "__main__":
    for line in sys.stdin:
        found = run(*json.loads(line))
        end_all()
        print(json.dumps(found), flush=True)
