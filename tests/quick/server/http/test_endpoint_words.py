"""Each answer of the endpoints is the one that is promised, to the last word of its head."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from incumbent.lifecycle.drivers.ports import RESTART, SHUTDOWN
from incumbent.lifecycle.machine import states
from incumbent.server.http.endpoints import Endpoints

from .test_endpoints import ADDRESS, HOST, SECRET, WorkerControl, drawn, hosted, proof

PROVED = (b"authorization", b"a proof over this very ask")  # `told` puts the real one there


def told(
    control: WorkerControl, method: str, path: str, body: bytes | list[dict[str, Any]] = b"",
    *more: tuple[bytes, bytes], app: Any = hosted,
) -> tuple[int, dict[bytes, bytes], bytes]:  # fmt: skip
    """Give status, headers, body of one answer."""
    messages: list[dict[str, Any]] = (
        [{"type": "http.request", "body": body}] if isinstance(body, bytes) else body
    )
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        endpoints = Endpoints(control, frozenset({HOST}))
        endpoints.open(app)
        given = [(b"host", HOST), *more]
        if PROVED in more:
            whole = b"".join(message.get("body", b"") for message in messages)
            given[given.index(PROVED)] = proof(path, whole, await drawn(endpoints))
        scope = {
            "type": "http", "method": method, "path": path, "headers": given,
            "client": ("127.0.0.1", 1), "server": ADDRESS,
        }  # fmt: skip
        await asyncio.wait_for(endpoints(scope, receive, send), 20)

    asyncio.run(run())
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


FOREIGN = (b"origin", b"http://example.org")


@pytest.mark.parametrize(
    ("asks", "status", "code", "error", "allow"),
    [
        (("GET", "/api/admin/none"), 404, "not-found", "nothing is at /api/admin/none", b""),
        (("POST", "/api/health"), 405, "method", "look by GET", b"GET, HEAD"),
        (("GET", "/api/admin/restart"), 405, "method", "ask by POST", b"POST"),
        (("GET", "/api/admin/shutdown", b"", PROVED), 405, "method", "ask by POST", b"POST"),
        (("POST", "/api/admin/restart"), 401, "unauthorized",
         "an ask proves the data dir's secret: use a command of incumbent 0.2 or later", b""),
        (("POST", "/api/admin/restart", b"[", PROVED), 400, "malformed",
         "the ask is no JSON object", b""),
        (("POST", "/api/admin/restart", b"x" * 10_001, PROVED), 400, "malformed",
         "the ask is no JSON object", b""),
        (("POST", "/api/admin/restart", b'{"instance": "another"}', PROVED), 409,
         "another-instance", "another instance serves", b""),
        (("GET", "/", b"", FOREIGN), 403, "foreign-origin",
         "this worker answers to its own pages only", b""),
    ],
)  # fmt: skip
def test_a_refusal_has_its_code_its_sentence_and_what_would_do(
    asks: tuple[Any, ...], status: int, code: str, error: str, allow: bytes
):
    control = WorkerControl()
    found, headers, body = told(control, *asks)
    assert (found, json.loads(body)) == (status, {"error": error, "code": code})
    assert headers.pop(b"allow", b"") == allow
    assert headers.pop(b"www-authenticate", b"") == (b"Incumbent" if status == 401 else b"")
    assert headers == {
        b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
        b"incumbent-refusal": code.encode(),
    }
    assert control.asked == []


def test_a_worker_that_comes_up_says_so():
    status, _, body = told(
        WorkerControl(states.STARTING), "POST", "/api/admin/restart", b"", PROVED
    )
    assert (status, json.loads(body)["code"]) == (409, "starting")


@pytest.mark.parametrize("state", sorted(states.LEAVING_STATES - states.SERVING_STATES))
@pytest.mark.parametrize("chosen", [True, False])
def test_a_worker_that_leaves_joins_a_restart_and_puts_no_ask(state: str, chosen: bool):
    control = WorkerControl(state)
    control.successor_is_chosen = chosen
    status, _, body = told(control, "POST", "/api/admin/restart", b"", PROVED)
    assert (status, json.loads(body)) == (202, {"accepted": True, "joined": chosen})
    assert control.asked == []


@pytest.mark.parametrize("joins", [True, False])
@pytest.mark.parametrize("what", [RESTART, SHUTDOWN])
def test_an_ask_is_answered_with_what_became_of_it(what: str, joins: bool):
    control = WorkerControl()
    control.joins = joins
    status, _, body = told(control, "POST", f"/api/admin/{what}", b"{}", PROVED)
    assert (status, json.loads(body)) == (202, {"accepted": True, "joined": joins})
    assert control.asked == [what]


@pytest.mark.parametrize("why", ["recycle", "restart", "", None])
def test_only_a_restart_can_be_a_recycle(why: str | None):
    body = json.dumps({"why": why, "instance": "this-one"}).encode()
    control = WorkerControl()
    told(control, "POST", "/api/admin/shutdown", body, PROVED)
    told(control, "POST", "/api/admin/restart", body, PROVED)
    assert control.asked == ["shutdown", "recycle" if why == "recycle" else "restart"]


def test_a_worker_that_leaves_is_told_to_stop_and_waits_for_nobody():
    control = WorkerControl(states.DRAINING, answers=False)
    status, _, body = told(control, "POST", "/api/admin/shutdown", b"", PROVED)
    assert (status, json.loads(body)) == (202, {"accepted": True, "joined": False})
    assert control.asked == ["shutdown"]


def test_an_ask_may_come_in_pieces():
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": b'{"why": ', "more_body": True},
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": b'"recycle"}', "more_body": False},
    ]
    control = WorkerControl()
    assert told(control, "POST", "/api/admin/restart", pieces, PROVED)[0] == 202
    assert control.asked == ["recycle"]


def test_whoever_leaves_in_the_middle_has_asked_nothing():
    pieces: list[dict[str, Any]] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    control = WorkerControl()
    assert told(control, "POST", "/api/admin/restart", pieces, PROVED)[0] == 400
    assert control.asked == []


@pytest.mark.parametrize("limit", [10_000, 9_999])
def test_an_ask_of_the_longest_length_is_heard(limit: int):
    body = b'{"why": "restart"}'.ljust(limit)
    assert told(WorkerControl(), "POST", "/api/admin/restart", body, PROVED)[0] == 202


@pytest.mark.parametrize("given", [f"Bearer {SECRET}", SECRET, "Incumbent ", "Incumbent", ""])
def test_the_secret_itself_proves_nothing(given: str):
    header = (b"authorization", given.encode())
    assert told(WorkerControl(), "POST", "/api/admin/restart", b"", header)[0] == 401


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_an_apps_answer_is_let_out_as_it_is(method: str):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        said = await receive()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-of", b"app")]})
        await send({"type": "http.response.body", "body": said["body"] + scope["path"].encode()})

    said = told(WorkerControl(), method, "/any", b"to ", app=app)
    assert said == (201, {b"x-of": b"app"}, b"to /any")


def test_a_change_whose_data_dir_is_gone_is_answered_once():
    control = WorkerControl()

    async def losing(*given: Any) -> None:
        control.ours = False
        await hosted(*given)

    status, headers, body = told(control, "PUT", "/any", b"", app=losing)
    assert status == 503
    assert json.loads(body) == {
        "error": "the data dir was removed or replaced; the worker stops",
        "code": "data-dir-gone",
    }
    assert headers[b"content-length"] == str(len(body)).encode()


@pytest.mark.parametrize(
    "path", ["/api/admin/", "/api/administration", "/lifecycles", "/api/healthy"]
)
def test_what_only_begins_like_a_path_of_ours_is_the_apps_or_nothing(path: str):
    status, _, body = told(WorkerControl(), "GET", path)
    assert (status, body) == (
        (404, body) if path == "/api/admin/" else (200, f"hosted {path}".encode())
    )


def test_readiness_tells_where_the_worker_stands():
    for state, status in ((states.VERIFIED, 200), (states.STARTING, 503)):
        found, _, body = told(WorkerControl(state), "GET", "/api/readiness")
        assert (found, json.loads(body)) == (status, {"ready": status == 200, "state": state})
