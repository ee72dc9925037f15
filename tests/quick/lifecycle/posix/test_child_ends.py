"""A child's end is heard whole; nothing of it is left; a build answers for its own faults only."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.client.http import DarkError
from incumbent.lifecycle.drivers.ports import EXIT_LOST, MISSED, Child, ChildExit, Reply, Target
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.lock.process_identity import self_token
from incumbent.lifecycle.posix import admin_call, launched_children
from incumbent.lifecycle.posix.child_process import Process, spawn, strategies
from incumbent.lifecycle.posix.child_processes import CHILD_GRACE_S, ChildProcesses
from incumbent.lifecycle.posix.launcher import PosixLauncher, run_blocking
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker

from ....open_files import open_without_a_path
from ....world import dead_owner

FIRST = Generation("a", 1)
# Leaves its end of the pair with a child of its own, which stays.
HEIR = """
import os, subprocess, sys
subprocess.Popen(["sleep", "60"], pass_fds=(int(sys.argv[1]),), stdout=subprocess.DEVNULL)
os.write(int(sys.argv[1]), b"ur")
print("said", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(worker: Worker) -> ChildProcesses:
    return ChildProcesses(worker, "api", SpawnLockHold(worker, []))


def program(folder: Path, text: str) -> Build:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return Build("1.0.0", "app:app", str(path))


def ended(processes: ChildProcesses, build: Build) -> ChildExit:
    child = processes.spawn(build, FIRST, standby=False)
    code = processes.process(child).reap(20.0)
    return processes.ended(child, code)


# To be killed.


@pytest.fixture
def heir(worker: Worker) -> Iterator[Process]:
    """Give a process whose end of the pair somebody else has too."""
    ours, theirs = socket.socketpair()
    popen = subprocess.Popen(
        [sys.executable, "-S", "-c", HEIR, str(theirs.fileno())],
        pass_fds=(theirs.fileno(),), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    theirs.close()
    assert popen.stdout is not None
    assert popen.stdout.readline() == b"said\n"
    yield Process(popen, ours, worker.path("early.log"))
    os.killpg(popen.pid, 9)
    popen.communicate()
    ours.close()


def test_who_is_killed_is_not_waited_for_in_its_heirs(heir: Process):
    assert heir.kill() == -9
    assert heir.up
    assert heir.ready


def test_who_could_not_be_created_has_been_killed_already():
    process = Process(None, None, trouble="no descriptor", gone=7)
    assert process.kill() == process.reap(0) == 7
    assert process.pid == 0


def test_what_was_heard_stays_heard():
    process = Process(None, None)
    assert (process.up, process.ready) == (False, False)
    process.heard(b"r")
    assert (process.up, process.ready) == (False, True)
    process.heard(b"u")
    process.heard(b"")
    assert (process.up, process.ready) == (True, True)


def test_whoever_gives_up_kills_and_reaps(processes: ChildProcesses, tmp_path: Path):
    child = processes.spawn(program(tmp_path, "exec sleep 60"), FIRST, standby=False)
    processes.abandon()
    assert processes.unsettled == {}
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


# To end.


def test_of_a_child_that_has_ended_nothing_is_left(
    processes: ChildProcesses, worker: Worker, tmp_path: Path
):
    before = open_without_a_path()
    end = ended(processes, program(tmp_path, "printf 'first\\n\\377 last\\n\\n'; exit 3"))
    assert (end.code, end.up, end.ready, end.late, end.crashed) == (3, False, False, False, False)
    assert end.last_output == "\ufffd last"
    assert open_without_a_path() == before
    assert processes.unsettled == {}
    logs = Path(worker.path("logs"))
    assert [one.name for one in logs.iterdir()] == ["worker.log"]
    assert (logs / "worker.log").read_bytes() == b"first\n\xff last\n\n"


def test_a_child_that_ends_is_heard_to_end(processes: ChildProcesses, tmp_path: Path):
    child = processes.spawn(program(tmp_path, "exit 0"), FIRST, standby=False)
    pipe = processes.process(child).pipe
    pipe.settimeout(20.0)
    assert pipe.recv(64) == b""
    assert processes.kill(child).late


# What is nobody's fault.


def gone(worker: Worker, build: Build) -> tuple[int | None, str]:
    process = spawn(worker, build, "token", "api", False, {})
    process.pipe.close()
    return process.reap(0), process.last_output(os.devnull)


def test_a_data_dir_that_is_not_there_is_made_again(worker: Worker, tmp_path: Path):
    os.rmdir(worker.data_dir)
    process = spawn(worker, program(tmp_path, "exit 5"), "token", "api", False, {})
    assert process.reap(20.0) == 5
    process.let_go()
    assert os.stat(worker.data_dir).st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_used_is_named_and_no_build_is_blamed(
    worker: Worker, tmp_path: Path
):
    Path(worker.path("logs")).touch()
    code, said = gone(worker, program(tmp_path, ""))
    assert code == EXIT_LOST
    assert said.startswith(f"can't use {worker.path('logs')}: ")


def test_a_log_that_cannot_be_made_is_no_fault_of_the_build(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened = os.open

    def denied(path: str, flags: int, mode: int = 0o777, **more: int) -> int:
        if "early-" in str(path):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags, mode, **more)

    monkeypatch.setattr(os, "open", denied)
    code, said = gone(worker, program(tmp_path, ""))
    assert code == EXIT_LOST
    assert "Permission denied" in said


def test_what_a_build_takes_part_in_is_told():
    assert strategies() == ("seamless", "rebind", "serve-lock")


# What a dead worker left is ended before another begins.


@pytest.mark.parametrize(
    ("owner", "ends"),
    [("dead", True), ("recycled", True), ("living", False), ("none", False)],
)
def test_before_a_launch_what_a_dead_worker_left_is_ended(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str, ends: bool
):
    left: list[tuple[int, str]] = []
    monkeypatch.setattr(launched_children, "end_leftovers", lambda *said: left.append(said))
    pid, start = dead_owner() if owner == "dead" else (os.getpid(), self_token())
    if owner == "recycled":
        start = str(int(start) - 1)
    if owner != "none":
        Path(worker.path("worker.pid")).write_text(
            f'{{"pid": {pid}, "start": "{start}", "version": "1", "port": 1}}'
        )
    launcher = PosixLauncher(worker, "spawner", "api")
    child = run_blocking(launcher.children.spawn(program(tmp_path, "exit 0"), FIRST, False))
    launcher.processes.kill(child)
    assert left == [(pid, worker.data_dir)] * ends


# Time.


def test_a_child_has_its_start_and_a_grace(worker: Worker):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=100.0)
    ours, theirs = socket.socketpair()
    launcher.processes.unsettled[1] = Process(None, ours)
    given: list[float] = []

    class Pipe:
        """Is silent for as long as it is listened to."""

        def settimeout(self, seconds: float) -> None:
            given.append(seconds)

        def recv(self, _: int) -> bytes:
            raise TimeoutError

        def close(self) -> None:
            ours.close()

    launcher.processes.unsettled[1].pipe = Pipe()
    worker.start_timeout = 7.0
    child = Child(1, Build("1.0.0", "app:app", sys.executable))
    assert run_blocking(launcher.children.watch(child)) == ChildExit(None, late=True)
    assert given == [pytest.approx(7.0 + CHILD_GRACE_S, abs=1.0)]
    worker.start_timeout = -CHILD_GRACE_S
    assert run_blocking(launcher.children.watch(child)) == ChildExit(None, late=True)
    assert len(given) == 1  # its time was over before
    theirs.close()
    ours.close()


def test_a_pipe_that_breaks_is_one_that_ends(worker: Worker):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=100.0)
    ours, theirs = socket.socketpair()
    launcher.processes.unsettled[1] = Process(None, ours, gone=4)
    ours.send(b"unread")
    theirs.close()  # a reset, since something was unread
    child = Child(1, Build("1.0.0", "app:app", sys.executable))
    assert run_blocking(launcher.children.watch(child)).code == 4


def test_an_ask_goes_where_the_worker_said_it_is_or_to_our_own_address(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    asked: list[tuple[str, int, float]] = []

    def connection(host: str, port: int, timeout: float) -> None:
        asked.append((host, port, timeout))
        raise DarkError

    monkeypatch.setattr(admin_call, "Connection", connection)
    missed = Reply(MISSED, "the worker is gone")
    assert admin_call.ask(worker, "restart", Target("i", "127.0.0.9", 9), []) == missed
    admin_call.ask(worker, "restart", Target("i", "", 0), [])
    limit = admin_call.ASK_TIMEOUT_S
    assert asked == [("127.0.0.9", 9, limit), (worker.host, worker.port, limit)]
