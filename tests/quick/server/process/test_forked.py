"""A child that an app forks has nothing of the worker; the worker has all of it as before."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ....isolation import Sandbox

pytestmark = pytest.mark.slow  # it waits for processes

# Forks once with a listener, an accepted connection, a bystander's socket and a pipe of ours open;
# child and parent tell what they have.
PROGRAM = """
import asyncio, json, os, signal, socket, sys
from incumbent.server.process.forked import leave_children

port, what = int(sys.argv[1]), sys.argv[2]
devnull = os.stat(os.devnull).st_ino

def is_nothing(fd):
    try:
        return os.fstat(fd).st_ino == devnull
    except OSError:
        return "closed"

def handler(number):
    found = signal.getsignal(number)
    return found.name if isinstance(found, signal.Handlers) else getattr(found, "__name__", "?")

def told(names):
    return {name: is_nothing(fd) for name, fd in names.items()} | {
        "inherited": [name for name, fd in names.items() if os.get_inheritable(fd)],
        "TERM": handler(signal.SIGTERM), "INT": handler(signal.SIGINT),
        "wakes": signal.set_wakeup_fd(-1) >= 0,
    }

async def main():
    loop = asyncio.get_running_loop()
    if what == "loop":
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, print)
    else:
        signal.signal(signal.SIGTERM, main_handler)
        signal.signal(signal.SIGINT, main_handler)
    listener = socket.create_server(("127.0.0.1", port))
    client = socket.create_connection(("127.0.0.1", port))
    accepted = listener.accept()[0]
    other = socket.create_server(("127.0.0.1", 0))
    pipe, far = socket.socketpair()
    class Closed:
        def fileno(self):
            return -1
    names = {"listener": listener.fileno(), "accepted": accepted.fileno(), "pipe": pipe.fileno(),
             "client": client.fileno(), "other": other.fileno(), "far": far.fileno()}
    leave_children("127.0.0.1", port, lambda: [pipe, Closed()])
    before = len(os.listdir("/dev/fd"))
    child = os.fork()
    if child == 0:
        said = told(names) | {"more": len(os.listdir("/dev/fd")) - before}
        os.write(1, json.dumps(said).encode() + b"\\n")
        os._exit(0)
    os.waitpid(child, 0)
    os.write(1, json.dumps(told(names)).encode() + b"\\n")

def main_handler(*_):
    pass

asyncio.run(main())
"""

OURS = ("listener", "accepted", "pipe")
OTHERS = ("client", "other", "far")


def ran(sandbox: Sandbox, what: str) -> tuple[dict[str, object], dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(sandbox.port), what],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    child, parent = map(json.loads, done.stdout.splitlines())
    return child, parent


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="no list of descriptors")
def test_a_forked_child_has_neither_the_port_nor_a_pipe_nor_the_loops_signals(sandbox: Sandbox):
    child, parent = ran(sandbox, "loop")
    assert [name for name in (*OURS, *OTHERS) if child[name] is True] == list(OURS)
    assert [name for name in (*OURS, *OTHERS) if parent[name]] == []
    assert child["inherited"] == parent["inherited"] == []
    assert child["more"] == 0
    assert (child["TERM"], child["INT"], child["wakes"]) == (
        "SIG_DFL",
        "default_int_handler",
        False,
    )
    assert parent["wakes"] is True


def test_what_the_app_itself_does_at_a_signal_its_child_does_too(sandbox: Sandbox):
    child, parent = ran(sandbox, "app")
    assert (child["TERM"], child["INT"]) == (parent["TERM"], parent["INT"])
    assert child["TERM"] == child["INT"] == "main_handler"
