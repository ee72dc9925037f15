"""Whom a forced run may end: by the kernel's word, and only whom it judged."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle.drivers.ports import KILLED, NOT_PROVED
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.lock.serve_lock import ServeLock
from incumbent.lifecycle.posix import hung
from incumbent.lifecycle.posix.hung import HungWorker, incumbent_of
from incumbent.lifecycle.settings import Worker

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells on Linux only")

# Accepts, never answers; holds the lock on a file, writes its stacks, if it is told where.
SILENT = """
import faulthandler, signal, socket, sys
from incumbent.lifecycle.lock.serve_lock import ServeLock
port, path, log = sys.argv[1:]
if log:
    faulthandler.register(signal.SIGQUIT, file=open(log, "w"), all_threads=True)
lock = ServeLock(path)
assert not path or lock.take()
listener = socket.create_server(("127.0.0.1", int(port)))
print("listens", flush=True)
sys.stdin.read()
"""

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin(worker: Worker) -> Iterator[Begin]:
    begun = []

    def one(lock: bool = True, log: str = "", port: int = 0) -> Any:
        path = worker.path("serve.lock") if lock else ""
        process = subprocess.Popen(
            [sys.executable, "-c", SILENT, str(port or worker.port), path, log],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "listens\n"
        return process

    yield one
    for process in begun:
        process.kill()
        process.communicate()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hung, "PROBE_TIMEOUT_S", 0.05)


def test_who_has_the_lock_and_listens_is_the_worker(worker: Worker, begin: Begin):
    process = begin()
    found = incumbent_of(worker)
    assert found is not None
    assert found.pid == process.pid


@pytest.mark.parametrize("lacks", ["lock", "port"])
def test_who_lacks_one_of_both_is_not(worker: Worker, begin: Begin, lacks):
    if lacks == "lock":
        begin(lock=False)
    else:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        begin(port=port)
    assert incumbent_of(worker) is None


def test_the_process_that_asks_is_never_the_one(worker: Worker):
    lock = ServeLock(worker.path("serve.lock"))
    assert lock.take()
    with socket.create_server(("127.0.0.1", worker.port)):
        assert incumbent_of(worker) is None
    lock.release()


def test_a_worker_that_hangs_is_ended_after_its_stacks(worker: Worker, begin: Begin):
    (Path(worker.data_dir) / "logs").mkdir()
    log = worker.path("logs", "worker.log")
    process = begin(log=log)
    silent = HungWorker(worker)
    assert not silent.note()
    assert silent.note()
    end = silent.end()
    assert end.event == KILLED, end
    assert end.reason.endswith(f"its stacks are in {log}")
    assert process.wait() == -signal.SIGKILL
    assert "most recent call first" in Path(log).read_text()


def test_a_process_that_knows_no_stacks_is_not_asked_for_them(worker: Worker, begin: Begin):
    process = begin()
    silent = HungWorker(worker)
    silent.note()
    assert silent.end().event == KILLED
    assert process.wait() == -signal.SIGKILL


def test_another_worker_than_the_one_that_was_judged_is_spared(worker: Worker, begin: Begin):
    first = begin()
    silent = HungWorker(worker)
    silent.note()
    first.kill()
    first.wait()
    second = begin()
    assert silent.end().event == NOT_PROVED
    assert second.poll() is None
    assert not silent.note()
    assert silent.end().event == KILLED


def test_nobody_is_ended_before_somebody_was_noted(worker: Worker, begin: Begin):
    process = begin()
    assert HungWorker(worker).end().event == NOT_PROVED
    assert process.poll() is None


def test_a_process_is_stopped_when_two_looks_say_so(worker: Worker, begin: Begin):
    process = begin()
    silent = HungWorker(worker)
    silent.note()
    assert not silent.is_stopped()
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert not silent.is_stopped()
    assert silent.is_stopped()
    silent.forget()
    assert not silent.is_known
    assert not silent.is_stopped()


def test_a_worker_that_answers_again_is_spared(worker: Worker, begin: Begin, monkeypatch):
    process = begin()
    silent = HungWorker(worker)
    silent.note()
    monkeypatch.setattr(hung, "probe", lambda *_: ProbeResult("serving"))
    end = silent.end()
    assert (end.event, end.reason) == (NOT_PROVED, f"the worker {process.pid} answers")
    assert process.poll() is None
