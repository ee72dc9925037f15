"""What became of an event is told by the app's status; silence is no refusal."""

import json
import socket
import threading

import pytest

from incumbent.lifecycle.client.deliver import (
    DELIVERED,
    EVENTS_PATH,
    FAILED,
    REFUSED,
    UNDELIVERED,
    deliver,
)
from incumbent.lifecycle.client.proof import event_hash

from ....isolation import Sandbox
from ....proving import NONCE, SECRET, keep_secret, proving
from .test_probe import answering, http, saying

HOST = "127.0.0.1"
PATIENCE_S = 5.0
SHORT_S = 0.05


def told(sandbox: Sandbox, status: str, body: bytes = b"") -> tuple[str, str]:
    with answering(sandbox.port, proving(b"{}", saying(http(body, status)))):
        return delivered(sandbox)


def delivered(sandbox: Sandbox, seconds: float = PATIENCE_S) -> tuple[str, str]:
    data_dir = keep_secret(sandbox.data_dir)
    word, why, _ = deliver(HOST, sandbox.port, data_dir, b'{"a": "secret"}', seconds)
    return word, why


def test_what_the_app_answers_is_given(sandbox: Sandbox):
    with answering(sandbox.port, proving(b"{}", saying(http(b'{"hook": {}}', "201 Fine")))):
        said = deliver(
            HOST, sandbox.port, keep_secret(sandbox.data_dir), b"{}", PATIENCE_S
        )  # fmt: skip
    assert said == (DELIVERED, "", b'{"hook": {}}')


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_an_event_that_was_taken_is_delivered(sandbox: Sandbox, status: int):
    assert told(sandbox, f"{status} Fine") == (DELIVERED, "")


@pytest.mark.parametrize("status", [400, 401, 404, 409, 413, 422, 499])
def test_an_event_that_the_app_will_not_have_is_refused(sandbox: Sandbox, status: int):
    assert told(sandbox, f"{status} No") == (REFUSED, f"the app answered {status}")


@pytest.mark.parametrize("status", [203, 300, 302, 408, 425, 429, 500, 503])
def test_an_event_that_may_be_taken_later_has_failed(sandbox: Sandbox, status: int):
    assert told(sandbox, f"{status} Later") == (FAILED, f"the app answered {status}")


@pytest.mark.parametrize("body", [b"no", b"[]", b'{"error": 1}', b"{}", b"[" * 9000, b"\xff"])
def test_an_answer_without_a_reason_is_its_status(sandbox: Sandbox, body: bytes):
    assert told(sandbox, "500 No", body) == (FAILED, "the app answered 500")


def test_the_apps_own_reason_is_told(sandbox: Sandbox):
    body = json.dumps({"error": "too long"}).encode()
    assert told(sandbox, "413 No", body) == (REFUSED, "the app answered 413 (too long)")


def test_where_nobody_listens_it_is_undelivered(sandbox: Sandbox):
    said = delivered(sandbox)
    assert said == (UNDELIVERED, f"nothing listens on {HOST}:{sandbox.port}")


def test_where_nobody_answers_it_is_undelivered(sandbox: Sandbox):
    def mute(connection: socket.socket) -> None:
        while connection.recv(4096):
            continue

    with answering(sandbox.port, mute):
        kind, why = delivered(sandbox, SHORT_S)
    assert (kind, why) == (UNDELIVERED, "no answer in time")


def test_where_something_else_speaks_it_is_undelivered(sandbox: Sandbox):
    with answering(sandbox.port, saying(b"+OK\r\n")):
        assert delivered(sandbox)[0] == UNDELIVERED


@pytest.mark.parametrize("proves", [False, True])
def test_who_does_not_prove_itself_gets_no_event(sandbox: Sandbox, proves: bool):
    heard: list[bytes] = []

    def listen_on(connection: socket.socket) -> None:
        while more := connection.recv(65536):
            heard.append(more)

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(http(b'{"status": "ok"}'))
        listen_on(connection)

    other = proving(b"{}", listen_on, secret="ef" * 32)
    with answering(sandbox.port, other if proves else serve):
        kind, why = delivered(sandbox)
    assert (kind, "does not prove that it is our worker" in why) == (FAILED, True)
    assert b"secret" not in b"".join(heard)


# The worker's own gate, which is not the app.


def refusing(connection: socket.socket, status: bytes, code: bytes) -> None:
    said = json.dumps({"error": "a sentence", "code": code.decode()}).encode()
    head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nIncumbent-Refusal: %s\r\n\r\n"
    connection.sendall(head % (status, len(said), code) + said)


@pytest.mark.parametrize(
    ("status", "code"),
    [(b"401 No", b"unauthorized"), (b"403 No", b"foreign-host"), (b"503 No", b"data-dir-gone")],
)
def test_what_the_gate_refuses_is_never_final(sandbox: Sandbox, status: bytes, code: bytes):
    def gate(connection: socket.socket) -> None:
        connection.recv(65536)
        refusing(connection, status, code)

    with answering(sandbox.port, proving(b"{}", gate)):
        assert delivered(sandbox) == (UNDELIVERED, "a sentence")


def event_of(asked: bytes) -> tuple[bytes, bytes]:
    """Give the proof of an event, and its body."""
    head, _, body = asked.partition(b"\r\n\r\n")
    return head.partition(b"Authorization: Incumbent ")[2].partition(b"\r\n")[0], body


def test_an_event_brings_its_proof(sandbox: Sandbox):
    heard: list[bytes] = []

    def app(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(http(b"{}", "201 Created"))

    with answering(sandbox.port, proving(b"{}", app)):
        assert delivered(sandbox) == (DELIVERED, "")
    address = f"{HOST}:{sandbox.port}".encode()
    given = "POST", EVENTS_PATH.encode(), address, str(sandbox.data_dir), NONCE.encode()
    due = event_hash(SECRET, *given, b'{"a": "secret"}')
    assert event_of(heard[0]) == (due.encode(), b'{"a": "secret"}')
    assert SECRET.encode() not in heard[0]


@pytest.mark.parametrize("times", [1, 2])
def test_who_was_handed_over_in_between_proves_it_once_more(sandbox: Sandbox, times: int):
    connections: list[bytes] = []

    def gate(connection: socket.socket) -> None:
        connections.append(connection.recv(65536))
        if len(connections) <= times:
            refusing(connection, b"401 No", b"prove-again")
        else:
            connection.sendall(http(b"{}", "201 Created"))

    def serve_two(connection: socket.socket) -> None:
        for _ in range(2):
            proving(b"{}", gate)(connection)
            connection.close()
            connection = listener.accept()[0] if len(connections) < 2 else connection

    with socket.create_server((HOST, sandbox.port)) as listener:
        thread = threading.Thread(target=lambda: serve_two(listener.accept()[0]))
        thread.start()
        said = delivered(sandbox)
        thread.join()
    assert said == ((DELIVERED, "") if times == 1 else (UNDELIVERED, "a sentence"))
    assert len(connections) == 2


def test_an_answer_without_end_is_not_read_on(sandbox: Sandbox):
    """What is over its limit is told by its length, or counted where none is announced."""

    def announces(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20000001\r\n\r\n")
        connection.recv(1)

    def goes_on(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 1_000_000)

    for app in (announces, goes_on):
        with answering(sandbox.port, proving(b"{}", app)):
            assert delivered(sandbox) == (UNDELIVERED, "an answer without end")


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        (b'5\r\n{"err\r\nc;x=1\r\nor": "much"}\r\n0\r\n\r\n', "the app answered 422 (much)"),
        (b"5\r\n{\r\n", None),
        (b"zz\r\n", None),
        (b"", None),
    ],
)
def test_an_answer_in_chunks_is_understood(sandbox: Sandbox, chunks: bytes, reason: str | None):
    def app(connection: socket.socket) -> None:
        connection.recv(65536)
        head = b"HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + chunks)

    with answering(sandbox.port, proving(b"{}", app)):
        said = delivered(sandbox)
    cut_off = (UNDELIVERED, "the answer was cut off")
    assert said == (cut_off if reason is None else (REFUSED, reason))
