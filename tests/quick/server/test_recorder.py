"""The built-in app keeps each event once, in order, and gives them back as they came."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.server import recorder as module
from incumbent.server.app.lifespan import Lifespan
from incumbent.server.recorder import Events, app

from ...isolation import Sandbox

FIRST, SECOND = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
JSON = (b"content-type", b"application/json")


@pytest.fixture
def events(data_dir: Path) -> Iterator[Events]:
    its = Events(str(data_dir / "events.db"))
    yield its
    its.close()


# The table.


def page(said: bytes) -> tuple[list[tuple[int, str, str, Any]], int]:
    found = json.loads(said)
    rows = [(one["number"], one["id"], one["event"], one["payload"]) for one in found["events"]]
    return rows, found["next"]


def test_an_event_is_kept_once(events: Events):
    assert events.add(FIRST, "Stop", "{}") is True
    assert events.add(FIRST, "Other", '{"a": 1}') is False
    assert page(events.after(0, 10)) == ([(1, FIRST, "Stop", {})], 1)


def test_what_is_kept_is_for_its_user_alone_and_outlives_a_crash(data_dir: Path, events: Events):
    events.add(FIRST, "Stop", "{}")
    for name in ("events.db", "events.db-wal", "events.db-shm"):
        assert (data_dir / name).stat().st_mode & 0o777 == 0o600
    other = sqlite3.connect(data_dir / "events.db")
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert other.execute("SELECT id, at FROM events").fetchone()[0] == FIRST
    other.close()


def test_events_come_back_in_order_after_a_number_and_from_the_end(events: Events):
    ids = [str(uuid.UUID(int=number)) for number in range(1, 6)]
    for identity in ids:
        events.add(identity, "Stop", "{}")
    numbers = lambda said: ([row[0] for row in page(said)[0]], page(said)[1])  # noqa: E731
    assert numbers(events.after(0, 2)) == ([1, 2], 2)
    assert numbers(events.after(2, 2)) == ([3, 4], 4)
    assert numbers(events.after(4, 2)) == ([5], 5)
    assert numbers(events.after(5, 2)) == ([], 5)
    assert numbers(events.last(2)) == ([4, 5], 5)
    assert numbers(events.last(9)) == ([1, 2, 3, 4, 5], 5)


def test_a_page_is_no_longer_than_its_limit_and_never_empty(
    events: Events, monkeypatch: pytest.MonkeyPatch
):
    for number in (1, 2, 3):
        events.add(str(uuid.UUID(int=number)), "Stop", json.dumps({"a": "x" * 10}))
    length = len(json.dumps({"a": "x" * 10}))
    for limit, count in ((2 * length, 2), (2 * length - 1, 1), (1, 1), (3 * length, 3)):
        monkeypatch.setattr(module, "PAGE_LIMIT_BYTES", limit)
        assert len(page(events.after(0, 10))[0]) == count


def test_a_name_is_given_back_whatever_is_in_it(events: Events):
    events.add(FIRST, 'a "quoted"\n name', '{"half": "\\ud800"}')
    [row], _ = page(events.after(0, 1))
    assert row[2:] == ('a "quoted"\n name', {"half": "\ud800"})
    assert json.loads(events.after(0, 1))["events"][0]["at"].endswith("Z")


def aged(data_dir: Path, numbers: str, days: int) -> None:
    """Let these events have come so many days ago."""
    other = sqlite3.connect(data_dir / "events.db")
    with other:
        when = f"strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-{days} days')"
        other.execute(f"UPDATE events SET at = {when} WHERE number IN ({numbers})")
    other.close()


def kept(events: Events) -> list[int]:
    return [row[0] for row in page(events.after(0, 1000))[0]]


def add(events: Events, count: int, length: int = 1) -> None:
    for _ in range(count):
        events.add(str(uuid.uuid4()), "Stop", json.dumps({"a": "x" * length}))


def test_what_is_too_old_is_forgotten_and_what_is_not_stays(data_dir: Path, events: Events):
    add(events, 5)
    aged(data_dir, "1, 2", 31)
    aged(data_dir, "3", 29)
    assert events.forget(30 * 86_400, 0) == 2
    assert events.forget(30 * 86_400, 0) == 0
    assert kept(events) == [3, 4, 5]


def test_of_too_much_the_oldest_are_forgotten_and_the_disk_is_given_back(
    data_dir: Path, events: Events
):
    add(events, 40, 100_000)
    while events.forget(0, 2_000_000):
        pass
    left = kept(events)
    assert left == list(range(left[0], 41))
    assert 15 <= len(left) <= 20
    events.close()
    assert (data_dir / "events.db").stat().st_size <= 2_000_000


def test_the_newest_event_stays_however_large_it_is(events: Events):
    add(events, 3, 100_000)
    while events.forget(0, 1000):
        pass
    assert kept(events) == [3]


def test_without_limits_nothing_is_forgotten(data_dir: Path, events: Events):
    add(events, 3, 10_000)
    aged(data_dir, "1, 2, 3", 10_000)
    assert events.forget(0, 0) == 0
    assert kept(events) == [1, 2, 3]


def test_a_number_that_was_forgotten_is_never_given_again(data_dir: Path, events: Events):
    add(events, 2)
    aged(data_dir, "1, 2", 31)
    assert events.forget(86_400, 0) == 2
    add(events, 1)
    assert kept(events) == [3]


def test_at_once_only_some_are_forgotten(monkeypatch: pytest.MonkeyPatch, events: Events):
    monkeypatch.setattr(module, "FORGOTTEN_AT_ONCE", 2)
    add(events, 5, 100_000)
    assert [events.forget(0, 1000) for _ in range(3)] == [2, 2, 0]


# Over HTTP.


class Client:
    """Asks the app; bodies come in the pieces that are given."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any, dict[bytes, bytes]]] = []

    async def ask(
        self, method: str, query: str = "", *pieces: bytes, headers: tuple[Any, ...] = (JSON,)
    ) -> tuple[int, Any, dict[bytes, bytes]]:
        sent: list[Any] = []
        left = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ] or [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Any:
            return left.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": method, "path": "/api/events", "headers": list(headers),
            "query_string": query.encode(), "http_version": "1.1", "scheme": "http",
            "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2), "root_path": "", "app": app,
        }  # fmt: skip
        await app(scope, receive, send)
        body = b"".join(one.get("body", b"") for one in sent[1:])
        return sent[0]["status"], json.loads(body or b"null"), dict(sent[0]["headers"])


def served(*asks: tuple[Any, ...], **more: Any) -> list[tuple[int, Any, dict[bytes, bytes]]]:
    """Give the answers to these, asked one after the other of one run of the app."""

    async def story() -> list[tuple[int, Any, dict[bytes, bytes]]]:
        lifespan = Lifespan(app)
        assert await lifespan.start() == ""
        client = Client()
        try:
            return [await client.ask(*ask, **more) for ask in asks]
        finally:
            assert await lifespan.end(20.0)

    return asyncio.run(story())


@pytest.fixture(autouse=True)
def _of_this_data_dir(data_dir: Path, sandbox: Sandbox) -> None:
    assert str(sandbox.data_dir) == str(data_dir) == os.environ["INCUMBENT_DATA_DIR"]


def event(identity: str = FIRST, name: object = "Stop", **more: object) -> bytes:
    return json.dumps({"id": identity, "event": name} | more).encode()


def test_an_event_is_acknowledged_and_told_apart_from_one_that_came_before():
    first, again, found = served(
        ("POST", "", event(payload={"a": 1})), ("POST", "", event()), ("GET", "")
    )
    assert first[:2] == (201, {"id": FIRST, "new": True})
    assert again[:2] == (200, {"id": FIRST, "new": False})
    assert found[0] == 200
    assert found[2][b"content-type"] == b"application/json"
    [kept] = found[1]["events"]
    assert (kept["number"], kept["id"], kept["payload"]) == (1, FIRST, {"a": 1})


def test_an_app_that_is_up_forgets_by_itself(
    monkeypatch: pytest.MonkeyPatch, data_dir: Path, events: Events
):
    add(events, 3)
    aged(data_dir, "1, 2", 8)
    monkeypatch.setenv("INCUMBENT_KEEP_EVENTS", "7d")

    async def story() -> None:
        lifespan = Lifespan(app)
        assert await lifespan.start() == ""
        try:
            async with asyncio.timeout(20):
                while kept(events) != [3]:
                    await asyncio.sleep(0.01)
        finally:
            assert await lifespan.end(20.0)

    asyncio.run(story())


def test_events_outlive_the_app():
    served(("POST", "", event()))
    [found] = served(("GET", ""))
    assert [one["id"] for one in found[1]["events"]] == [FIRST]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"text"', b"[" * 100_000,
        event("no uuid"), event(name=""), event(name="x" * 201), event(name=3), event(name=None),
        event(name="\ud800"), event(payload=[]), event(payload="text"), event(payload=None),
        b'{"event": "Stop"}', b'{"id": "%s"}' % FIRST.encode(),
        b'{"id": "%s", "event": "Stop", "payload": {"a": NaN}}' % FIRST.encode(),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused_and_nothing_is_kept(body: bytes):
    refused, found = served(("POST", "", body), ("GET", ""))
    assert refused[0] == 400
    assert refused[1]["error"].startswith("an event is {id, event, payload}: ")
    assert found[1] == {"events": [], "next": 0}


@pytest.mark.parametrize("name", ["x" * 200, "x"])
def test_a_name_of_a_fitting_length_is_taken(name: str):
    assert served(("POST", "", event(name=name)))[0][0] == 201


@pytest.mark.parametrize(
    "headers",
    [(), ((b"content-type", b"text/plain"),), (JSON, JSON),
     ((b"content-type", b"application/x-www-form-urlencoded"),)],
)  # fmt: skip
def test_what_any_page_may_send_is_not_taken(headers: tuple[Any, ...]):
    [refused] = served(("POST", "", event()), headers=headers)
    assert refused[:2] == (415, {"error": "an event is sent as application/json"})


def test_a_kind_may_say_more_than_its_name():
    headers = ((b"content-type", b"Application/JSON; charset=utf-8"),)
    assert served(("POST", "", event()), headers=headers)[0][0] == 201


@pytest.mark.parametrize("announced", [True, False])
def test_an_event_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, announced: bool):
    body = event(payload={"a": "x" * 500})
    monkeypatch.setattr(module, "EVENT_LIMIT_BYTES", len(body) - 1)
    monkeypatch.setattr(module, "DISCARDED_LIMIT_BYTES", 2 * len(body))
    length = (b"content-length", str(len(body)).encode())
    pieces = [body[:100], body[100:]]
    [refused] = served(("POST", "", *pieces), headers=(JSON, length) if announced else (JSON,))
    assert refused[:2] == (413, {"error": f"an event is at most {len(body) - 1} bytes"})
    assert (refused[2].get(b"connection") == b"close") is not announced


def test_an_event_of_the_longest_length_is_taken(monkeypatch: pytest.MonkeyPatch):
    body = event(payload={"a": "x" * 500})
    monkeypatch.setattr(module, "EVENT_LIMIT_BYTES", len(body))
    headers = (JSON, (b"content-length", str(len(body)).encode()))
    assert served(("POST", "", body[:9], body[9:]), headers=headers)[0][0] == 201


def test_whoever_sends_without_end_is_heard_only_so_far(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "EVENT_LIMIT_BYTES", 10)
    monkeypatch.setattr(module, "DISCARDED_LIMIT_BYTES", 20)
    pieces = [b"x" * 10, b"x" * 10, b"x"]  # and never the end
    asked: list[Any] = ["POST", "", *pieces, b"never read"]
    assert served(tuple(asked))[0][0] == 413


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", [1, 2, 3]), ("after=1", [2, 3]), ("limit=2", [1, 2]), ("after=1&limit=1", [2]),
        ("last=2", [2, 3]), ("last=0", [1, 2, 3]), ("after=9223372036854775807", []),
        ("limit=5000", [1, 2, 3]), ("last=5000", [1, 2, 3]),
    ],
)  # fmt: skip
def test_a_page_is_what_was_asked_for(query: str, numbers: list[int]):
    posts = [("POST", "", event(str(uuid.UUID(int=n)))) for n in (1, 2, 3)]
    *_, found = served(*posts, ("GET", query))
    assert found[0] == 200
    assert [one["number"] for one in found[1]["events"]] == numbers


@pytest.mark.parametrize(
    "query", ["after=-1", "limit=0", "limit=x", "last=-1", "after=9223372036854775808", "after=1.5"]
)
def test_what_is_no_number_of_events_is_refused(query: str):
    [refused] = served(("GET", query))
    assert refused[0] == 400
    assert refused[1]["error"].startswith("after, limit and last are whole numbers: ")


def test_a_page_is_never_longer_than_a_thousand(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "PAGE_LIMIT", 2)
    posts = [("POST", "", event(str(uuid.UUID(int=n)))) for n in (1, 2, 3)]
    *_, after, last = served(*posts, ("GET", "limit=3"), ("GET", "last=3"))
    assert [one["number"] for one in after[1]["events"]] == [1, 2]
    assert [one["number"] for one in last[1]["events"]] == [2, 3]
