"""What can't be created is a child that is gone, not an error in whoever wanted it."""

import asyncio
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import EXIT_LOST
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.posix import child_process
from incumbent.lifecycle.posix.launcher import PosixLauncher, run_blocking
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker

from ....isolation import Sandbox
from ..lock.test_spawn_lock import descriptors_left


@pytest.fixture
def worker(sandbox: Sandbox, data_dir: Path) -> Worker:
    return Worker(environ=sandbox.environment(), data_dir=str(data_dir), port=sandbox.port)


FIRST = Generation("a", 1)


def build(python: str = sys.executable) -> Build:
    return Build("1.0.0", "app:app", python)


def test_without_a_descriptor_the_child_is_gone_and_no_build_is_blamed(worker: Worker):
    launcher = PosixLauncher(worker, "spawner", "api")
    with descriptors_left(0):
        child = run_blocking(launcher.spawn(build(), FIRST, standby=False))
        ended = run_blocking(launcher.watch(child))
    assert (child.pid, ended.code) == (0, EXIT_LOST)
    assert "Too many open files" in ended.last_output


def test_without_its_program_the_child_is_gone_and_the_build_is_blamed(worker: Worker):
    launcher = PosixLauncher(worker, "spawner", "api")
    child = run_blocking(launcher.spawn(build("/no/such/python"), FIRST, standby=False))
    ended = run_blocking(launcher.watch(child))
    assert (child.pid, ended.code) == (0, child_process.EXIT_NO_PROGRAM)
    assert "/no/such/python" in ended.last_output


def test_an_event_loop_hears_that_a_child_is_gone():
    async def heard() -> bytes:
        return await asyncio.get_running_loop().sock_recv(child_process._NoPipe(), 64)  # type: ignore[arg-type]  # its twin

    assert asyncio.run(heard()) == b""
