"""The front of the worker: its own endpoints, then the hosted app."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router

from incumbent.lifecycle import states
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.system import RECYCLE, RESTART, SHUTDOWN

RESERVED = frozenset({"/api/health", "/api/readiness", "/api/trace", "/lifecycle"})
RESERVED_BELOW = ("/api/admin/", "/lifecycle/")
ASK_LIMIT_BYTES = 10_000
ACCEPT_TIMEOUT_S = 4.0

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class Desk(Protocol):
    """What the gate needs of the worker's office."""

    token: str
    instance: str

    @property
    def state(self) -> str:
        """Where the worker stands."""

    def health(self) -> Health:
        """The worker's report, now."""

    def extra(self) -> dict[str, object]:
        """What health tells beyond the report."""

    def ask(self, what: str, rebind: bool) -> asyncio.Future[None]:
        """Put an ask before the worker; done when it may be answered."""


class Gate:
    """An ASGI app that lets nobody in under a foreign name, and holds requests until it is open."""

    def __init__(self, desk: Desk, hosts: frozenset[bytes]) -> None:
        self._desk = desk
        self._hosts = hosts
        self._opened = asyncio.Event()
        self._hosted: Asgi | None = None
        # A Starlette application has no more to offer to four routes, for half a megabyte.
        self._ours: Asgi = Router(
            routes=[
                Route("/api/health", self._health),
                Route("/api/readiness", self._readiness),
                Route("/api/admin/restart", self._restart, methods=["POST"]),
                Route("/api/admin/shutdown", self._shutdown, methods=["POST"]),
            ]
        )

    def open(self, hosted: Asgi) -> None:
        """Let requests through to the app."""
        self._hosted = hosted
        self._opened.set()

    def close(self) -> None:
        """Hold requests again."""
        self._hosted = None
        self._opened.clear()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        for name, value in scope["headers"]:
            if name == b"host" and value.lower() not in self._hosts:
                answer = PlainTextResponse("this worker answers to loopback names only\n", 400)
                await answer(scope, receive, send)
                return
        path = scope["path"]
        if path in RESERVED or path.startswith(RESERVED_BELOW):
            await self._ours(scope, receive, send)
            return
        while self._hosted is None:
            await self._opened.wait()
        await self._hosted(scope, receive, send)

    async def _health(self, _: Request) -> Response:
        return JSONResponse(self._desk.health().to_json() | self._desk.extra())

    async def _readiness(self, _: Request) -> Response:
        ready = self._desk.state in states.SERVING
        return JSONResponse({"ready": ready, "state": self._desk.state}, 200 if ready else 503)

    async def _restart(self, request: Request) -> Response:
        return await self._admin(request, RESTART)

    async def _shutdown(self, request: Request) -> Response:
        return await self._admin(request, SHUTDOWN)

    async def _admin(self, request: Request, what: str) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not hmac.compare_digest(given.encode(), self._desk.token.encode()):
            return _refusal(401, "unauthorized", "the token of the data dir is needed")
        try:
            body = await request.body()
            said = json.loads(body[:ASK_LIMIT_BYTES]) if body else {}
            if not isinstance(said, dict):
                raise ValueError
        except (ValueError, RecursionError):
            return _refusal(400, "malformed", "the ask is no JSON object")
        meant = said.get("instance", self._desk.instance)
        if meant != self._desk.instance:
            return _refusal(409, "another-instance", "another instance is in office")
        if what == RESTART and said.get("why") == RECYCLE:
            what = RECYCLE
        state = self._desk.state
        if what != SHUTDOWN and state not in states.SERVING:
            if state in states.LEAVING:
                return JSONResponse({"accepted": True, "joined": True}, 202)
            return _refusal(409, "starting", "the worker is not in office yet")
        try:
            asked = self._desk.ask(what, said.get("handover") == "rebind")
            if state in states.SERVING:
                await asyncio.wait_for(asyncio.shield(asked), ACCEPT_TIMEOUT_S)
        except TimeoutError:
            return _refusal(503, "busy", "the worker has not taken the ask yet")
        return JSONResponse({"accepted": True}, 202)


def _refusal(status: int, code: str, error: str) -> Response:
    return JSONResponse({"error": error, "code": code}, status)
