"""The import responder tells how the worker is, whoever connects."""

import contextlib
import json
import os
import signal
import socket
import struct
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from incumbent.lifecycle.client.http import Connection
from incumbent.lifecycle.client.proof import ask_for_proof
from incumbent.server.http import import_responder as module
from incumbent.server.http.import_responder import PATIENCE_S, ImportResponder

from ....proving import SECRET
from ....world import eventually

LIMIT_S = 10.0
HOSTS = frozenset({b"localhost"})
HEALTH = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
READINESS = b"GET /api/readiness HTTP/1.1\r\nHost: LOCALHOST\r\n\r\n"


PUBLIC = {
    "status": "starting", "state": "idle/starting", "service": "mine", "version": "1.0.0",
    "pid": 1, "generation": 3, "uptime": 0.1, "ready": False,
}  # fmt: skip
REPORT = PUBLIC | {"dataDir": "/home/me/data"}


@pytest.fixture
def listener(sandbox) -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", sandbox.port)) as listening:
        yield listening


@pytest.fixture
def responder(listener) -> Iterator[ImportResponder]:
    hosts = HOSTS | {b"127.0.0.1:%d" % listener.getsockname()[1]}
    responder = ImportResponder(
        listener,
        hosts,
        lambda: REPORT,
        lambda: SECRET,
    )
    responder.start()
    yield responder
    for connection in responder.stop():
        connection.close()


def visitor(listener: socket.socket, says: bytes) -> socket.socket:
    connection = socket.create_connection(listener.getsockname(), LIMIT_S)
    connection.sendall(says)
    return connection


def answer(listener: socket.socket, says: bytes) -> tuple[int, dict[str, Any]]:
    with visitor(listener, says) as connection:
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.mark.usefixtures("responder")
def test_health_is_told(listener):
    assert answer(listener, HEALTH) == (200, PUBLIC)


@pytest.mark.usefixtures("responder")
def test_health_is_proved_to_one_of_ours(listener):
    port = listener.getsockname()[1]
    connection = Connection("127.0.0.1", port, LIMIT_S)
    try:
        proof = ask_for_proof(connection, SECRET)
    finally:
        connection.close()
    assert (proof.status, json.loads(proof.body)) == (200, REPORT)
    assert proof.nonce


@pytest.mark.usefixtures("responder")
def test_nobody_is_told_that_the_worker_is_ready(listener):
    assert answer(listener, READINESS) == (503, {"ready": False, "state": "idle/starting"})


@pytest.mark.usefixtures("responder")
@pytest.mark.parametrize("asks", [HEALTH, READINESS])
@pytest.mark.parametrize(
    "head",
    [
        b"Host: evil.example\r\n",
        b"",
        b"Host: localhost\r\nHost: localhost\r\n",
        b"Host : localhost\r\n",
        b"Host: localhost\r\norigin: http://evil.example\r\n",
        b"Host: localhost\r\nSEC-FETCH-SITE: same-site\r\n",
    ],
)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_a_foreign_page_is_told_nothing(listener, asks, head, version):
    first = asks.partition(b"\r\n")[0].removesuffix(b"1.1") + version
    status, said = answer(listener, first + b"\r\n" + head + b"\r\n")
    assert status == 403
    assert set(said) == {"error", "code"}


@pytest.mark.usefixtures("responder")
def test_a_program_that_says_it_was_begun_by_hand_is_told(listener):
    asks = HEALTH.replace(b"\r\n\r\n", b"\r\nSec-Fetch-Site: none\r\n\r\n")
    assert answer(listener, asks)[0] == 200


def test_every_other_visitor_is_set_aside_unheard(listener):
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    with visitor(listener, b"GET /mine HTTP/1.1\r\n"), visitor(listener, b""):
        eventually(lambda: len(responder.aside) == 2, "both are set aside")
        aside = responder.stop()
        heard = aside[0].recv(100)
    assert heard == b"GET /mine HTTP/1.1\r\n"
    for connection in aside:
        connection.close()


def test_a_visitor_who_speaks_in_a_trickle_holds_nobody_up(listener):
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    trickling = threading.Event()

    def trickle(connection: socket.socket) -> None:
        try:
            while not trickling.wait(PATIENCE_S / 10):
                connection.sendall(b"x")
        except OSError:
            return

    with visitor(listener, HEALTH[:40]) as connection:
        talking = threading.Thread(target=trickle, args=(connection,))
        talking.start()
        try:
            assert connection.recv(100) == b""
        except ConnectionResetError:
            pass
        finally:
            trickling.set()
            talking.join()
    assert responder.stop() == []


def test_a_visitor_whose_head_comes_in_pieces_is_heard_to_its_end(
    listener, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "PATIENCE_S", 20.0)
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    with visitor(listener, HEALTH[:-2]) as slow:
        time.sleep(0.02)  # longer than what has come already takes to be read
        slow.sendall(HEALTH[-2:])
        slow.settimeout(20)
        assert slow.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert responder.stop() == []


@pytest.mark.parametrize("says", [HEALTH[:-2], b""], ids=["half a head", "nothing"])
def test_a_visitor_who_says_no_more_holds_nobody_up(
    listener, monkeypatch: pytest.MonkeyPatch, says: bytes
):
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    with visitor(listener, says), visitor(listener, HEALTH) as other:
        other.settimeout(20)
        assert other.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        for connection in responder.stop():
            connection.close()


def test_a_visitor_who_breaks_off_ends_no_answers(listener):
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    with visitor(listener, b"") as gone:
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    responder.start()
    with visitor(listener, HEALTH) as other:
        other.settimeout(20)
        assert other.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    for connection in responder.stop():
        connection.close()
    assert listener.fileno() >= 0


def test_a_head_without_end_is_not_read_for_ever(listener):
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    with visitor(listener, HEALTH[:-2] + b"X-Long: " + b"x" * 20_000) as endless:
        endless.settimeout(20)
        with contextlib.suppress(ConnectionResetError):
            assert endless.recv(100) == b""
    assert responder.stop() == []


def test_answers_keep_no_process_from_its_end(listener):
    before = set(threading.enumerate())
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    [thread] = set(threading.enumerate()) - before
    assert thread.daemon
    assert responder.stop() == []
    assert not thread.is_alive()


def test_a_visitor_who_is_gone_again_is_not_waited_for(listener):
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    assert not os.get_blocking(listener.fileno())
    assert responder.stop() == []


def test_a_child_that_the_import_forked_keeps_no_answers_going(listener):
    responder = ImportResponder(listener, HOSTS, lambda: REPORT, lambda: SECRET)
    responder.start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside a thread
        child = os.fork()
    if child == 0:
        signal.pause()
    try:
        assert responder.stop() == []
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
