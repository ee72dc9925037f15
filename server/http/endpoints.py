"""The worker's own endpoints, then the hosted app.

Bare ASGI: a framework behind these four paths would be a fifth of all that a successor loads
before it can take over.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from incumbent.lifecycle.client.proof import ASK, MCP_PATH, address_bytes, keyed_hash
from incumbent.lifecycle.drivers.ports import RECYCLE, RESTART, SHUTDOWN
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.machine import states

from .admission import Admission
from .answers import Answer, Asgi, answering, refusal, say, whole_body
from .events import EventsGate, is_events
from .mcp_gate import McpGate
from .proving import Proofs, Question, told

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
GET_HEAD = ((b"allow", b"GET, HEAD"),)
POST = ((b"allow", b"POST"),)
ASK_LIMIT_BYTES = 10_000
ACCEPT_TIMEOUT_S = 4.0
UNPROVED = "an ask proves the data dir's secret: use a command of incumbent 0.2 or later"

DATA_DIR_GONE = "data-dir-gone"


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

    @property
    def events_are_open(self) -> bool:
        """Whether events are taken from, and given to, who proves nothing."""

    def health(self) -> Health:
        """The worker's report, now."""

    def extra(self) -> dict[str, object]:
        """What health tells beyond the report."""

    @property
    def successor_is_chosen(self) -> bool:
        """Whether the record was read for a handover that is under way."""

    def ask(self, what: str) -> asyncio.Future[bool]:
        """Put an ask before the worker; done when it may be answered, true for a joined one."""


class Endpoints:
    """An ASGI app that lets in our own only, and holds requests until it is open."""

    def __init__(
        self, control: WorkerControl, hosts: frozenset[bytes], mcp: Asgi | None = None
    ) -> None:
        self._control = control
        self._admission = Admission(hosts)
        self._proofs = Proofs(lambda: control.token)
        self._events = EventsGate(self._proofs, lambda: control.health().data_dir)
        self._mcp: Asgi | None = None
        if mcp is not None:
            self._mcp = McpGate(self._proofs, lambda: control.token, lambda: control.health(), mcp)
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
            return answering(refusal(403, *refused))
        if path in LOOKED_AT and scope.get("method") in ("GET", "HEAD"):
            return self._look
        if path in RESERVED or path.startswith(RESERVED_BELOW):
            return self._ours
        if is_events(path) and not self._control.events_are_open:
            return self._event
        return self._for_the_app(scope)

    def _for_the_app(self, scope: Any) -> Asgi:
        """Give what answers a request that may reach the hosted app."""
        if self._hosted is None:
            return self._held
        if not self._control.had_data:
            return answering(_GONE)
        if self._mcp is not None and scope["path"] == MCP_PATH:
            return self._mcp
        return self._hosted if scope.get("method", "GET") in READING else self._changing

    async def _held(self, scope: Any, receive: Any, send: Any) -> None:
        """Hold the request until it may be let through."""
        while self._hosted is None:
            await self._opened.wait()
        await self._for_the_app(scope)(scope, receive, send)

    async def _event(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request for events through, once it is proved."""

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self._for_the_app(scope)(scope, receive, send)

        if self._control.has_data():
            await self._events.pass_on(scope, receive, send, app)
        else:
            await say(scope, send, _GONE)

    async def _changing(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through that may change something, unless the data dir is gone."""
        if self._hosted is None:
            await self._held(scope, receive, send)
        elif self._control.has_data():
            await self._hosted(scope, receive, self._acknowledging(scope, send))
        else:
            await say(scope, send, _GONE)

    async def _ours(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != HEALTH:
            await say(scope, send, await self._answer(scope, receive))
            return
        question = self._proofs.question(scope)
        answer = self._health(scope, question)
        if question is None or answer.status != 200:
            await say(scope, send, answer)
        else:
            await say(scope, send, answer, lambda body: self._proofs.answer(question, scope, body))

    def _health(self, scope: Any, question: Question | None) -> Answer:
        if scope.get("method", "") not in ("GET", "HEAD"):
            return refusal(405, "method", "look by GET", GET_HEAD)
        self._control.has_data()
        return Answer(200, told(self._control.health().to_json() | self._control.extra(), question))

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
                await say(scope, send, _GONE)
            elif not gone:
                await send(message)

        return sending

    async def _answer(self, scope: Any, receive: Any) -> Answer:
        path, method = scope["path"], scope.get("method", "")
        if path in ASKS:
            if method != "POST":
                return refusal(405, "method", "ask by POST", POST)
            return await self._admin(ASKS[path], scope, receive)
        if path in LOOKED_AT:
            return refusal(405, "method", "look by GET", GET_HEAD)
        if path != READINESS:
            return refusal(404, "not-found", f"nothing is at {path}")
        if method not in ("GET", "HEAD"):
            return refusal(405, "method", "look by GET", GET_HEAD)
        has_data = self._control.has_data()
        ready = has_data and self._control.state in states.SERVING_STATES
        return Answer(200 if ready else 503, {"ready": ready, "state": self._control.state})

    async def _admin(self, what: str, scope: Any, receive: Any) -> Answer:
        try:
            body = await whole_body(receive, ASK_LIMIT_BYTES)
        except ValueError:
            return refusal(400, "malformed", "the ask is no JSON object")
        fields = scope["path"].encode(), address_bytes(scope["server"])
        why = self._proofs.refusal(
            scope, UNPROVED, lambda secret, nonce: keyed_hash(secret, ASK, *fields, nonce, body)
        )
        if why is not None:
            return refusal(401, *why)
        try:
            said = json.loads(body) if body else {}
            if not isinstance(said, dict):
                raise ValueError
        except (ValueError, RecursionError):
            return refusal(400, "malformed", "the ask is no JSON object")
        meant = said.get("instance", self._control.instance)
        if meant != self._control.instance:
            return refusal(409, "another-instance", "another instance serves")
        if what == RESTART and said.get("why") == RECYCLE:
            what = RECYCLE
        state = self._control.state
        if what != SHUTDOWN and state not in states.SERVING_STATES:
            if state in states.LEAVING_STATES:
                return Answer(202, {"accepted": True, "joined": self._control.successor_is_chosen})
            return refusal(409, "starting", "the worker does not serve yet")
        try:
            asked = self._control.ask(what)
            joined = False
            if state in states.SERVING_STATES:
                joined = await asyncio.wait_for(asyncio.shield(asked), ACCEPT_TIMEOUT_S)
        except TimeoutError:
            return refusal(503, "busy", "the worker has not taken the ask yet")
        return Answer(202, {"accepted": True, "joined": joined})


_GONE = refusal(503, DATA_DIR_GONE, "the data dir was removed or replaced; the worker stops")
