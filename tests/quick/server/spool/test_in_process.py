"""A kept event meets the app as a request does, and what the app says of it counts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from incumbent.lifecycle.client.deliver import DELIVERED, FAILED, REFUSED
from incumbent.server.spool import in_process
from incumbent.server.spool.in_process import Post, scope_of

BODY = b'{"id": "i"}'
LONG_S = 60.0


def through(app: Any) -> tuple[str, str]:
    return asyncio.run(Post(BODY).through(app, scope_of("127.0.0.1", 1, BODY, {"a": 1})))


def answering(status: int, *parts: bytes) -> Any:
    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        for number, part in enumerate(parts, 1):
            more = number < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})

    return app


def test_the_app_gets_the_event_as_a_request_whose_sender_stays():
    heard: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.update(scope, first=await receive())
        await answering(201, b"{}")(scope, receive, send)
        heard["then"] = await receive()

    assert through(app) == (DELIVERED, "")
    assert (heard["method"], heard["path"], heard["state"]) == ("POST", "/api/events", {"a": 1})
    assert dict(heard["headers"])[b"content-length"] == b"%d" % len(BODY)
    assert dict(heard["headers"])[b"host"] == b"127.0.0.1:1"
    assert heard["first"] == {"type": "http.request", "body": BODY, "more_body": False}
    assert heard["then"] == {"type": "http.disconnect"}


def test_an_address_of_six_is_named_as_before_a_port():
    assert dict(scope_of("::1", 5, BODY, {})["headers"])[b"host"] == b"[::1]:5"


@pytest.mark.parametrize(
    ("status", "word"), [(200, DELIVERED), (422, REFUSED), (429, FAILED), (500, FAILED)]
)
def test_the_status_says_what_became_of_it(status: int, word: str):
    assert through(answering(status, b""))[0] == word


def test_the_apps_reason_is_told_also_where_it_comes_in_parts():
    said = through(answering(422, b'{"error": ', b'"too odd"}'))
    assert said == (REFUSED, "the app answered 422 (too odd)")


def test_of_an_answer_without_end_no_more_than_a_part_is_kept():
    assert through(answering(200, *[b"x" * 1_000_000] * 3)) == (DELIVERED, "")


def test_an_app_that_raises_has_failed(capsys: pytest.CaptureFixture[str]):
    async def app(*_: Any) -> None:
        raise ValueError("odd")

    assert through(app) == (FAILED, "the app raised ValueError: odd")
    assert "ValueError: odd" in capsys.readouterr().err


def test_what_is_raised_after_the_answer_changes_nothing():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering(201, b"")(scope, receive, send)
        raise ValueError("odd")

    assert through(app) == (DELIVERED, "")


def test_an_app_that_says_nothing_has_failed():
    async def app(*_: Any) -> None:
        return

    assert through(app) == (FAILED, "the app gave no answer")


def test_an_app_that_never_answers_has_failed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(in_process, "ANSWER_S", 0.01)
    assert through(never) == (FAILED, "the app did not answer within 0.01 s")


async def never(*_: Any) -> None:
    await asyncio.Event().wait()


def test_what_the_app_does_after_its_answer_is_waited_for():
    done = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering(201, b"")(scope, receive, send)
        await asyncio.sleep(0.01)
        done.append(True)

    assert through(app) == (DELIVERED, "")
    assert done == [True]


async def cut(app: Any) -> tuple[str, str] | None:
    """Cancel it once the app has begun; give what it said, None for nothing."""
    begun = asyncio.Event()

    async def beginning(scope: Any, receive: Any, send: Any) -> None:
        begun.set()
        await app(scope, receive, send)

    call = asyncio.ensure_future(Post(BODY).through(beginning, scope_of("127.0.0.1", 1, BODY, {})))
    await begun.wait()
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait({call})
    return None if call.cancelled() else call.result()


def test_cut_off_it_has_no_end_and_the_app_is_told():
    told = []

    async def app(*_: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            told.append(True)
            raise

    assert asyncio.run(cut(app)) is None
    assert told == [True]


def test_cut_off_after_the_answer_it_is_delivered():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answering(201, b"")(scope, receive, send)
        await asyncio.Event().wait()

    assert asyncio.run(cut(app)) == (DELIVERED, "")
