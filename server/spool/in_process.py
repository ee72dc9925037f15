"""Posts a kept event to the app of this very process, by the call that a request would be."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from incumbent.lifecycle.client.deliver import EVENTS_PATH, FAILED, judged

ANSWER_S = 60.0  # as long as a loop may stand still: who takes longer is tried again
END_S = 0.5  # for an app that is told to stop to notice
ANSWER_LIMIT_BYTES = 64_000  # of which a reason is read

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


def scope_of(host: str, port: int, body: bytes, state: dict[str, Any]) -> dict[str, Any]:
    """Give the scope of a request that posts this body."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": (host, port),
        "client": (host, 0),
        "scheme": "http",
        "method": "POST",
        "root_path": "",
        "path": EVENTS_PATH,
        "raw_path": EVENTS_PATH.encode(),
        "query_string": b"",
        "headers": [
            (b"host", f"{f'[{host}]' if ':' in host else host}:{port}".encode()),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ],
        "state": state.copy(),
    }


class Post:
    """One event on its way through the app."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._asked = False
        self._status = 0
        self._answer = bytearray()
        self._answered = asyncio.Event()

    async def through(self, app: Asgi, scope: dict[str, Any]) -> tuple[str, str]:
        """Give what became of the event, with the reason if the app did not take it.

        Waits for the end of the app's call: what the app does after its answer is done, too.
        Cancelled, it cancels the app; an answer that was given by then counts.
        """
        call = asyncio.ensure_future(app(scope, self._receive, self._send))
        try:
            await asyncio.wait({call}, timeout=ANSWER_S)
        except asyncio.CancelledError:
            call.cancel()
            await asyncio.wait({call}, timeout=END_S)
            if not self._answered.is_set():
                raise
        if self._answered.is_set():
            return judged(self._status, bytes(self._answer))
        if not call.done():
            call.cancel()
            await asyncio.wait({call}, timeout=END_S)
            return FAILED, f"the app did not answer within {ANSWER_S:g} s"
        error = None if call.cancelled() else call.exception()
        if error is not None:
            traceback.print_exception(error)
            return FAILED, f"the app raised {type(error).__name__}: {error}"
        return FAILED, "the app gave no answer"

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._answered.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif message["type"] == "http.response.body" and not self._answered.is_set():
            room = ANSWER_LIMIT_BYTES - len(self._answer)
            self._answer += bytes(message.get("body", b""))[:room]
            if not message.get("more_body", False):
                self._answered.set()
