"""The page's own paths, for those who may look."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import FilesError

from .facts import Control, Watch
from .live import changes
from .render import page
from .visitors import Visitors

PAGE, EVENTS = "/lifecycle", "/lifecycle/events"
METRICS, TRACE = "/api/metrics", "/api/trace"
ASSETS = {
    "/lifecycle/page.css": ("page.css", b"text/css; charset=utf-8"),
    "/lifecycle/page.js": ("page.js", b"text/javascript; charset=utf-8"),
}
FIRST_LOOK_S = 1.5  # so long the page waits for the doctor, who then comes later

# Nothing from elsewhere is loaded, nothing in a text can run, no frame holds the page.
HEADERS = [
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
STRANGER = """\
<!doctype html><html lang="en"><meta charset="utf-8"><title>Not for you yet</title>
<h1>This page opens by a link</h1><p>Run <code>{command} page</code>: it prints one, which works
once, for two minutes.</p></html>
"""


class Pages:
    """The page of one worker."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._watch = Watch(control)
        self._visitors = Visitors()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one GET or HEAD of a path of the page."""
        secret, health, path = self._control.token, self._control.health(), scope["path"]
        if not self._visitors.knows(scope["headers"], secret, health):
            cookie = ""
            if path == PAGE and scope["method"] == "GET":
                cookie = self._visitors.admit(scope["query_string"], secret, health)
            await (_in(send, cookie) if cookie else _stranger(scope, send))
        elif path in ASSETS:
            name, kind = ASSETS[path]
            await _answer(scope, send, 200, kind, (files(__package__) / name).read_bytes())
        elif path == EVENTS:
            await _stream(scope, receive, send, changes(self._watch))
        elif path == METRICS:
            from .metrics import KIND, metrics

            await _answer(scope, send, 200, KIND, metrics(await self._watch.facts()).encode())
        elif path == TRACE:
            await _trace(scope, receive, send, DataDir(health.data_dir).trace)
        else:
            await self._watch.doctor.ask(FIRST_LOOK_S)
            facts = await self._watch.facts()
            await _answer(scope, send, 200, b"text/html; charset=utf-8", page(facts).encode())


async def _trace(scope: Any, receive: Any, send: Any, journal: str) -> None:
    from .trace_pages import trace_page, trace_stream

    asked = parse_qs(scope["query_string"].decode("ascii", "replace"))
    after = asked.get("after", [""])[0]
    if "follow" in asked:
        again = [value for name, value in scope["headers"] if name == b"last-event-id"]
        after = again[0].decode("latin-1") if again else after
        await _stream(scope, receive, send, trace_stream(journal, after))
        return
    try:
        said: dict[str, object] = (await asyncio.to_thread(trace_page, journal, after))._asdict()
        status = 200
    except FilesError as error:
        said, status = {"error": str(error), "code": "unreadable"}, 503
    await _answer(scope, send, status, b"application/json", json.dumps(said).encode())


async def _stream(scope: Any, receive: Any, send: Any, events: AsyncIterator[bytes]) -> None:
    """Send events until the visitor has gone, or the worker ends the stream as it leaves."""
    headers = [(b"content-type", b"text/event-stream"), *HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["method"] == "HEAD":
        await send({"type": "http.response.body", "body": b""})
        return
    telling = asyncio.ensure_future(_send_all(send, events))
    leaving = asyncio.ensure_future(_gone(receive))
    await asyncio.wait({telling, leaving}, return_when=asyncio.FIRST_COMPLETED)
    for task in (telling, leaving):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await telling


async def _send_all(send: Any, events: AsyncIterator[bytes]) -> None:
    async for event in events:
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _in(send: Any, cookie: str) -> None:
    """Go on without the ticket in the address: it is worth nothing any more."""
    headers = [(b"location", PAGE.encode()), (b"set-cookie", cookie.encode()), *HEADERS]
    headers.append((b"content-length", b"0"))
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _stranger(scope: Any, send: Any) -> None:
    from incumbent.lifecycle.about import command

    if scope["path"].startswith("/api/"):
        error = f"a session is needed, as `{command()} page --session` prints it"
        refused = json.dumps({"error": error, "code": "unauthorized"}).encode()
        await _answer(scope, send, 401, b"application/json", refused)
        return
    body = STRANGER.format(command=command()).encode()
    await _answer(scope, send, 401, b"text/html; charset=utf-8", body)


async def _answer(scope: Any, send: Any, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
