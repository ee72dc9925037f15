"""Serves an agent's tools on stdin with stdout, by the Model Context Protocol."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import io
import json
import os
import signal
from fcntl import F_DUPFD_CLOEXEC, fcntl

from incumbent.lifecycle.about import VERSION, command
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.messages import printable, say
from incumbent.lifecycle.settings import Worker

from .mcp_bridge import TOOLS, Answer, answered, bring_up

NEEDED = ("mcp", "mcp_types")  # the second came with the SDK's version 2, whose calls we use
STANDARD_FDS = 3
PIP = "pip install 'incumbent[mcp]'"


class CannotServeError(IncumbentError):
    """The SDK or a standard stream is missing; the sentence says what to do."""


def serve(worker: Worker) -> int:
    """Serve until stdin ends; give the exit code; raises CannotServeError."""
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        raise CannotServeError(f"the MCP server needs the MCP SDK, version 2: run `{PIP}`")
    stdin, stdout = _taken()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a thread that reads stdin can't be interrupted
    say(worker.notices)
    worker.notices.clear()
    code = 0
    try:
        asyncio.run(_serve(worker, stdin, stdout))
    except* BrokenPipeError:
        say(["the MCP client does not read any more"])
        code = 1
    with contextlib.suppress(OSError):  # what is still unsent; from Python 3.13 a stream left open
        stdout.close()  # complains of it when it is collected
    return code


def _taken() -> tuple[io.TextIOWrapper, io.TextIOWrapper]:
    """Give the protocol's two streams, which nothing else in this process can reach from here on.

    Whatever prints, also a program that a tool's code starts, comes out on stderr.
    """
    try:
        stdin, stdout = (fcntl(fd, F_DUPFD_CLOEXEC, STANDARD_FDS) for fd in (0, 1))
    except OSError as error:
        raise CannotServeError(
            f"an MCP client speaks over stdin and stdout, one of which is closed; "
            f"give it the command `{command()} mcp`"
        ) from error
    null = os.open(os.devnull, os.O_RDWR)
    try:
        os.dup2(null, 0)
        try:
            os.dup2(2, 1)
        except OSError:
            os.dup2(null, 1)
    finally:
        os.close(null)
    return (
        io.TextIOWrapper(os.fdopen(stdin, "rb"), encoding="utf-8", errors="replace"),
        io.TextIOWrapper(os.fdopen(stdout, "wb"), encoding="utf-8"),
    )


async def _serve(worker: Worker, stdin: io.TextIOWrapper, stdout: io.TextIOWrapper) -> None:
    """Answer each request when its work is done, which is done in a thread of its own."""
    # Only who serves pays for the SDK.
    import anyio
    import mcp_types as types
    from anyio.to_thread import run_sync
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server
    from mcp.shared.exceptions import MCPError

    by_name = {tool.name: tool for tool in TOOLS}

    async def list_tools(_: object, __: object) -> types.ListToolsResult:
        return types.ListToolsResult(
            tools=[
                types.Tool(
                    name=tool.name,
                    description=tool.description,
                    input_schema=tool.schema,
                    annotations=types.ToolAnnotations(
                        read_only_hint=not tool.changes, destructive_hint=False
                    ),
                )
                for tool in TOOLS
            ]
        )

    async def call_tool(_: object, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = by_name.get(asked.name)
        if tool is None:
            raise MCPError(
                types.INVALID_PARAMS, printable(f"no tool {asked.name!r}: {', '.join(by_name)}")
            )
        answer = await run_sync(answered, tool, worker, asked.arguments or {})
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=_text(answer))],
            structured_content=answer,
            is_error=not answer["ok"],
        )

    server = Server(worker.name, version=VERSION, on_list_tools=list_tools, on_call_tool=call_tool)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_sync, bring_up, worker)
        async with stdio_server(anyio.wrap_file(stdin), anyio.wrap_file(stdout)) as (read, write):
            await server.run(read, write, server.create_initialization_options())


def _text(answer: Answer) -> str:
    """Give the answer for a client that reads text only; of a refusal, its sentence."""
    return json.dumps(answer) if answer["ok"] else str(answer["error"])
