"""The worker's own endpoints, then the hosted app.

Bare ASGI: a framework behind these four paths would be a fifth of all that a successor loads
before it can take over.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol

from incumbent.lifecycle.client.deliver import DATA_DIR_GONE
from incumbent.lifecycle.client.proof import ASK, SCHEME, address_bytes, keyed_hash, same_secret
from incumbent.lifecycle.drivers.ports import RECYCLE, RESTART, SHUTDOWN
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.machine import states

from .admission import Admission
from .proving import Headers, Nonces, nonce_in, proved

HEALTH = "/api/health"
READINESS = "/api/readiness"
ASKS = {"/api/admin/restart": RESTART, "/api/admin/shutdown": SHUTDOWN}
RESERVED = frozenset({HEALTH, READINESS, "/api/metrics", "/api/trace", "/lifecycle"})
RESERVED_BELOW = ("/api/admin/", "/lifecycle/")
LOOKED_AT = frozenset(
    {
        "/api/metrics",
        "/api/trace",
        "/lifecycle",
        "/lifecycle/events",
        "/lifecycle/page.css",
        "/lifecycle/page.js",
    }
)
READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110: these change nothing
ASK_LIMIT_BYTES = 10_000
ACCEPT_TIMEOUT_S = 4.0
UNPROVED = "an ask proves the data dir's secret: use a command of incumbent 0.2 or later"

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


class WorkerControl(Protocol):
    """What the endpoints need of the worker."""

    instance: str

    @property
    def token(self) -> str:
        """The secret that an admin call must know, now."""

    @property
    def state(self) -> str:
        """Where the worker stands."""

    def has_data(self) -> bool:
        """Whether the data dir is still the one that the worker serves."""

    @property
    def had_data(self) -> bool:
        """What `has_data` gave last, a second ago at most."""

    def health(self) -> Health:
        """The worker's report, now."""

    def extra(self) -> dict[str, object]:
        """What health tells beyond the report."""

    @property
    def successor_is_chosen(self) -> bool:
        """Whether the record was read for a handover that is under way."""

    def ask(self, what: str) -> asyncio.Future[bool]:
        """Put an ask before the worker; done when it may be answered, true for a joined one."""


class Answer(NamedTuple):
    """What one request is answered with; `allow` are the methods that would do."""

    status: int
    said: dict[str, Any]
    allow: str = ""


class Endpoints:
    """An ASGI app that lets in our own only, and holds requests until it is open."""

    def __init__(self, control: WorkerControl, hosts: frozenset[bytes]) -> None:
        self._control = control
        self._admission = Admission(hosts)
        self._nonces = Nonces()
        self._opened = asyncio.Event()
        self._hosted: Asgi | None = None
        self._pages: Asgi | None = None

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
        await self.app_for(scope)(scope, receive, send)

    def app_for(self, scope: Any) -> Asgi:
        """Give what answers a request: a refusal, one of our own endpoints, the hosted app.

        Of the hosted app's requests most only read: they are passed on with nothing between.
        """
        path = scope["path"]
        refused = self._admission.refusal(path, scope["headers"])
        if refused is not None:
            return _answering(_refusal(403, *refused))
        if path in LOOKED_AT and scope.get("method") in ("GET", "HEAD"):
            return self._look
        if path in RESERVED or path.startswith(RESERVED_BELOW):
            return self._ours
        if self._hosted is None:
            return self._held
        if not self._control.had_data:
            return _answering(_GONE)
        return self._hosted if scope.get("method", "GET") in READING else self._changing

    async def _held(self, scope: Any, receive: Any, send: Any) -> None:
        """Hold the request until it may be let through."""
        while self._hosted is None:
            await self._opened.wait()
        await self.app_for(scope)(scope, receive, send)

    async def _changing(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through that may change something, unless the data dir is gone."""
        if self._hosted is None:
            await self._held(scope, receive, send)
        elif self._control.has_data():
            await self._hosted(scope, receive, self._acknowledging(scope, send))
        else:
            await _send(scope, send, _GONE)

    async def _ours(self, scope: Any, receive: Any, send: Any) -> None:
        answer = await self._answer(scope, receive)
        is_report = scope["path"] == HEALTH and answer.status == 200
        await _send(scope, send, answer, self._proof if is_report else None)

    def _proof(self, scope: Any, body: bytes) -> Headers:
        nonce, secret = nonce_in(scope["headers"]), self._control.token
        if not nonce or not secret:
            return ()
        ours = self._nonces.draw(scope["client"])
        return proved(secret, nonce, ours, scope["server"], body)

    async def _look(self, scope: Any, receive: Any, send: Any) -> None:
        """Show the page, whose modules nobody pays for who does not look."""
        if self._pages is None:
            from ..page.pages import Pages

            self._pages = Pages(self._control)
        await self._pages(scope, receive, send)

    def _acknowledging(self, scope: Any, send: Any) -> Any:
        """Give a `send` that lets no answer to a change out when the data dir is gone by then."""
        gone = False

        async def sending(message: Any) -> None:
            nonlocal gone
            if message["type"] == "http.response.start" and not self._control.has_data():
                gone = True
                await _send(scope, send, _GONE)
            elif not gone:
                await send(message)

        return sending

    async def _answer(self, scope: Any, receive: Any) -> Answer:
        path, method = scope["path"], scope.get("method", "")
        if path in ASKS:
            if method != "POST":
                return _refusal(405, "method", "ask by POST", "POST")
            return await self._admin(ASKS[path], scope, receive)
        if path in LOOKED_AT:
            return _refusal(405, "method", "look by GET", "GET, HEAD")
        if path not in (HEALTH, READINESS):
            return _refusal(404, "not-found", f"nothing is at {path}")
        if method not in ("GET", "HEAD"):
            return _refusal(405, "method", "look by GET", "GET, HEAD")
        has_data = self._control.has_data()
        if path == HEALTH:
            return Answer(200, self._control.health().to_json() | self._control.extra())
        ready = has_data and self._control.state in states.SERVING_STATES
        return Answer(200 if ready else 503, {"ready": ready, "state": self._control.state})

    def _unproved(self, scope: Any, body: bytes) -> Answer | None:
        """Give why an ask is refused that its sender has not proved to be allowed."""
        given = b"".join(value for name, value in scope["headers"] if name == b"authorization")
        scheme, _, proof = given.partition(b" ")
        secret = self._control.token
        if scheme != SCHEME.encode() or not secret:
            return _refusal(401, "unauthorized", UNPROVED)
        nonce = self._nonces.spend(scope["client"])
        if not nonce:
            return _refusal(401, "prove-again", "the connection has changed hands; ask once more")
        fields = scope["path"].encode(), address_bytes(scope["server"]), nonce.encode(), body
        if not same_secret(proof, keyed_hash(secret, ASK, *fields)):
            return _refusal(401, "unauthorized", "the proof is wrong")
        return None

    async def _admin(self, what: str, scope: Any, receive: Any) -> Answer:
        try:
            body = await _body(receive)
        except ValueError:
            return _refusal(400, "malformed", "the ask is no JSON object")
        refused = self._unproved(scope, body)
        if refused is not None:
            return refused
        try:
            said = json.loads(body) if body else {}
            if not isinstance(said, dict):
                raise ValueError
        except (ValueError, RecursionError):
            return _refusal(400, "malformed", "the ask is no JSON object")
        meant = said.get("instance", self._control.instance)
        if meant != self._control.instance:
            return _refusal(409, "another-instance", "another instance serves")
        if what == RESTART and said.get("why") == RECYCLE:
            what = RECYCLE
        state = self._control.state
        if what != SHUTDOWN and state not in states.SERVING_STATES:
            if state in states.LEAVING_STATES:
                return Answer(202, {"accepted": True, "joined": self._control.successor_is_chosen})
            return _refusal(409, "starting", "the worker does not serve yet")
        try:
            asked = self._control.ask(what)
            joined = False
            if state in states.SERVING_STATES:
                joined = await asyncio.wait_for(asyncio.shield(asked), ACCEPT_TIMEOUT_S)
        except TimeoutError:
            return _refusal(503, "busy", "the worker has not taken the ask yet")
        return Answer(202, {"accepted": True, "joined": joined})


def _refusal(status: int, code: str, error: str, allow: str = "") -> Answer:
    return Answer(status, {"error": error, "code": code}, allow)


def _answering(answer: Answer) -> Asgi:
    async def app(scope: Any, _: Any, send: Any) -> None:
        await _send(scope, send, answer)

    return app


_GONE = _refusal(503, DATA_DIR_GONE, "the data dir was removed or replaced; the worker stops")


async def _body(receive: Any) -> bytes:
    """Give a request's body; raises ValueError for one that is too long, or whose sender left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ValueError
        body += message.get("body", b"")
        if len(body) > ASK_LIMIT_BYTES:
            raise ValueError
        if not message.get("more_body", False):
            return bytes(body)


async def _send(
    scope: Any, send: Any, answer: Answer, prove: Callable[[Any, bytes], Headers] | None = None
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})  # before it is accepted: a 403
        return
    body = json.dumps(answer.said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if prove is not None:
        headers += prove(scope, body)
    if answer.allow:
        headers.append((b"allow", answer.allow.encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
