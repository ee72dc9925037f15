"""What a worker's port promises its driver: the fence, its own files, children that say nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import Child, ChildExit
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.posix.child_process import Process
from incumbent.lifecycle.posix.secret import admin_token, token_now
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker
from incumbent.server import successor as module
from incumbent.server.worker import PosixWorker

from ...world import eventually
from .test_worker import holder, listened, port_of

SHORT_S = 0.05
STOPPED = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
MUTE_AND_STOPPED = f"import os, sys; os.close(int(sys.argv[1])); {STOPPED}"
UP = "import os, sys; os.write(int(sys.argv[1]), b'u'); sys.stdin.read()"
READY = "import os, sys; os.write(int(sys.argv[1]), b'r'); sys.stdin.read()"


@pytest.fixture
def start_timeout() -> float:
    return SHORT_S


# The port.


def test_the_guard_is_held_until_the_worker_listens(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    parent = holder(worker)
    child = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    held: list[tuple[str, bool]] = []

    class Watched(socket.socket):
        def bind(self, address: object) -> None:
            held.append(("bind", is_held()))
            super().bind(address)  # type: ignore[arg-type]  # as it was given

        def listen(self, *backlog: int) -> None:
            held.append(("listen", is_held()))
            super().listen(*backlog)

    def is_held() -> bool:
        guard = Guard(worker.path("spawn.lock.guard"))
        free = guard.take(wait=False)
        guard.give_back()
        return not free

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Watched)
        event = listened(child).event
    assert not is_held()
    asyncio.run(child.address.close())
    asyncio.run(parent.lock.release())
    assert event == "listen_ok"
    assert held == [("bind", True), ("listen", True)]


def test_a_worker_that_does_not_get_the_port_gives_the_guard_back(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    parent = holder(worker)
    child = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    with socket.create_server((worker.host, worker.port)):
        assert listened(child).event == "listen_lost"
    guard = Guard(worker.path("spawn.lock.guard"))
    assert guard.take(wait=False)
    guard.give_back()
    asyncio.run(child.address.close())
    asyncio.run(parent.lock.release())


# Its own files.


@pytest.fixture
def one(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> PosixWorker:
    return port_of(worker, monkeypatch)


def test_the_pid_file_of_this_process_is_removed(one: PosixWorker, worker: Worker):
    asyncio.run(one.address.write_pid())
    assert Path(worker.path("worker.pid")).exists()
    asyncio.run(one.address.remove_pid())
    asyncio.run(one.parent.say_ready())  # which calls the watchdog off
    assert not Path(worker.path("worker.pid")).exists()


@pytest.mark.parametrize(
    "content",
    [b'{"pid": %d}' % (os.getpid() + 1), b'{"pid": 1}', b"{}", b"[]", b"{", b"", b"\xff"],
    ids=["next", "init", "object", "list", "torn", "empty", "no text"],
)
def test_a_pid_file_that_is_not_ours_stays(one: PosixWorker, worker: Worker, content: bytes):
    path = Path(worker.path("worker.pid"))
    path.write_bytes(content)
    asyncio.run(one.address.remove_pid())
    assert path.read_bytes() == content


def test_without_a_pid_file_there_is_nothing_to_remove(one: PosixWorker, worker: Worker):
    asyncio.run(one.address.remove_pid())
    assert not Path(worker.path("worker.pid")).exists()


def test_a_secret_that_was_renewed_is_the_one_that_counts(one: PosixWorker, worker: Worker):
    first = admin_token(worker.path("token"), [])
    one.report.learn_token([])
    os.unlink(worker.path("token"))
    assert token_now(worker.path("token")) == ""
    assert one.report.token == first
    second = admin_token(worker.path("token"), [])
    assert one.report.token == second != first


@pytest.mark.parametrize("content", [b"", b"\n", b"ab\n", b"\xff" * 64])
def test_a_secret_that_was_emptied_is_none(one: PosixWorker, worker: Worker, content: bytes):
    first = admin_token(worker.path("token"), [])
    one.report.learn_token([])
    Path(worker.path("token")).write_bytes(content)
    assert token_now(worker.path("token")) == ""
    assert one.report.token == first
    assert Path(worker.path("token")).read_bytes() == content


# Children.


@contextlib.contextmanager
def child_of(one: PosixWorker, code: str) -> Iterator[Child]:
    """Begin a process that reports over a pair; it is ended afterwards."""
    ours, theirs = socket.socketpair()
    popen = subprocess.Popen(
        [sys.executable, "-S", "-c", code, str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
        stdin=subprocess.PIPE,
    )
    theirs.close()
    one.processes.unsettled[popen.pid] = Process(popen, ours, os.devnull)
    try:
        yield Child(popen.pid, Build("1.0.0", "app:app", sys.executable))
    finally:
        popen.kill()
        popen.communicate()
        ours.close()


@pytest.mark.parametrize("code", [STOPPED, MUTE_AND_STOPPED], ids=["pipe open", "pipe closed"])
@pytest.mark.parametrize("verb", ["watch", "warm_up"])
def test_a_successor_that_was_stopped_is_late(
    one: PosixWorker, monkeypatch: pytest.MonkeyPatch, code: str, verb: str
):
    monkeypatch.setattr(module, "CHILD_GRACE_S", SHORT_S)
    monkeypatch.setattr(module, "MARGIN_S", SHORT_S)
    with child_of(one, code) as child:
        stat = Path(f"/proc/{child.pid}/stat")
        eventually(lambda: b") T " in stat.read_bytes(), "the child is stopped")
        ended = asyncio.run(getattr(one.children, verb)(child))
        assert ended == ChildExit(None, late=True)
        assert asyncio.run(one.children.kill(child)).code == -signal.SIGKILL
        assert one.processes.unsettled == {}


@pytest.mark.parametrize("verb", ["watch", "warm_up"])
def test_a_successor_that_ends_tells_how(one: PosixWorker, verb: str):
    one.worker.start_timeout = 30.0
    with child_of(one, "raise SystemExit(3)") as child:
        ended = asyncio.run(getattr(one.children, verb)(child))
    assert (ended.code, ended.up, ended.ready, ended.late) == (3, False, False, False)
    assert one.processes.unsettled == {}


def test_a_successor_that_is_up_is_let_go(one: PosixWorker):
    one.worker.start_timeout = 30.0
    with child_of(one, UP) as child:
        assert asyncio.run(one.children.watch(child)) == ChildExit(None, up=True)
        os.kill(child.pid, 0)
    assert one.processes.unsettled == {}


def test_a_standby_that_is_ready_is_kept(one: PosixWorker):
    one.worker.start_timeout = 30.0
    with child_of(one, READY) as child:
        assert asyncio.run(one.children.warm_up(child)) == ChildExit(None, ready=True)
        assert list(one.processes.unsettled) == [child.pid]
        one.processes.unsettled.clear()
