"""What a launch takes, passes on, settles for: each by its own small promise."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle import health as h
from incumbent.lifecycle.client import pid_file_watch
from incumbent.lifecycle.drivers.ports import Child, ChildExit
from incumbent.lifecycle.health import Health, ProbeResult
from incumbent.lifecycle.machine.tables import Row
from incumbent.lifecycle.posix.child_environment import SPAWN_VARIABLES, environment_of
from incumbent.lifecycle.posix.child_process import Process, spawn, strategies
from incumbent.lifecycle.posix.child_processes import ChildProcesses
from incumbent.lifecycle.posix.fingerprint import fingerprint
from incumbent.lifecycle.posix.launched_children import LaunchedChildren
from incumbent.lifecycle.posix.launcher import PosixLauncher, run_blocking
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.posix.presence import why_gone
from incumbent.lifecycle.posix.registration import Registration
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker

from ....isolation import Sandbox

BUILD = Build("1.0.0", "app:app", sys.executable)
CHILD = Child(1, BUILD)


class Case:
    """A child that is up, what the port says time after time, how long its parent may wait."""

    def __init__(self, worker: Worker, says: list[ProbeResult], pauses: int = 100) -> None:
        self.ours, self.theirs = socket.socketpair()
        processes = ChildProcesses(worker, "api", SpawnLockHold(worker, []))
        self.process = processes.unsettled[1] = Waited(self.ours)
        self.processes, self._says, self._pauses = processes, says, pauses
        self.children = LaunchedChildren(worker, processes, self.probe, self.pause)

    async def probe(self) -> ProbeResult:
        return self._says.pop(0) if len(self._says) > 1 else self._says[0]

    async def pause(self) -> bool:
        self._pauses -= 1
        return self._pauses >= 0

    def watched(self) -> ChildExit:
        self.theirs.send(b"u")
        try:
            return run_blocking(self.children.watch(CHILD))
        finally:
            self.ours.close()
            self.theirs.close()


class Waited(Process):
    """A process that ends when it has been asked for its end so often."""

    def __init__(self, pipe: socket.socket) -> None:
        super().__init__(None, pipe)
        self.looks, self.ends_after = 0, 10**9

    def reap(self, timeout: float) -> int | None:
        assert timeout == 0, "it waits for a child that lives"
        self.looks += 1
        return 5 if self.looks >= self.ends_after else None


def said(kind: str, pid: int = 1) -> ProbeResult:
    health = Health(
        pid=pid, version="1.0.0", state="verified", since=1.0, instance="i", service="s",
        data_dir="/d", port=1, worker_path="/w", app="a:b",
    )  # fmt: skip
    return ProbeResult(kind, health)


@pytest.mark.parametrize(
    "not_yet",
    [said(h.WORKER_STARTING), said(h.FOREIGN), ProbeResult(h.DARK), ProbeResult(h.SILENT),
     ProbeResult(h.WORKER_SERVING)],
)  # fmt: skip
def test_a_child_that_is_up_is_waited_for_until_it_serves(worker: Worker, not_yet: ProbeResult):
    case = Case(worker, [not_yet, not_yet, not_yet, said(h.WORKER_SERVING)])
    end = case.watched()
    assert end.seen is not None
    assert (end.up, end.seen.kind, case.process.looks) == (True, h.WORKER_SERVING, 3)
    assert case.processes.unsettled == {}


def test_a_child_that_is_up_and_ends_before_it_serves_was_up(worker: Worker):
    case = Case(worker, [ProbeResult(h.DARK)])
    case.process.ends_after = 4
    end = case.watched()
    assert (end.code, end.up, end.late) == (5, True, False)
    assert case.process.looks == 4


def test_a_child_that_never_serves_is_let_go_when_the_run_is_over(worker: Worker):
    case = Case(worker, [ProbeResult(h.DARK)], pauses=3)
    assert case.watched() == ChildExit(0, up=True)
    assert case.process.looks == 4
    assert case.processes.unsettled == {}
    assert case.process.pipe.fileno() == -1


def test_a_child_whose_time_is_short_has_what_is_left_of_it(worker: Worker):
    worker.start_timeout = -0.5  # a half of the grace
    case = Case(worker, [said(h.WORKER_SERVING)])
    assert case.watched().up


def test_an_end_closes_the_pipe(worker: Worker):
    case = Case(worker, [ProbeResult(h.DARK)])
    assert case.processes.ended(CHILD, 3) == ChildExit(3)
    assert case.process.pipe.fileno() == -1
    case.theirs.close()


def test_a_data_dir_that_others_may_write_is_named_and_nothing_is_launched(worker: Worker):
    os.mkdir(worker.path("logs"), 0o700)
    os.chmod(worker.data_dir, 0o777)
    process = spawn(worker, BUILD, "token", "api", False, {})
    assert process.pid == 0
    assert f"can't use {worker.data_dir}: " in process.last_output(os.devnull)
    process.pipe.close()
    os.chmod(worker.data_dir, 0o700)


@pytest.mark.parametrize("name", SPAWN_VARIABLES)
def test_what_a_parent_passes_is_never_registered(sandbox: Sandbox, data_dir: Path, name: str):
    its = Worker(
        environ=sandbox.environment() | {name: "x", "MINE": "y"}, data_dir=str(data_dir),
        port=sandbox.port, pass_env=["INCUMBENT_*", "MINE"],
    )  # fmt: skip
    found = dict(environment_of(its))
    assert name not in found
    assert found["MINE"] == "y"


def test_a_file_that_is_gone_meanwhile_hides_no_change_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "marvel"
    folder.mkdir()
    for name in ("__init__.py", "zebra.py"):
        (folder / name).write_text("1\n")
    (folder / "gone.py").symlink_to("nowhere")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = fingerprint("marvel:app", "python")
    (folder / "zebra.py").write_text("22\n")
    assert fingerprint("marvel:app", "python") != before


# A record whose file is there and can't be read.


@pytest.fixture
def unreadable(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the path of a record that no descriptor is to be had for."""
    path = worker.path("launch.json")
    Path(path).write_text("{}")
    opened = os.open

    def no_more(name: str, *more: int, **other: int) -> int:
        if str(name) == path:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return opened(name, *more, **other)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_more)
        yield path


def test_a_record_that_cannot_be_read_ends_no_run(worker: Worker, unreadable: str):
    launcher = PosixLauncher(worker, "spawner", "api")
    assert run_blocking(launcher.store.record()) is None
    assert run_blocking(launcher.store.candidates()) == ()
    assert run_blocking(launcher.store.number_launch()) is None
    assert launcher.registration.give_way() is False
    assert launcher.registration.fell_back() is False
    assert launcher.registration.why_older("0.9", "1.0.0") == []
    assert run_blocking(launcher.lock.acquire()).event == "lock_acquired"
    assert run_blocking(launcher.store.mark_good(BUILD)) is False
    run_blocking(launcher.lock.release())
    assert len(launcher.notices) == 2  # of the number, of what was good
    assert all(f"{unreadable}: Too many open files" in notice for notice in launcher.notices)


# A run as it begins.


def test_nobody_typed_for_a_run_that_does_not_say_so(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    given: list[object] = []
    monkeypatch.setattr(Registration, "register", lambda _, *said: given.extend(said))
    run_blocking(PosixLauncher(worker, "spawner", "api").begin(restart=False))
    assert given == [False, False, None]


def test_a_worker_that_names_itself_ends_a_pause(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    slept: list[float] = []
    monkeypatch.setattr(pid_file_watch, "sleep", slept.append)
    launcher = PosixLauncher(worker, "spawner", "api", timeout=60.0)
    Path(worker.path("worker.pid")).write_text("{}")
    assert run_blocking(launcher.pause()) is True
    assert slept == []


def test_a_run_is_traced_as_the_machine_that_it_is(worker: Worker):
    launcher = PosixLauncher(worker, "stop", "hook")
    assert launcher.run != PosixLauncher(worker, "stop", "hook").run
    run_blocking(launcher.note(Row("on", "probing", "asking"), ""))
    said = json.loads(Path(worker.path("trace.jsonl")).read_text())
    assert (said["machine"], said["run"], said["origin"]) == ("stop", launcher.run, "hook")


def test_the_own_build_is_what_the_settings_name(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "marvel.py").write_text("app = print\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    worker.app, worker.version = "marvel:app", "3.0"
    its = own_build(worker)
    assert (its.version, its.app, its.python) == ("3.0", "marvel:app", worker.python)
    assert its.environment == environment_of(worker)
    assert its.fingerprint == fingerprint("marvel:app", worker.python)
    assert its.fingerprint != fingerprint("no_such_marvel:app", worker.python)
    assert its.strategies == strategies()
    assert its.registered_by == f"pid {os.getpid()}"
    assert time.strptime(its.registered_at, "%Y-%m-%dT%H:%M:%SZ").tm_year >= 2026


def test_a_build_is_asked_as_it_would_be_launched(worker: Worker, tmp_path: Path):
    program = tmp_path / "python"
    program.write_text(
        f'#!/bin/sh\npwd > {tmp_path}/told; printf "%s\\n" "$@" >> {tmp_path}/told\n'
    )
    program.chmod(0o755)
    assert why_gone(worker, BUILD._replace(python=str(program))) == ""
    lines = (tmp_path / "told").read_text().splitlines()
    assert lines[:4] == [os.sep, "-P", "-B", "-c"]
    assert lines[-2:] == ["app:app", "1.0.0"]


@pytest.mark.parametrize(
    ("number", "blamed"), [(errno.ENOENT, True), (errno.EAGAIN, False), (errno.ENOMEM, False)]
)
def test_a_build_is_gone_only_where_its_program_cannot_be_run(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, number: int, blamed: bool
):
    def none(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(subprocess, "run", none)
    why = f"can't run {sys.executable}: {os.strerror(number)}" if blamed else ""
    assert why_gone(worker, BUILD) == why


def test_an_import_path_of_ones_own_comes_behind_that_of_the_environment(worker: Worker):
    worker.environ = {"PYTHONPATH": "/given"}
    found = dict(environment_of(worker, ["/carried", "/given"]))
    assert found["PYTHONPATH"] == f"/given{os.pathsep}/carried"
    worker.environ = {}
    assert dict(environment_of(worker, ["/carried"]))["PYTHONPATH"] == "/carried"
    assert "PYTHONPATH" not in dict(environment_of(worker))
