"""Passes on what an agent's client says to whichever worker serves just then.

What it can answer from memory it answers; all else is done by a process of its own for each call,
which finds the worker that serves just then. So a restart of the worker ends no session.
"""

import os
from select import POLLIN, poll

from incumbent.lifecycle._small_json import dumps, loads
from incumbent.lifecycle.mcp_tools import tools
from incumbent.lifecycle.messages import say

from . import wire
from .calls import ANSWER, QUESTION, SESSION, Call
from .memory import from_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from incumbent.lifecycle.settings import Worker

    from .calls import Telling
    from .wire import Message

FIRST_LOOK_MS = 20  # for the client's first message, before the worker is brought up
CALLS = 64  # under way at once; what comes then waits
LINE_LIMIT_BYTES = 64_000_000


class ClientGoneError(Exception):
    """The client does not read any more."""


class Bridge:
    """One client's session, on two descriptors."""

    def __init__(self, worker: "Worker", stdin: int, stdout: int) -> None:
        self._worker, self._in, self._out = worker, stdin, stdout
        self._own = [tool["name"] for tool in tools()]
        self._calls: dict[int, Call] = {}  # by the descriptor of their pipes
        self._session = ""  # with the worker's own MCP server
        self._asked: dict[object, str] = {}  # by that server: the session of each question
        self._client: Message = {}
        self._left = b""

    def run(self) -> None:
        """Serve until the client has closed stdin and has all its answers.

        Raises ClientGoneError.
        """
        reading = True
        patience: int | None = FIRST_LOOK_MS
        while reading or any(call.identity is not None for call in self._calls.values()):
            waiting = poll()
            if reading and len(self._calls) < CALLS:
                waiting.register(self._in, POLLIN)
            for fd in self._calls:
                waiting.register(fd, POLLIN)
            for fd, _ in waiting.poll(patience):
                if fd == self._in:
                    reading = self._read()
                else:
                    self._hear(self._calls[fd])
            if patience is not None:
                patience = None
                if reading:
                    self._begin(Call(), self._bring_up)

    def _read(self) -> bool:
        """Take in what the client says; False at its end."""
        more = os.read(self._in, 65536)
        *lines, self._left = (self._left + more).split(b"\n")
        if not more and self._left:
            lines, self._left = [self._left], b""
        for line in lines:
            if line.strip():
                self._take(line)
        if len(self._left) > LINE_LIMIT_BYTES:
            say(["the MCP client sends a message without end"])
            return False
        return more != b""

    def _take(self, line: bytes) -> None:
        try:
            message = loads(line)
        except (ValueError, RecursionError):
            self._send(wire.error(None, wire.PARSE_ERROR, "this line is no JSON"))
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            sentence = "a message is one JSON object of JSON-RPC 2.0"
            self._send(wire.error(None, wire.INVALID_REQUEST, sentence))
        elif not isinstance(message.get("method"), str):
            session = self._asked.pop(repr(message.get("id")), "")
            if session:
                self._forward(message, session)
        elif "id" not in message:
            self._notified(message)
        elif type(message["id"]) in (str, int):
            self._requested(message)
        else:
            sentence = "an id is a text or a whole number"
            self._send(wire.error(None, wire.INVALID_REQUEST, sentence))

    def _requested(self, message: "Message") -> None:
        identity, method = message["id"], message["method"]
        params = message.setdefault("params", {})
        version = wire.version_of(message)
        if not isinstance(params, dict):
            self._send(wire.error(identity, wire.INVALID_PARAMS, "params is an object"))
        elif version and method != "initialize" and version not in wire.MODERN_VERSIONS:
            supported = {"supported": list(wire.MODERN_VERSIONS), "requested": version}
            sentence = f"protocol revision {version!r} is not spoken here"
            self._send(wire.error(identity, wire.UNSUPPORTED_VERSION, sentence, supported))
        elif method == "tools/call":
            self._called(message, params.get("name"))
        elif self._worker.mcp and method != "ping":
            if method == "initialize":
                self._client = {key: said for key, said in params.items() if key != "_meta"}
            self._forward(message, self._session)
        else:
            answer = from_memory(self._worker, message)
            if answer is None:
                answer = wire.error(identity, wire.METHOD_NOT_FOUND, f"there is no {method!r} here")
            self._send(answer)

    def _called(self, message: "Message", name: object) -> None:
        identity, worker = message["id"], self._worker
        if isinstance(name, str) and name in self._own:

            def work(telling: "Telling") -> None:
                from .work import own_tool

                own_tool(worker, message, telling)

            self._begin(Call(identity), work)
        elif worker.mcp:
            self._forward(message, self._session)
        else:
            sentence = f"no tool {name!r}: {', '.join(self._own)}"
            self._send(wire.error(identity, wire.INVALID_PARAMS, sentence))

    def _notified(self, message: "Message") -> None:
        method, params = message["method"], message.get("params")
        if method == "notifications/initialized" or not isinstance(params, dict | None):
            return
        session = self._session
        if method == "notifications/cancelled" and params:
            for call in self._calls.values():
                if call.identity is not None and call.identity == params.get("requestId"):
                    call.cancelled = True
                    session = call.session or session
                    if call.modern:
                        call.end()
                        session = ""
        if session:
            self._forward(message, session)

    def _forward(self, message: "Message", session: str) -> None:
        """Pass a message on to the worker's own MCP server."""
        worker, client = self._worker, self._client

        def work(telling: "Telling") -> None:
            from .work import forwarded

            forwarded(worker, message, session, client, telling)

        identity = message.get("id") if "method" in message else None
        self._begin(Call(identity, modern=wire.version_of(message) != ""), work)

    def _begin(self, call: Call, work: "Callable[[Telling], None]") -> None:
        try:
            call.begin(work, [self._in, self._out, *self._calls])
        except OSError as error:
            if call.identity is None:
                say([f"no process can be begun: {error.strerror}"])
                return
            sentence = f"no process can be begun for it: {error.strerror}"
            self._send(wire.error(call.identity, wire.INTERNAL_ERROR, sentence))
        else:
            call.session = self._session
            self._calls[call.fd] = call

    def _hear(self, call: Call) -> None:
        """Relay what a call's process tells."""
        lines = call.lines()
        if lines is None:
            del self._calls[call.fd]
            if call.identity is not None and not (call.answered or call.cancelled):
                sentence = "it ended without an answer; its last words are on stderr"
                self._send(wire.error(call.identity, wire.INTERNAL_ERROR, sentence))
            return
        for line in lines:
            kind, text = line[:1], line[1:]
            if kind == SESSION:
                self._session = call.session = text.decode()
            elif kind == QUESTION:
                self._asked[repr(loads(text))] = call.session
            else:
                call.answered = call.answered or kind == ANSWER
                if not (kind == ANSWER and call.cancelled):
                    self._write(text + b"\n")

    def _send(self, message: "Message") -> None:
        self._write(dumps(message).encode() + b"\n")

    def _write(self, left: bytes) -> None:
        try:
            while left:
                left = left[os.write(self._out, left) :]
        except BrokenPipeError as error:
            raise ClientGoneError from error

    def _bring_up(self, _: "Telling") -> None:
        """Have the worker up before anybody asks; what stands in the way is told on stderr."""
        from incumbent.lifecycle import ensure_running

        try:
            ensure_running(self._worker, origin="mcp")
        except Exception as error:  # the tools are there all the same, and tell it again
            say([str(error) or repr(error)])
