"""A worker's process stands alone from its first line, and its exit code says how it ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ...isolation import Sandbox

pytestmark = pytest.mark.slow  # it waits for processes

INHERITED = """
import os, signal, sys
from incumbent.server.main import main
assert main(by_hand=True) == 1
os.fstat(0)
blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
told = [len(blocked), signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL]
told += [os.get_inheritable(fd) for fd in (0, 1, 2)]
os.write(int(sys.argv[1]), repr(told).encode())
"""


def run(sandbox: Sandbox, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "incumbent.server", *arguments],
        env=sandbox.environment() | environment, capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip


def test_how_it_ended_is_all_that_is_on_stdout_where_a_program_asks(sandbox: Sandbox):
    done = run(sandbox, "--by-hand", "--json", INCUMBENT_PORT="none")
    assert done.returncode == 1
    assert done.stderr.startswith("incumbent: ")
    said = json.loads(done.stdout)
    assert (said["ok"], said["exit"], said["event"]) == (False, 1, "")
    assert "INCUMBENT_PORT" in said["error"]
    assert said["error"] in done.stderr


def test_what_is_not_the_builds_fault_has_its_own_code(sandbox: Sandbox):
    Path(sandbox.data_dir).mkdir(mode=0o700)
    Path(sandbox.data_dir, "settings.json").write_text("{")
    done = run(sandbox)
    assert done.returncode == 75
    assert "settings.json" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no full device here")
def test_where_nobody_takes_what_is_said_the_code_is_the_same(sandbox: Sandbox):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "incumbent.server", "--by-hand", "--json"],
            env=sandbox.environment() | {"INCUMBENT_PORT": "none"},
            stdin=subprocess.DEVNULL, stdout=full, stderr=full, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1


def test_what_is_inherited_closed_or_blocked_is_put_right(sandbox: Sandbox):
    reading, writing = os.pipe()
    command = f"exec 0<&- 1>&- 2>&-; exec '{sys.executable}' -c \"$0\" {writing}"
    blocked = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {15, 17});"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv('/bin/sh', sys.argv[1:])"
    )
    subprocess.run(
        [sys.executable, "-S", "-c", blocked, "sh", "-c", command, INHERITED],
        env=sandbox.environment() | {"INCUMBENT_PORT": "none"},
        pass_fds=(writing,), check=True, timeout=60,
    )  # fmt: skip
    os.close(writing)
    said = os.read(reading, 1000)
    os.close(reading)
    assert said == repr([0, True, True, True, True]).encode()
