"""`status` tells apart whatever may be on the port."""

import http.client
import os
import signal
import socket
import threading
import time

import pytest

from ..world import World, eventually

pytestmark = pytest.mark.process

TELLS_WITHIN_S = 3.0


def told(world: World, app) -> tuple[int, str]:
    began = time.monotonic()
    done = world.command(app, "status")
    assert time.monotonic() - began < TELLS_WITHIN_S
    return done.returncode, done.stdout


def test_nobody_is_told_as_not_running(world: World):
    code, text = told(world, world.app("1.0.0"))
    assert code == 3
    assert "not running" in text


def test_a_healthy_worker_is_told_as_running(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    code, text = told(world, app)
    assert code == 0
    for fact in (str(pid), "1.0.0", "uptime", "workerPath"):
        assert fact in text


@pytest.mark.parametrize("flaw", ["never ready", "hangs at import"])
def test_a_worker_that_is_not_up_yet_is_told_as_starting(world: World, flaw):
    world.settings["INCUMBENT_START_TIMEOUT"] = "4"
    app = world.app("1.0.0", flaw)
    launcher = world.begin(app, "ensure")
    eventually(lambda: world.events("pid_written"), "the worker listens")
    code, text = told(world, app)
    assert code == 4
    assert "starting" in text
    assert world.end(launcher).code == 1


def test_a_hung_worker_is_told_as_silent(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        code, text = told(world, app)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert code == 4
    assert "does not answer" in text


def test_a_silent_listener_is_told_as_silent(world: World):
    with socket.socket() as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        silent.bind(("127.0.0.1", world.port))
        silent.listen()
        code, text = told(world, world.app("1.0.0"))
    assert code == 4
    assert "does not answer" in text


@pytest.mark.parametrize(
    "says", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"SSH-2.0-x\r\n"]
)
def test_a_foreign_program_is_told_as_foreign(world: World, says):
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", world.port))
        foreign.listen()

        def answer() -> None:
            connection, _ = foreign.accept()
            connection.recv(4096)
            connection.sendall(says)
            connection.close()

        answering = threading.Thread(target=answer)
        answering.start()
        code, text = told(world, world.app("1.0.0"))
        answering.join()
    assert code == 4
    assert "is held by" in text


def asked(world: World, path: str, host: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=TELLS_WITHIN_S)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("flaw", ["never ready", "hangs at import"])
def test_a_worker_that_is_not_up_yet_is_not_ready_and_lets_no_foreign_name_in(world: World, flaw):
    world.settings["INCUMBENT_START_TIMEOUT"] = "4"
    launcher = world.begin(world.app("1.0.0", flaw), "ensure")
    eventually(lambda: world.seen().kind == "starting", "the worker listens")
    assert asked(world, "/api/health")[0] == 200
    assert asked(world, "/api/readiness")[0] == 503
    for path in ("/api/health", "/api/readiness"):
        code, text = asked(world, path, "evil.example")
        assert code == 403
        assert "loopback" in text
        assert "pid" not in text
    assert world.end(launcher).code == 1
