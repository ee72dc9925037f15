"""A child gets what it needs; one that can't be created is gone, no error in whoever wanted it."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import EXIT_LOST
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.posix import child_environment, child_process
from incumbent.lifecycle.posix.last_words import OUTPUT_LIMIT
from incumbent.lifecycle.posix.launcher import PosixLauncher, run_blocking
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker

from ..lock.test_spawn_lock import descriptors_left

FIRST = Generation("a", 1)


def build(python: str = sys.executable) -> Build:
    return Build("1.0.0", "app:app", python)


def test_without_a_descriptor_the_child_is_gone_and_no_build_is_blamed(worker: Worker):
    launcher = PosixLauncher(worker, "spawner", "api")
    with descriptors_left(0):
        child = run_blocking(launcher.children.spawn(build(), FIRST, standby=False))
        ended = run_blocking(launcher.children.watch(child))
    assert (child.pid, ended.code) == (0, EXIT_LOST)
    assert "Too many open files" in ended.last_output


def test_without_its_program_the_child_is_gone_and_the_build_is_blamed(worker: Worker):
    launcher = PosixLauncher(worker, "spawner", "api")
    child = run_blocking(launcher.children.spawn(build("/no/such/python"), FIRST, standby=False))
    ended = run_blocking(launcher.children.watch(child))
    assert (child.pid, ended.code) == (0, child_process.EXIT_NO_PROGRAM)
    assert "/no/such/python" in ended.last_output


def test_an_event_loop_hears_that_a_child_is_gone():
    async def heard() -> bytes:
        return await asyncio.get_running_loop().sock_recv(child_process._NoPipe(), 64)  # type: ignore[arg-type]  # its twin

    assert asyncio.run(heard()) == b""


# What a child gets.

PRINTS = """#!/bin/sh
echo "arguments $*"
echo "folder $(pwd)"
echo "session $(ps -o sid= -p $$ | tr -d ' ') $$"
env
"""


def test_a_child_serves_in_its_workers_place_apart_from_its_parent(worker: Worker, tmp_path: Path):
    program = tmp_path / "python"
    program.write_text(PRINTS)
    program.chmod(0o755)
    environment = (("FIRST", "of the build"), ("INCUMBENT_PORT", "1"))
    its = Build("2.0.0", "web:app", str(program), environment)
    process = child_process.spawn(worker, its, "token", "hook", False, {"SECOND": "passed on"})
    early = Path(process._early)
    assert early.stat().st_mode & 0o777 == 0o600
    assert process.reap(20.0) == 0
    process.let_go()
    said = early.read_text().splitlines()
    assert "arguments -P -m incumbent.server" in said
    assert "folder /" in said
    assert f"session {process.pid} {process.pid}" in said
    told = dict(line.split("=", 1) for line in said if "=" in line)
    expected = {
        "FIRST": "of the build",
        "SECOND": "passed on",
        "INCUMBENT_DATA_DIR": worker.data_dir,
        "INCUMBENT_HOST": worker.host,
        "INCUMBENT_PORT": str(worker.port),
        "INCUMBENT_NAME": worker.name,
        "INCUMBENT_APP": "web:app",
        "INCUMBENT_VERSION": "2.0.0",
        "INCUMBENT_LOCK_TOKEN": "token",
        "INCUMBENT_EXPECT": "2.0.0",
        "INCUMBENT_ROLE": "cold",
        "INCUMBENT_ORIGIN": "hook",
        "INCUMBENT_EARLY_LOG": str(early),
    }
    assert {name: told.get(name) for name in expected} == expected
    assert told["INCUMBENT_PIPE"].isdigit()
    assert "HOME" not in told


def test_what_a_child_said_goes_into_the_log_and_its_last_line_to_whoever_launched(worker: Worker):
    logs = Path(worker.path("logs"))
    logs.mkdir()
    early, log = logs / "early.log", logs / "worker.log"
    early.write_text("first\n\nincumbent: last word  \n\n")
    process = child_process.Process(None, socket.socket(), str(early))
    assert process.last_output(str(log)) == "last word"
    assert log.read_text() == "first\n\nincumbent: last word  \n\n"
    assert not early.exists()
    assert process.last_output(str(log)) == ""
    process.pipe.close()


def test_what_a_child_said_stays_where_the_log_cannot_be_written(worker: Worker):
    logs = Path(worker.path("logs"))
    (logs / "worker.log").mkdir(parents=True)
    early = logs / "early.log"
    early.write_text("x" * 9000)
    process = child_process.Process(None, socket.socket(), str(early))
    assert process.last_output(str(logs / "worker.log")) == "x" * OUTPUT_LIMIT
    assert early.exists()
    process.pipe.close()


def test_a_child_that_lives_is_not_reaped():
    popen = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = child_process.Process(popen, socket.socket())
    assert process.reap(0) is None
    popen.communicate(b"\n")
    assert process.reap(0) == 0
    process.pipe.close()


def test_a_child_that_was_let_go_is_reaped_by_a_later_spawn(worker: Worker):
    popen = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    process = child_process.Process(popen, socket.socket())
    process.let_go()
    assert process.pipe.fileno() == -1
    assert popen in child_process._KEPT
    assert popen.stdin is not None
    popen.stdin.close()
    os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    later = child_process.spawn(worker, build("/no/such/python"), "t", "api", False, {})
    later.pipe.close()
    assert popen not in child_process._KEPT
    assert popen.returncode == 0


@pytest.mark.parametrize(
    ("name", "passed"),
    [("PATH", True), ("LC_ALL", True), ("PYTHONHASHSEED", True), ("INCUMBENT_X", False),
     ("AWS_SECRET", False), ("INCUMBENT_LOCK_TOKEN", False), ("INCUMBENT_LEASE", False)],
)  # fmt: skip
def test_a_registered_worker_gets_no_secret_by_chance(worker: Worker, name: str, passed: bool):
    worker.environ = {name: "text"}
    assert (name in dict(child_environment.environment_of(worker))) is passed


def test_a_registered_worker_gets_its_settings(worker: Worker):
    worker.environ = {"PYTHONPATH": os.pathsep.join(["code", "/lib"])}
    worker.start_timeout, worker.drain_timeout, worker.lock_timeout = 1.5, 2.0, 30.0
    worker.handover, worker.log_level, worker.hang_timeout = "rebind", "debug", 0.0
    assert dict(child_environment.environment_of(worker)) == {
        "PYTHONPATH": os.pathsep.join([os.path.abspath("code"), "/lib"]),
        "INCUMBENT_LOG_LEVEL": "debug",
        "INCUMBENT_HANDOVER": "rebind",
        "INCUMBENT_START_TIMEOUT": "1.5",
        "INCUMBENT_DRAIN_TIMEOUT": "2",
        "INCUMBENT_LOCK_TIMEOUT": "30",
        "INCUMBENT_HANG_TIMEOUT": "0",
    }


def test_a_build_of_words_that_no_process_takes_cannot_be_spawned(tmp_path: Path):
    release = str(tmp_path / "releases" / "1")
    beside = os.pathsep.join([str(tmp_path / "elsewhere"), release])
    assert child_process.can_be_spawned(build())
    assert not child_process.can_be_spawned(build("/no/such/python"))
    assert not child_process.can_be_spawned(build(str(tmp_path)))
    for wrong in ("a\0b", "\ud800"):
        assert not child_process.can_be_spawned(Build(wrong, "app:app", sys.executable))
    its = Build("1", "app:app", sys.executable, (("PYTHONPATH", beside),))
    assert not child_process.can_be_spawned(its)
    os.makedirs(release)
    assert child_process.can_be_spawned(its)
