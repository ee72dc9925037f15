"""Events are written and read by who proves the secret, whatever app is hosted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from incumbent.lifecycle.client.proof import event_hash
from incumbent.server.http import events as module
from incumbent.server.http.endpoints import Endpoints

from ....proving import SECRET
from .test_endpoints import ADDRESS, HOST, LIMIT_S, WorkerControl, drawn

DATA_DIR = "/home/me/data"
BODY = b'{"id": "1"}'
Header = tuple[bytes, bytes]


class Control(WorkerControl):
    """A worker whose events need the proof."""

    events_are_open = False

    def health(self) -> Any:
        report = super().health()
        report.data_dir = DATA_DIR
        return report


class App:
    """Takes note of what reaches it."""

    def __init__(self) -> None:
        self.reached: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", scope["type"] == "http"
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.reached.append((scope["path"], body))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 201, "headers": []})
            await send({"type": "http.response.body", "body": b"taken"})


def event_proof(
    nonce: bytes,
    method: str = "POST",
    target: bytes = b"/api/events",
    body: bytes = BODY,
    **known: str,
) -> Header:
    hashed = event_hash(
        known.get("secret", SECRET), method, target, HOST, known.get("data_dir", DATA_DIR),
        nonce, body,
    )  # fmt: skip
    return b"authorization", f"Incumbent {hashed}".encode()


class Visit:
    """One connection to a worker's endpoints; `answers` are status and what was said."""

    def __init__(self, control: WorkerControl | None = None) -> None:
        self.app = App()
        self.endpoints = Endpoints(control or Control(), frozenset({HOST}))
        self.endpoints.open(self.app)

    async def ask(
        self,
        *headers: Header,
        method: str = "POST",
        target: str = "/api/events",
        pieces: tuple[bytes, ...] = (BODY,),
        kind: str = "http",
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        path, _, query = target.partition("?")
        sent: list[Any] = []
        left = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]

        async def receive() -> Any:
            return left.pop(0) if left else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": kind, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(b"host", HOST), *headers], "client": ("127.0.0.1", 1), "server": ADDRESS,
        }  # fmt: skip
        if kind == "http":
            scope["method"] = method
        await asyncio.wait_for(self.endpoints(scope, receive, send), LIMIT_S)
        if kind != "http":
            return (0, {}, b"") if not sent else (sent[0]["code"], {}, b"")
        if not sent:
            return 0, {}, b""
        return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def one(proof_of: Callable[[bytes], Header] | None, **asked: Any) -> tuple[int, str, App]:
    """Give the status, the refusal and the app after one ask on a connection with a nonce."""

    async def story() -> tuple[int, str, App]:
        visit = Visit()
        nonce = await drawn(visit.endpoints)
        status, headers, _ = await visit.ask(*([proof_of(nonce)] if proof_of else []), **asked)
        return status, headers.get(b"incumbent-refusal", b"").decode(), visit.app

    return asyncio.run(story())


def test_an_event_that_is_proved_reaches_the_app_whole():
    status, refused, app = one(lambda nonce: event_proof(nonce), pieces=(BODY[:4], BODY[4:]))
    assert (status, refused, app.reached) == (201, "", [("/api/events", BODY)])


def test_who_proves_it_reads_events():
    target = "/api/events?last=3"
    proof_of = lambda nonce: event_proof(nonce, "GET", target.encode(), b"")  # noqa: E731
    status, _, app = one(proof_of, method="GET", target=target, pieces=(b"",))
    assert (status, app.reached) == (201, [("/api/events", b"")])


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/api/events", "/api/events/", "/api/events/7"])
def test_who_proves_nothing_neither_writes_nor_reads(method: str, path: str):
    status, refused, app = one(None, method=method, target=path)
    assert (status, refused, app.reached) == (401, "unauthorized", [])


@pytest.mark.parametrize("path", ["/api/event", "/api/eventsource", "/api/events.json", "/"])
def test_every_other_path_needs_no_proof(path: str):
    status, _, app = one(None, target=path)
    assert (status, app.reached) == (201, [(path, BODY)])


def test_a_websocket_there_needs_it_too():
    async def story() -> tuple[int, App]:
        visit = Visit()
        status, _, _ = await visit.ask(kind="websocket")
        return status, visit.app

    status, app = asyncio.run(story())
    assert (status, app.reached) == (1008, [])


@pytest.mark.parametrize(
    "wrong",
    [
        lambda nonce: event_proof(nonce, body=b"another"),
        lambda nonce: event_proof(nonce, method="PUT"),
        lambda nonce: event_proof(nonce, target=b"/api/events?x=1"),
        lambda nonce: event_proof(nonce, data_dir="/another"),
        lambda nonce: event_proof(nonce, secret="0" * 64),
        lambda nonce: event_proof(nonce[:-1]),
        lambda _: (b"authorization", b"Incumbent"),
        lambda _: (b"authorization", f"Incumbent {SECRET}".encode()),
    ],
    ids=["body", "method", "target", "data dir", "secret", "nonce", "nothing", "the secret itself"],
)
def test_a_proof_of_something_else_is_none(wrong: Callable[[bytes], Header]):
    status, refused, app = one(wrong)
    assert (status, refused, app.reached) == (401, "unauthorized", [])


def test_the_secret_as_a_bearers_is_no_proof():
    status, refused, app = one(lambda _: (b"authorization", f"Bearer {SECRET}".encode()))
    assert (status, refused, app.reached) == (401, "unauthorized", [])


def test_a_proof_is_good_once_and_on_its_connection_only():
    async def story() -> None:
        visit = Visit()
        proof = event_proof(await drawn(visit.endpoints))
        assert (await visit.ask(proof))[0] == 201
        status, headers, said = await visit.ask(proof)
        assert (status, headers[b"incumbent-refusal"]) == (401, b"prove-again")
        assert json.loads(said)["code"] == "prove-again"
        other = Visit()  # a successor: it was given the connection, not the nonce
        assert (await other.ask(proof))[1][b"incumbent-refusal"] == b"prove-again"
        assert (len(visit.app.reached), other.app.reached) == (1, [])
        again = event_proof(await drawn(other.endpoints))
        assert (await other.ask(again))[0] == 201

    asyncio.run(story())


def test_an_event_is_held_until_the_app_is_up_and_proved_once():
    async def story() -> None:
        visit = Visit()
        visit.endpoints.close()
        asking = asyncio.ensure_future(visit.ask(event_proof(await drawn(visit.endpoints))))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not asking.done()
        visit.endpoints.open(visit.app)
        assert (await asking)[0] == 201

    asyncio.run(story())


def test_a_body_is_counted_while_it_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "EVENT_LIMIT_BYTES", 10)
    monkeypatch.setattr(module, "HEARD_LIMIT_BYTES", 20)
    pieces = (b"x" * 10, b"x" * 10, b"x", b"never read")
    status, refused, app = one(lambda nonce: event_proof(nonce), pieces=pieces)
    assert (status, refused, app.reached) == (413, "too-long", [])


def test_of_a_body_that_nobody_proves_nothing_is_read():
    async def story() -> None:
        async def receive() -> Any:
            raise AssertionError("the body was read")

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": "/api/events", "raw_path": b"/api/events",
            "query_string": b"", "headers": [(b"host", HOST)], "client": ("127.0.0.1", 1),
            "server": ADDRESS,
        }  # fmt: skip
        await Visit().endpoints(scope, receive, send)
        assert sent[0]["status"] == 401

    asyncio.run(story())


def test_whoever_leaves_in_the_middle_has_sent_no_event():
    async def story() -> None:
        visit = Visit()
        proof = event_proof(await drawn(visit.endpoints))
        status, _, _ = await visit.ask(proof, pieces=())
        assert (status, visit.app.reached) == (0, [])

    asyncio.run(story())


def test_events_that_are_open_need_no_proof():
    control = Control()
    control.events_are_open = True

    async def story() -> None:
        visit = Visit(control)
        assert (await visit.ask())[0] == 201
        assert visit.app.reached == [("/api/events", BODY)]

    asyncio.run(story())


def test_who_has_lost_the_data_dir_says_so_to_everybody():
    control = Control()
    control.ours = False

    async def story() -> None:
        status, headers, _ = await Visit(control).ask()
        assert (status, headers[b"incumbent-refusal"]) == (503, b"data-dir-gone")

    asyncio.run(story())
