"""`--force` ends a worker that hangs, whatever it hangs in, and nobody else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from typing import Any

import pytest

from ..world import RUN_S, World
from .test_hang import HANGING, KINDS, ask_without_waiting, hosted, is_gone

pytestmark = pytest.mark.process

# The command as it is, with less patience: it is 10 s.
COMMAND = """
import sys
from incumbent.lifecycle import runs
from incumbent.cli.main import main
runs.PATIENCE_S = 2.0
sys.argv[0] = "worker-service"
sys.exit(main())
"""
LISTENS = """
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listens", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def app(world: World) -> Any:
    return hosted(world, HANGING)


def command(world: World, app: Any, *words: str) -> subprocess.CompletedProcess[str]:
    return world.run(app, [sys.executable, "-c", COMMAND, *words])


def of_forcing(world: World) -> list[str]:
    """Give what forced runs did to the worker that hung."""
    return [line["event"] for line in world.trace() if "judging" in f"{line['from']} {line['to']}"]


def test_a_forced_restart_ends_a_worker_that_hangs_after_its_stacks(world: World, app):
    world.ensure(app)
    for path in KINDS:
        pid = world.health().pid
        with ask_without_waiting(world, path):
            done = command(world, app, "restart", "--force")
        assert done.returncode == 0, (path, done)
        assert f"ended the worker {pid}, which did not answer; its stacks are in" in done.stderr
        assert is_gone(pid)
        last = f"Worker restart verified (pid={world.health().pid}, version=1.0.0)"
        assert done.stdout.splitlines()[-1] == last
    assert of_forcing(world) == ["silence_judged", "lock_acquired"] * len(KINDS)
    assert len(world.events("killed")) == len(KINDS)
    assert world.log().count('hosted.py", line') >= len(KINDS)


def test_a_forced_restart_ends_a_worker_that_is_stopped_at_once(world: World, app):
    world.ensure(app)
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    told = world.command(app, "status")
    assert (told.returncode, "`worker-service restart --force`" in told.stdout) == (4, True), told
    done = world.command(app, "restart", "--force")
    assert done.returncode == 0, done
    assert f"ended the worker {pid}, which did not answer, stopped as it was" in done.stderr
    assert world.health().pid != pid


def test_a_forced_stop_ends_a_worker_that_is_stopped(world: World, app):
    world.ensure(app)
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    told = command(world, app, "stop")
    assert (told.returncode, "`worker-service stop --force`" in told.stderr) == (1, True), told
    assert not is_gone(pid)
    done = world.command(app, "stop", "--force")
    assert (done.returncode, done.stdout) == (0, "Worker stopped\n"), done
    assert is_gone(pid)
    assert world.seen().kind == "dark"


def test_a_worker_that_answers_is_handed_over_by_force_too(world: World, app):
    world.ensure(app)
    done = command(world, app, "restart", "--force")
    assert done.returncode == 0, done
    assert of_forcing(world) == []


def test_a_worker_that_goes_on_in_time_is_not_ended(world: World, app):
    world.ensure(app)
    pid = world.health().pid
    done = subprocess.Popen(
        [sys.executable, "-c", COMMAND.replace("2.0", "60.0"), "restart", "--force"],
        env=world.environment(app) | {"INCUMBENT_TIMEOUT": "60"},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with ask_without_waiting(world, "/blocked-for-a-while"):
        out, err = done.communicate(timeout=RUN_S)
    assert done.returncode == 0, (out, err)
    assert of_forcing(world) == []
    assert is_gone(pid)  # handed over, in order
    assert world.events("pid_removed_to_pass")


def test_a_stranger_on_the_port_is_not_ended(world: World, app):
    listening = subprocess.Popen(
        [sys.executable, "-c", LISTENS, str(world.port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with listening:
        assert listening.stdout is not None
        assert listening.stdout.readline() == "listens\n"
        for words in (("restart", "--force"), ("stop", "--force")):
            done = command(world, app, *words)
            assert done.returncode == 1, done
            assert "--force" not in done.stderr
            assert f"`kill -9 {listening.pid}`" in done.stderr
        assert listening.poll() is None
        listening.kill()


def test_whoever_listens_and_holds_no_serve_lock_is_not_ended_beside_the_worker(world: World, app):
    """A worker at another address hangs; its data dir's own port is a stranger's."""
    world.ensure(app)
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = str(other.getsockname()[1])
            done = command(world, app, "--port", port, "stop", "--force")
            assert done.returncode == 1, done
            assert not is_gone(pid)
    finally:
        os.kill(pid, signal.SIGCONT)
