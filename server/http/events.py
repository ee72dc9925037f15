"""Lets events through to the app, written or read, whose sender holds the data dir's secret."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from incumbent.lifecycle.client.deliver import EVENTS_PATH
from incumbent.lifecycle.client.proof import address_bytes, event_hash

from .answers import heard_body, once_more, refusal, say
from .proving import UNAUTHORIZED, Proofs, brings_proof

EVENT_LIMIT_BYTES = 16_000_000
HEARD_LIMIT_BYTES = 2 * EVENT_LIMIT_BYTES
UNPROVED = (
    "events are for who proves the data dir's secret: use `hook` or the MCP server of incumbent "
    "0.2 or later, or let everybody of this user in by INCUMBENT_EVENTS=open"
)


class EventsGate:
    """The gate before the path of events, whatever app is hosted."""

    def __init__(self, proofs: Proofs, data_dir: Callable[[], str]) -> None:
        self._proofs, self._data_dir = proofs, data_dir

    async def pass_on(
        self, scope: Any, receive: Any, send: Any, app: Callable[..., Awaitable[None]]
    ) -> None:
        """Let a request through to the app, or refuse it; its body is read before."""
        if not brings_proof(scope):  # nothing is read of its body
            await say(scope, send, refusal(401, UNAUTHORIZED, UNPROVED))
            return
        body: bytes | None = b""
        if scope["type"] == "http":
            limits = EVENT_LIMIT_BYTES, HEARD_LIMIT_BYTES
            body = await heard_body(scope, receive, send, "an event", *limits)
        if body is None:
            return
        target = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        method, there = scope.get("method", "GET"), address_bytes(scope["server"])
        data_dir = self._data_dir()
        why = self._proofs.refusal(
            scope,
            UNPROVED,
            lambda secret, nonce: event_hash(secret, method, target, there, data_dir, nonce, body),
        )
        if why is not None:
            await say(scope, send, refusal(401, *why))
        else:
            await app(scope, once_more(body, receive) if scope["type"] == "http" else receive, send)


def is_events(path: str) -> bool:
    """Whether events are written or read by this path, or one below it."""
    return path.startswith(EVENTS_PATH) and path[len(EVENTS_PATH) :][:1] in ("", "/")
