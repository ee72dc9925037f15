"""What the drivers take for granted of their system, on real sockets, files, processes."""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from incumbent.lifecycle.drivers.ports import EXIT_LATE, Child, StepResult
from incumbent.lifecycle.posix import child_environment
from incumbent.lifecycle.posix.child_process import Process
from incumbent.lifecycle.posix.launcher import PosixLauncher
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.record_format import decoded
from incumbent.lifecycle.settings import Worker
from incumbent.server.process import socket_passing
from incumbent.server.process.hang_watch import HangWatch
from incumbent.server.process.logs import Output
from incumbent.server.process.service_manager import Manager
from incumbent.server.process.spawn_context import SpawnContext
from incumbent.server.worker import PosixWorker

BUDGET_S = 0.2
BY_THEN_S = 20.0


def port_of(worker: Worker, monkeypatch: pytest.MonkeyPatch, **passed: str) -> PosixWorker:
    """Give a worker's port with what its parent passed to it."""
    for name, text in passed.items():
        monkeypatch.setenv(getattr(child_environment, f"{name}_VARIABLE"), text)
    context = SpawnContext(by_hand=False)
    output = Output(worker.path("logs", "worker.log"), context.early, worker.log_level)
    watch = HangWatch(0, worker.start_timeout, worker.drain_timeout)
    return PosixWorker(worker, context, output, Manager({}, by_hand=False), watch)


def holder(worker: Worker) -> PosixLauncher:
    """Give somebody who holds the lock."""
    held = PosixLauncher(worker, "spawner", "api")
    assert asyncio.run(held.lock.acquire()).event == "lock_acquired"
    return held


def listened(one: PosixWorker) -> StepResult:
    return asyncio.run(one.address.listen())


def is_dark(worker: Worker) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex((worker.host, worker.port)) != 0


def test_only_one_of_two_that_bound_the_port_has_it(worker, monkeypatch):
    parent = holder(worker)
    first = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    second = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    events = [listened(first).event, listened(second).event]
    for one in (first, second):
        asyncio.run(one.address.close())
    asyncio.run(parent.lock.release())
    assert events == ["listen_ok", "listen_lost"]


def test_a_child_whose_token_is_gone_does_not_listen(worker, monkeypatch):
    parent = holder(worker)
    child = port_of(worker, monkeypatch, TOKEN="the token of somebody before")
    step = listened(child)
    assert is_dark(worker)
    asyncio.run(child.address.close())
    asyncio.run(parent.lock.release())
    assert step.event == "token_gone"


def test_a_successor_serves_from_the_moment_it_has_the_socket(worker, monkeypatch):
    ours, theirs = socket.socketpair()
    child = port_of(worker, monkeypatch, PIPE=str(theirs.detach()), ROLE="standby")
    before = time.monotonic()
    with socket.create_server((worker.host, worker.port)) as listener, ours:
        assert socket_passing.send(ours, listener, [])
        assert asyncio.run(child.parent.await_socket()).event == "socket_received"
        assert child.report.health().since >= before
        asyncio.run(child.address.close())
    child.parent.hang_up()


def test_a_build_of_another_version_than_expected_is_not_started(
    worker, monkeypatch, sandbox, capsys
):
    folder = sandbox.root / "mislabelled"
    folder.mkdir()
    (folder / "mislabelled_app.py").write_text("__version__ = '1.0.0'\nasync def app(*_): ...\n")
    monkeypatch.syspath_prepend(str(folder))
    worker.app = "mislabelled_app:app"
    step = asyncio.run(port_of(worker, monkeypatch, EXPECT="2.0.0").app.load())
    sys.modules.pop("mislabelled_app")
    assert step.event == "wrong_version"
    assert "1.0.0" in step.reason
    assert "2.0.0" in capsys.readouterr().err


WATCHED = f"""
import sys, time
from incumbent.server.process.watchdog import Watchdog
Watchdog({BUDGET_S}, lambda: print("last act", flush=True)).start()
time.sleep({BY_THEN_S})
sys.exit(0)
"""


def test_a_worker_that_is_not_up_in_time_ends_itself():
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True, check=False
    )
    assert done.returncode == EXIT_LATE
    assert done.stdout == "last act\n"


CHILD = """
import os, socket, sys, time
socket.socket(fileno=int(sys.argv[1])).send(b"u")
print("said", flush=True)
sys.stdin.read()
"""


def test_a_killed_child_that_was_up_was_up():
    ours, theirs = socket.socketpair()
    popen: Any = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    theirs.close()
    assert popen.stdout.readline() == b"said\n"
    process = Process(popen, ours, os.devnull, "")
    assert not process.up
    assert process.kill() < 0
    assert process.up
    for pipe in (popen.stdin, popen.stdout, ours):
        pipe.close()


def test_a_robbed_holder_does_not_change_the_record(worker):
    robbed = holder(worker)
    lock = Path(worker.path("spawn.lock"))
    lock.write_bytes(lock.read_bytes().replace(robbed.lock.token.encode(), b"the thief's token"))
    build = Build("1.0.0", "app:app", sys.executable)
    assert asyncio.run(robbed.store.mark_good(build)) is False
    assert not Path(worker.path("launch.json")).exists()
    asyncio.run(robbed.lock.release())


def test_a_holder_changes_the_record(worker):
    its = holder(worker)
    build = Build("1.0.0", "app:app", sys.executable)
    assert asyncio.run(its.store.mark_good(build)) is True
    record = decoded(Path(worker.path("launch.json")).read_bytes(), worker.name)
    assert record.good == build
    asyncio.run(its.lock.release())


def passing(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> tuple[PosixWorker, socket.socket]:
    """Give an port_of that listens, and its end of a pair to a successor."""
    parent = holder(worker)
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "listen_ok"
    asyncio.run(parent.lock.release())
    ours, theirs = socket.socketpair()
    one.processes.unsettled[1] = Process(None, ours)
    one.app.hosted_app = SimpleNamespace(connections=SimpleNamespace(kept=[], leave=lambda: None))
    return one, theirs


def test_whoever_has_passed_the_socket_on_only_closes_its_copy(worker, monkeypatch):
    one, theirs = passing(worker, monkeypatch)
    assert asyncio.run(
        one.children.pass_socket(Child(1, Build("1.0.0", "app:app", sys.executable)))
    )
    received = socket_passing.receive(theirs)
    asyncio.run(one.address.close())
    assert received is not None
    assert not is_dark(worker)
    for each in (received.listener, theirs, one.processes.unsettled.pop(1).pipe):
        each.close()


def test_whoever_has_not_passed_the_socket_on_frees_the_port_of_strays_too(worker, monkeypatch):
    one, theirs = passing(worker, monkeypatch)
    assert one.address.listener is not None
    stray = one.address.listener.dup()
    asyncio.run(one.address.close())
    assert is_dark(worker)
    for each in (stray, theirs, one.processes.unsettled.pop(1).pipe):
        each.close()


def test_a_successor_that_fails_leaves_the_socket_to_its_predecessor(worker, monkeypatch):
    ours, theirs = socket.socketpair()
    child = port_of(worker, monkeypatch, PIPE=str(theirs.detach()), ROLE="standby")
    with socket.create_server((worker.host, worker.port)) as listener, ours:
        assert socket_passing.send(ours, listener, [])
        assert asyncio.run(child.parent.await_socket()).event == "socket_received"
        asyncio.run(child.address.close())
        assert not is_dark(worker)
    child.parent.hang_up()


def test_a_successor_learns_that_a_service_manager_shares_the_socket(worker, monkeypatch):
    ours, theirs = socket.socketpair()
    child = port_of(worker, monkeypatch, PIPE=str(theirs.detach()), ROLE="standby")
    with socket.create_server((worker.host, worker.port)) as listener, ours:
        assert socket_passing.send(ours, listener, [], shared=True)
        assert asyncio.run(child.parent.await_socket()).event == "socket_received"
        asyncio.run(child.parent.say_up())
        asyncio.run(child.address.close())
        assert not is_dark(worker)
    child.parent.hang_up()


def test_a_baton_for_which_there_is_no_descriptor_is_not_taken(worker):
    ours, theirs = socket.socketpair()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.create_server((worker.host, worker.port)) as listener, ours, theirs:
        assert socket_passing.send(ours, listener, [])
        free = os.dup(0)  # the lowest number that is free, so the first that is not allowed
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
        try:
            received = socket_passing.receive(theirs)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert received is None
        assert not is_dark(worker)
