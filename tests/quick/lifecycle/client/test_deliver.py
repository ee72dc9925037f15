"""What became of an event is told by the app's status; silence is no refusal."""

import json
import socket

import pytest

from incumbent.lifecycle.client.deliver import (
    DELIVERED,
    FAILED,
    REFUSED,
    UNDELIVERED,
    deliver,
)

from ....isolation import Sandbox
from ....proving import keep_secret, proving
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
