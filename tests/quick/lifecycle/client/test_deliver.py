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
from .test_probe import answering, http, saying

HOST = "127.0.0.1"
PATIENCE_S = 5.0
SHORT_S = 0.05


def told(sandbox: Sandbox, status: str, body: bytes = b"") -> tuple[str, str]:
    with answering(sandbox.port, saying(http(body, status))):
        return deliver(HOST, sandbox.port, b"{}", PATIENCE_S)


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
    said = deliver(HOST, sandbox.port, b"{}", PATIENCE_S)
    assert said == (UNDELIVERED, f"nothing listens on {HOST}:{sandbox.port}")


def test_where_nobody_answers_it_is_undelivered(sandbox: Sandbox):
    def mute(connection: socket.socket) -> None:
        while connection.recv(4096):
            continue

    with answering(sandbox.port, mute):
        kind, why = deliver(HOST, sandbox.port, b"{}", SHORT_S)
    assert (kind, why) == (UNDELIVERED, "no answer in time")


def test_where_something_else_speaks_it_is_undelivered(sandbox: Sandbox):
    with answering(sandbox.port, saying(b"+OK\r\n")):
        assert deliver(HOST, sandbox.port, b"{}", PATIENCE_S)[0] == UNDELIVERED
