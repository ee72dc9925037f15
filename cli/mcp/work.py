"""Works on one request in the process that was begun for it."""

from __future__ import annotations

import json

from incumbent.lifecycle import mcp_tools
from incumbent.lifecycle.client.stream import AskerGoneError
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.settings import Worker

from . import wire
from .answers import answered, with_next_command
from .calls import ANSWER, MESSAGE, QUESTION, SESSION, Telling
from .memory import LISTS, from_memory
from .upstream import Upstream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .wire import Message

UNASKED = ("listChanged", "subscribe")
GREETING_S = 3.0  # for the worker's own server to say what it is; then it is told without


def own_tool(worker: Worker, message: Message, telling: Telling) -> None:
    """Call one of the bridge's own tools."""
    params = message["params"]
    token = (params.get("_meta") or {}).get("progressToken")

    def progress(done: int, sentence: str) -> None:
        if token is not None:
            told = {"progressToken": token, "progress": done, "message": sentence}
            said = {"jsonrpc": "2.0", "method": "notifications/progress", "params": told}
            telling.line(MESSAGE, json.dumps(said))

    answer = answered(params["name"], worker, params.get("arguments") or {}, progress)
    text = json.dumps(answer) if answer["ok"] else str(answer["error"])
    said = wire.result(message, wire.tool_result(answer, text), worker.name)
    telling.line(ANSWER, json.dumps(said))


def forwarded(
    worker: Worker, message: Message, session: str, client: Message, telling: Telling
) -> None:
    """Have a message answered by the worker's own MCP server; tell what comes back."""
    method, identity = message.get("method", ""), message.get("id")

    def opened(session: str) -> None:
        telling.line(SESSION, session)

    upstream = Upstream(worker, session, client, telling.fd, opened)
    try:
        if method in ("initialize", "server/discover"):
            telling.line(ANSWER, json.dumps(_greeted(worker, message, upstream)))
            return
        for said in upstream.ask(message):
            if "method" in said:
                if "id" in said:
                    telling.line(QUESTION, json.dumps(said["id"]))
                telling.line(MESSAGE, json.dumps(said))
            elif identity is not None and said.get("id") == identity:
                telling.line(ANSWER, json.dumps(_with_ours(worker, message, said)))
    except AskerGoneError:
        return
    except (IncumbentError, OSError) as error:
        sentence = with_next_command(str(error))
        if identity is None or "method" not in message:
            say([sentence])
        else:
            telling.line(ANSWER, json.dumps(_without(worker, message, sentence)))


def _greeted(worker: Worker, message: Message, upstream: Upstream) -> Message:
    """Give the answer to who comes: what the worker's server says of itself, if it does so soon."""
    answer = from_memory(worker, message)
    assert answer is not None
    try:
        theirs = upstream.greeting(GREETING_S)
    except (IncumbentError, OSError) as error:
        say([str(error)])
        return answer
    if message["method"] == "server/discover":
        theirs = {key: theirs[key] for key in ("capabilities", "instructions") if key in theirs}
    return answer | {"result": _merged(answer["result"], theirs)}


def _merged(ours: Message, theirs: Message) -> Message:
    """Give what the worker's server says of itself, our tools and instructions with it."""
    can = {"tools": {}} | theirs.get("capabilities", {})
    for name in can:  # what a server says unasked does not come through
        can[name] = {key: said for key, said in can[name].items() if key not in UNASKED}
    rows = [said["instructions"] for said in (theirs, ours) if said.get("instructions")]
    return ours | theirs | {"capabilities": can, "instructions": "\n\n".join(rows)}


def _with_ours(worker: Worker, message: Message, said: Message) -> Message:
    """Give the worker's server's answer, with what the bridge adds to it."""
    method, found = message["method"], said.get("result")
    refused = said.get("error") or {}
    if method in LISTS and refused.get("code") == wire.METHOD_NOT_FOUND:
        return from_memory(worker, message) or said
    if not isinstance(found, dict):
        return said
    if method == "tools/list" and "cursor" not in message["params"]:
        ours_listed = mcp_tools.tools()
        names = {tool["name"] for tool in ours_listed}
        theirs = [tool for tool in found.get("tools", []) if tool.get("name") not in names]
        return said | {"result": found | {"tools": [*theirs, *ours_listed]}}
    return said


def _without(worker: Worker, message: Message, sentence: str) -> Message:
    """Give the answer where the worker's server gives none."""
    method = message["method"]
    if method == "tools/list":
        say([sentence])
        return from_memory(worker, message) or {}
    if method == "tools/call":
        refused = {"content": [{"type": "text", "text": sentence}], "isError": True}
        return wire.result(message, refused, worker.name)
    return wire.error(message["id"], wire.INTERNAL_ERROR, sentence)
