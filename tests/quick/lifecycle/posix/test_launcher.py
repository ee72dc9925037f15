"""A launcher's verbs on real sockets and processes: what each answer and each silence means."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.client.probe import UNPROVED
from incumbent.lifecycle.client.proof import ASK, keyed_hash
from incumbent.lifecycle.drivers.ports import (
    ACCEPTED,
    MISSED,
    REFUSED,
    UNANSWERED,
    Child,
    ChildExit,
    Reply,
    Target,
)
from incumbent.lifecycle.health import WORKER_LEAVING, WORKER_SERVING, Health
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.posix import admin_call, launched_children
from incumbent.lifecycle.posix.child_process import Process
from incumbent.lifecycle.posix.launcher import PosixLauncher, run_blocking
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker

from ....proving import NONCE, SECRET, keep_secret, proving
from ....world import eventually
from ..client.test_probe import answering, http, saying

SHORT_S = 0.05
NO_END_S = 30.0
PEERS_ANSWER = http(b'{"accepted": true}', "202 Accepted")
BUILD = Build("1.0.0", "app:app", sys.executable)


@pytest.fixture
def start_timeout() -> float:
    return SHORT_S


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHILD_GRACE_S", "MARGIN_S"):
        monkeypatch.setattr(launched_children, name, SHORT_S)


# To ask.


def waits(event: threading.Event) -> None:
    event.wait(NO_END_S)


def asked(worker: Worker, what: str = "restart") -> Reply:
    target = Target("that one", worker.host, worker.port)
    return run_blocking(PosixLauncher(worker, "spawner", "api").ask(what, target))


def answered(worker: Worker, status: str, **says: object) -> Reply:
    with answering(worker.port, proves(worker, saying(http(json.dumps(says).encode(), status)))):
        return asked(worker)


def proves(
    worker: Worker, then: Callable[[socket.socket], object]
) -> Callable[[socket.socket], object]:
    """Give a server that proves itself to be this worker, then does something else."""
    keep_secret(Path(worker.data_dir))
    return proving(b"{}", then)


def test_a_202_is_accepted(worker: Worker):
    assert answered(worker, "202 Accepted", accepted=True) == Reply(ACCEPTED)


def test_a_503_is_no_answer_and_no_refusal(worker: Worker):
    reply = answered(worker, "503 Service Unavailable", error="busy just now", code="busy")
    assert reply == Reply(UNANSWERED, "busy just now")


def test_silence_is_no_answer_and_no_refusal(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(admin_call, "ASK_TIMEOUT_S", SHORT_S)
    ended = threading.Event()
    with answering(worker.port, lambda _: waits(ended)):
        reply = asked(worker)
        ended.set()
    assert reply.kind == UNANSWERED


def test_a_connection_that_is_cut_is_no_answer_and_no_refusal(worker: Worker):
    with answering(worker.port, saying()):
        assert asked(worker).kind == UNANSWERED


def test_a_port_that_is_dark_by_now_was_missed(worker: Worker):
    assert asked(worker) == Reply(MISSED, "the worker is gone")


def test_another_instance_was_not_the_one_that_was_meant(worker: Worker):
    says = {"error": "another instance serves", "code": "another-instance"}
    assert answered(worker, "409 Conflict", **says) == Reply(MISSED, "another instance serves")


@pytest.mark.parametrize(
    ("status", "code"),
    [("409 Conflict", "starting"), ("401 Unauthorized", "unauthorized"), ("404 No", "not-found"),
     ("403 Forbidden", "another-instance")],
)  # fmt: skip
def test_every_other_answer_is_a_refusal_with_its_reason(worker: Worker, status: str, code: str):
    assert answered(worker, status, error="not so", code=code) == Reply(REFUSED, "not so")


@pytest.mark.parametrize("body", [b"", b"no", b"[1]", b"[" * 9000, b"{}"])
def test_a_refusal_without_a_reason_has_its_status(worker: Worker, body: bytes):
    with answering(worker.port, proves(worker, saying(http(body, "400 Bad Request")))):
        assert asked(worker) == Reply(REFUSED, "the worker answered 400 to the ask")


def test_what_does_not_speak_http_refuses(worker: Worker):
    with answering(worker.port, saying(b"+OK ready\r\n")):
        assert asked(worker).kind == REFUSED


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("restart", "/api/admin/restart"),
        ("recycle", "/api/admin/restart"),
        ("shutdown", "/api/admin/shutdown"),
    ],
)
def test_an_ask_names_what_it_wants_of_whom_and_proves_the_secret(
    worker: Worker, what: str, path: str
):
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(PEERS_ANSWER)

    with answering(worker.port, proves(worker, serve)):
        assert asked(worker, what).kind == ACCEPTED
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == f"POST {path} HTTP/1.1"
    address = f"127.0.0.1:{worker.port}".encode()
    proof = keyed_hash(SECRET, ASK, path.encode(), address, NONCE.encode(), body)
    assert f"Authorization: Incumbent {proof}" in lines
    assert json.loads(body) == {"instance": "that one", "why": what}


def test_who_does_not_prove_itself_is_asked_for_nothing(worker: Worker):
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(http(b'{"status": "ok"}'))
        while more := connection.recv(65536):
            heard.append(more)

    secret = keep_secret(Path(worker.data_dir)) and SECRET
    with answering(worker.port, serve):
        assert asked(worker) == Reply(REFUSED, UNPROVED)
    assert len(heard) == 1
    assert secret.encode() not in heard[0]


def test_a_connection_that_changed_hands_is_no_refusal(worker: Worker):
    reply = answered(worker, "401 Unauthorized", error="once more", code="prove-again")
    assert reply == Reply(UNANSWERED, "once more")


# To wait for a child.

STOPPED = "import os, signal; os.kill(os.getpid(), signal.SIGSTOP)"
MUTE_AND_STOPPED = f"import os, sys; os.close(int(sys.argv[1])); {STOPPED}"
UP_AND_WAITING = "import os, sys; os.write(int(sys.argv[1]), b'u'); sys.stdin.read()"
UP_AND_GONE = "import os, sys; os.write(int(sys.argv[1]), b'u')"
GONE = "import sys; print('no such marvel'); sys.exit(3)"


@contextlib.contextmanager
def child_of(launcher: PosixLauncher, code: str) -> Iterator[Child]:
    """Begin a process that reports over a pair; it is ended afterwards."""
    ours, theirs = socket.socketpair()
    early = launcher.worker.path("early.log")
    with open(early, "wb") as output:
        popen = subprocess.Popen(
            [sys.executable, "-S", "-c", code, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),), stdin=subprocess.PIPE, stdout=output,
        )  # fmt: skip
    theirs.close()
    launcher.processes.unsettled[popen.pid] = Process(popen, ours, early)
    try:
        yield Child(popen.pid, BUILD)
    finally:
        popen.kill()
        popen.communicate()
        ours.close()


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"


@pytest.fixture
def launcher(worker: Worker) -> PosixLauncher:
    return PosixLauncher(worker, "spawner", "api", timeout=NO_END_S)


@pytest.mark.parametrize("code", [STOPPED, MUTE_AND_STOPPED], ids=["pipe open", "pipe closed"])
def test_a_child_that_was_stopped_before_it_is_up_is_late(launcher: PosixLauncher, code: str):
    with child_of(launcher, code) as child:
        eventually(lambda: is_stopped(child.pid), "the child is stopped")
        assert run_blocking(launcher.children.watch(child)) == ChildExit(None, late=True)
        ended = run_blocking(launcher.children.kill(child))
        assert (ended.code, ended.late, ended.crashed) == (-signal.SIGKILL, True, False)
        assert child.pid not in launcher.processes.unsettled


def test_a_child_that_ends_before_it_is_up_tells_how(
    launcher: PosixLauncher, worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    worker.start_timeout = NO_END_S
    monkeypatch.setattr(launched_children, "MARGIN_S", NO_END_S)
    with child_of(launcher, GONE) as child:
        ended = run_blocking(launcher.children.watch(child))
    assert ended == ChildExit(3, last_output="no such marvel")
    with pytest.raises(KeyError):
        launcher.processes.process(child)


def report(worker: Worker, pid: int, state: str) -> bytes:
    said = Health(
        pid=pid, version="1.0.0", state=state, since=1.0, instance="i", service=worker.name,
        data_dir=worker.data_dir, port=worker.port, worker_path="/w", app="a:b",
    )  # fmt: skip
    return json.dumps(said.to_json()).encode()


def watched_up(launcher: PosixLauncher, code: str, pid: int, state: str) -> tuple[Child, ChildExit]:
    """Watch a child that says `up`, while the port says so (pid 0: of the child itself)."""
    launcher.worker.start_timeout = NO_END_S
    with child_of(launcher, code) as child:
        answer = report(launcher.worker, pid or child.pid, state)
        keep_secret(Path(launcher.worker.data_dir))
        with answering(launcher.worker.port, proving(answer)):
            return child, run_blocking(launcher.children.watch(child))


@pytest.mark.parametrize(
    ("state", "kind"),
    [(states.VERIFIED, WORKER_SERVING), (states.DRAINING, WORKER_LEAVING)],
    ids=["serving", "leaving already"],
)
def test_a_child_that_is_up_is_settled_by_its_own_answer(
    launcher: PosixLauncher, state: str, kind: str
):
    child, ended = watched_up(launcher, UP_AND_WAITING, 0, state)
    assert (ended.code, ended.up, ended.late) == (None, True, False)
    assert ended.seen is not None
    assert ended.seen.kind == kind
    assert ended.seen.health is not None
    assert ended.seen.health.pid == child.pid
    assert child.pid not in launcher.processes.unsettled


def test_a_child_that_was_up_is_settled_by_its_successors_answer(launcher: PosixLauncher):
    child, ended = watched_up(launcher, UP_AND_WAITING, os.getpid(), states.VERIFIED)
    assert (ended.code, ended.up, ended.seen) == (0, True, None)
    assert child.pid not in launcher.processes.unsettled


def test_a_child_that_was_up_and_is_gone_was_up(launcher: PosixLauncher, worker: Worker):
    worker.start_timeout = NO_END_S
    with child_of(launcher, UP_AND_GONE) as child:
        ended = run_blocking(launcher.children.watch(child))
    assert (ended.code, ended.up) == (0, True)


def test_a_child_that_is_up_and_never_answers_is_left_at_the_runs_deadline(
    worker: Worker,
):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=0.3)
    worker.start_timeout = NO_END_S
    with child_of(launcher, UP_AND_WAITING) as child:
        ended = run_blocking(launcher.children.watch(child))
        assert (ended.code, ended.up) == (0, True)
        os.kill(child.pid, 0)
    assert child.pid not in launcher.processes.unsettled


# To wait.


def test_a_pause_ends_with_the_run(worker: Worker):
    assert run_blocking(PosixLauncher(worker, "spawner", "api", timeout=0.0).pause()) is False
    assert run_blocking(PosixLauncher(worker, "spawner", "api", timeout=NO_END_S).pause()) is True


def test_whoever_watches_is_called_at_each_pause(worker: Worker):
    calls: list[int] = []
    launcher = PosixLauncher(
        worker, "spawner", "api", timeout=NO_END_S, watching=lambda: calls.append(1)
    )
    for _ in range(3):
        run_blocking(launcher.pause())
    assert len(calls) == 3
