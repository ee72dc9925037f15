"""Says the worker's own short answers, as JSON."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from incumbent.lifecycle.client.proof import REFUSAL_HEADER, SCHEME

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

TOO_LONG = "too-long"


class Answer(NamedTuple):
    """What one request is answered with."""

    status: int
    said: dict[str, Any]
    headers: Headers = ()


class TooLongError(ValueError):
    """A body is longer than it may be."""


def refusal(status: int, code: str, error: str, headers: Headers = ()) -> Answer:
    """Give a refusal: a word for programs, a sentence for people; the word is in a header too.

    By that header a refusal of the worker is told from one of the hosted app.
    """
    headers += ((REFUSAL_HEADER.encode(), code.encode()),)
    if status == 401:
        headers += ((b"www-authenticate", SCHEME.encode()),)
    return Answer(status, {"error": error, "code": code}, headers)


def answering(answer: Answer) -> Asgi:
    """Give an app that says this to everybody."""

    async def app(scope: Any, _: Any, send: Any) -> None:
        await say(scope, send, answer)

    return app


async def say(
    scope: Any, send: Any, answer: Answer, prove: Callable[[bytes], Headers] | None = None
) -> None:
    """Send an answer, with the headers that prove its body; a websocket is closed."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted: a 403
        return
    body = json.dumps(answer.said).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *(prove(body) if prove is not None else ()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def heard_body(
    scope: Any, receive: Any, send: Any, what: str, limit: int, heard: int = 0
) -> bytes | None:
    """Give a request's body; None where its sender left, or was told that `what` is too long.

    `heard` is as for `whole_body`.
    """
    try:
        return await whole_body(receive, limit, heard)
    except TooLongError:
        error = f"{what} is at most {limit} bytes"
        await say(scope, send, refusal(413, TOO_LONG, error, ((b"connection", b"close"),)))
    except ValueError:
        pass  # nobody hears an answer
    return None


def once_more(body: bytes, receive: Any) -> Callable[[], Awaitable[Any]]:
    """Give a `receive` that gives a body which was read already, then what else comes."""
    given = False

    async def receiving() -> Any:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


async def whole_body(receive: Any, limit: int, heard: int = 0) -> bytes:
    """Give a request's body; raises ValueError where its sender left.

    Raises TooLongError for one of more than `limit` bytes. Of that, as much as `heard` bytes are
    read and thrown away, so that who is still sending hears the answer.
    """
    body, length = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ValueError
        piece = message.get("body", b"")
        length += len(piece)
        if length <= limit:
            body += piece
        else:
            body.clear()
        if not message.get("more_body", False) or length > max(limit, heard):
            break
    if length > limit:
        raise TooLongError
    return bytes(body)
