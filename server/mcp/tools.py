"""The built-in tools as a server of the official SDK."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError

from incumbent.lifecycle import mcp_tools
from incumbent.lifecycle.about import VERSION, command
from incumbent.lifecycle.client.deliver import EVENTS_PATH
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.mcp_answers import Answer, ToolError, last_events, last_lines

from ..http.answers import Asgi

# A worker can't prove its own successor: that is for who asks from outside.
OFFERED = (mcp_tools.STATUS, mcp_tools.RECENT_EVENTS, mcp_tools.TRACE)


def server(health: Callable[[], Health], hosted: Callable[[], Asgi]) -> Server[Any]:
    """Give the server of one worker, which reports its `health` and hosts an app."""
    name = health().service
    listed = [tool for tool in mcp_tools.tools() if tool["name"] in OFFERED]

    async def list_tools(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult.model_validate({"tools": listed})

    async def call_tool(_: object, asked: types.CallToolRequestParams) -> types.CallToolResult:
        if asked.name not in OFFERED:
            raise MCPError(types.INVALID_PARAMS, f"no tool {asked.name!r}: {', '.join(OFFERED)}")
        given = asked.arguments or {}
        try:
            if asked.name == mcp_tools.STATUS:
                said = {"ok": True, "running": True} | health().to_json()
            elif asked.name == mcp_tools.TRACE:
                limit = _limit(given, mcp_tools.LINES_DEFAULT, mcp_tools.LINES_LIMIT)
                said = await asyncio.to_thread(
                    last_lines, health().data_dir, given.get("run"), limit
                )
            else:
                said = await _recent_events(hosted(), given)
        except (IncumbentError, OSError) as error:
            said = {"ok": False, "error": str(error)}
        text = json.dumps(said) if said["ok"] else str(said["error"])
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)],
            structured_content=said,
            is_error=not said["ok"],
        )

    return Server(
        name,
        version=VERSION,
        instructions=mcp_tools.instructions(name, command()),
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _recent_events(app: Asgi, given: Answer) -> Answer:
    limit = _limit(given, mcp_tools.EVENTS_DEFAULT, mcp_tools.EVENTS_LIMIT)
    status, body = await _asked(app, EVENTS_PATH, f"last={limit}")
    return last_events("the app", status, body, limit)


def _limit(given: Answer, default: int, most: int) -> int:
    value = given.get("limit", default)
    if type(value) is int and 0 < value <= most:
        return value
    raise ToolError(f"`limit` is {value!r}, expected a positive number up to {most}")


async def _asked(app: Asgi, path: str, query: str) -> tuple[int, bytes]:
    """Ask the hosted app, in this process."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"localhost")],
        "client": None,
        "server": None,
    }
    status, body = 0, bytearray()
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not gone.is_set():
            gone.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, bytes(body)
