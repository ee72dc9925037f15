"""Passes messages on to the worker's own MCP server, whichever worker that is just now."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from incumbent.lifecycle import ensure_running
from incumbent.lifecycle.client.fast_path import probe_worker
from incumbent.lifecycle.client.http import DarkError, NotHttpError, SilentError, field, literal
from incumbent.lifecycle.client.proof import (
    MCP_PATH,
    PROVE_AGAIN,
    SCHEME,
    address_bytes,
    ask_for_proof,
    mcp_hash,
    secret_of,
)
from incumbent.lifecycle.client.stream import Stream
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.health import WORKER_SERVING
from incumbent.lifecycle.settings import Worker

from .wire import LATEST_HANDSHAKE, version_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import Message

ORIGIN = "mcp"
TAKEN_S = 60.0  # for somebody to take a message, across a launch or a restart under way
ANSWER_S = 86_400.0  # a tool may work for long; who waits for it can cancel
PROOF_S = 10.0
PAUSE_S = 0.02
NO_SESSION = "-"  # of an upstream that keeps none

# Asked twice they do no more than asked once.
SAFE = frozenset(
    {
        "completion/complete",
        "initialize",
        "logging/setLevel",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "server/discover",
        "tools/list",
    }
)
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class UpstreamError(IncumbentError):
    """The worker's MCP server has not answered; the sentence says why."""


class _NotTakenError(Exception):
    """Nobody has taken the message: it may be sent again."""


class Upstream:
    """One caller's way to the worker's `/mcp`.

    `session` is what `opened` told before, empty for none; `client` is what the client's own
    `initialize` says of it. `asker` is the pipe by which the answer goes.
    """

    def __init__(
        self,
        worker: Worker,
        session: str,
        client: Message,
        asker: int,
        opened: Callable[[str], None],
    ) -> None:
        self._worker, self._session, self._client = worker, session, client
        self._asker, self._opened = asker, opened
        self.patience = ANSWER_S  # for the next piece of an answer
        self._named = ""  # the session that the last answer came in
        self._greeting: Message = {}  # what the worker's server says of itself

    def ask(self, message: Message) -> Iterator[Message]:
        """Give each message that comes back, the answer last.

        Raises UpstreamError, or what `ensure_running` raises.
        """
        until = time.monotonic() + TAKEN_S
        while True:
            try:
                if not version_of(message) and not self._session:
                    self._open()
                yield from self._exchange(message, self._session)
                return
            except _NotTakenError as error:
                _wait(until, error)

    def greeting(self, within: float) -> Message:
        """Begin a session; give what the worker's server says of itself. Raises as `ask` does.

        A worker that does not serve yet is not waited for.
        """
        if probe_worker(self._worker).kind != WORKER_SERVING:
            raise UpstreamError("the worker does not serve yet")
        until, self.patience = time.monotonic() + within, within
        while True:
            try:
                self._open()
                return self._greeting
            except _NotTakenError as error:
                _wait(until, error)

    def _open(self) -> None:
        """Begin a session as the client has begun its own."""
        told = {"protocolVersion": LATEST_HANDSHAKE, "capabilities": {}} | self._client
        told.setdefault("clientInfo", {"name": "worker-service mcp", "version": "0"})
        begin = {"jsonrpc": "2.0", "id": "bridge", "method": "initialize", "params": told}
        for answer in self._exchange(begin, ""):
            said = answer.get("result")
            if answer.get("id") == "bridge" and isinstance(said, dict):
                self._greeting = said
        if not self._greeting:
            raise UpstreamError("the worker's MCP server did not begin a session")
        version = str(self._greeting.get("protocolVersion", LATEST_HANDSHAKE))
        self._session = f"{version} {self._named or NO_SESSION}"
        for _ in self._exchange(
            {"jsonrpc": "2.0", "method": "notifications/initialized"}, self._session
        ):
            pass
        self._opened(self._session)

    def _exchange(self, message: Message, session: str) -> Iterator[Message]:
        """Send one message; give what comes back. Raises _NotTakenError, UpstreamError."""
        method = str(message.get("method", ""))
        body = json.dumps(message).encode()
        worker = self._worker
        health = ensure_running(worker, origin=ORIGIN)
        address = health.address(worker.host, worker.port)
        secret = secret_of(worker.data_dir)
        try:
            stream = Stream(*address, PROOF_S, self._asker)
        except (DarkError, SilentError) as error:
            raise _NotTakenError(repr(error)) from error
        except NotHttpError as error:
            raise UpstreamError(str(error)) from error
        try:
            nonce = ask_for_proof(stream, secret).nonce
            if not nonce:
                raise UpstreamError(
                    f"who listens on {literal(address[0])}:{address[1]} does not prove that it is "
                    "our worker"
                )
            there = address_bytes(stream.there)
            proof = mcp_hash(secret, "POST", there, worker.data_dir, nonce.encode(), body)
            headers = _headers(message, session)
            if worker.mcp != "app":  # which may want an Authorization of its own
                headers += f"Authorization: {SCHEME} {proof}\r\n"
            status, head = stream.begin("POST", MCP_PATH, body, headers, self.patience)
            yield from self._answers(stream, message, session, status, head)
        except (SilentError, NotHttpError) as error:
            if not stream.taken or method in SAFE or "id" not in message:
                raise _NotTakenError(str(error)) from error
            raise UpstreamError(
                f"the worker went away in the middle of it ({error}): whether it was done is not "
                "known"
            ) from error
        finally:
            stream.close()

    def _answers(
        self, stream: Stream, message: Message, session: str, status: int, head: bytes
    ) -> Iterator[Message]:
        self._named = field(head, b"mcp-session-id").decode("latin-1")
        identity = message.get("id")
        if field(head, b"content-type").startswith(b"text/event-stream"):
            for answer in _events(stream.pieces(head, self.patience)):
                yield answer
                if answer.get("id") == identity and "method" not in answer:
                    return
            if identity is not None and "method" in message:
                raise SilentError("its answer was cut off")
            return
        body = b"".join(stream.pieces(head, self.patience))
        said = _parsed(body)
        code = said.get("code")
        if code in (PROVE_AGAIN, "data-dir-gone", "starting"):
            raise _NotTakenError(str(said.get("error", code)))
        if status == 404 and session and not session.endswith(f" {NO_SESSION}"):
            self._session = ""
            raise _NotTakenError("the session is another worker's")
        if said.get("jsonrpc") == "2.0":
            yield said | ({"id": identity} if said.get("id") is None else {})
        elif status not in (200, 202, 204):
            why = said.get("error", body[:200].decode(errors="replace"))
            raise UpstreamError(f"the worker's MCP server answered {status} ({why})")


def _wait(until: float, error: Exception) -> None:
    if time.monotonic() + PAUSE_S >= until:
        raise UpstreamError(f"the worker does not take the question: {error}") from error
    time.sleep(PAUSE_S)


def _headers(message: Message, session: str) -> str:
    """Give what the HTTP transport wants in the head beside the body."""
    rows = ["Accept: application/json, text/event-stream"]
    version = version_of(message)
    if version:
        params, method = message["params"], message["method"]
        rows += [f"MCP-Protocol-Version: {_safe(version)}", f"Mcp-Method: {_safe(method)}"]
        if method in _NAMED and isinstance(params.get(_NAMED[method]), str):
            rows.append(f"Mcp-Name: {_safe(params[_NAMED[method]])}")
    elif session:
        version, _, named = session.partition(" ")
        rows.append(f"MCP-Protocol-Version: {version}")
        if named != NO_SESSION:
            rows.append(f"Mcp-Session-Id: {named}")
    return "".join(f"{row}\r\n" for row in rows)


def _safe(value: str) -> str:
    """Give a text as a field of a head can carry it (revision 2026-07-28)."""
    plain = value.isascii() and value.isprintable() and value == value.strip()
    if plain and not value.startswith("=?base64?"):
        return value
    from base64 import b64encode

    return f"=?base64?{b64encode(value.encode()).decode()}?="


def _events(pieces: Iterator[bytes]) -> Iterator[Message]:
    """Give the message of each event of a stream."""
    left, data = b"", []
    for piece in pieces:
        *lines, left = (left + piece).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:])
            elif not line and data:
                said = _parsed(b"\n".join(data))
                data = []
                if said:
                    yield said


def _parsed(content: bytes) -> Message:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
