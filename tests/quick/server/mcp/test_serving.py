"""The worker's MCP server is loaded with the first request, ended with the app, loaded again."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle import mcp_tools
from incumbent.lifecycle.health import Health
from incumbent.server.app.lifespan import Lifespan
from incumbent.server.mcp.serving import McpServer, is_offered

PLAIN = """
begun, ended = [], []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        begun.append(1)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ended.append(1)
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"by the author"})

no_app = 7
"""
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def health() -> Health:
    return Health(pid=1, version="1.0.0", state="verified", since=0.0, instance="this-one")


async def recorder(scope: Any, _: Any, send: Any) -> None:
    """Stand in for an app that records events."""
    assert (scope["path"], scope["query_string"]) == ("/api/events", b"last=20")
    events = [{"event": "Begun", "payload": {"n": 1}}, {"event": "Long", "payload": "x" * 5000}]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps({"events": events}).encode()})


def server(spec: str, hosted: Any = recorder) -> McpServer:
    return McpServer(spec, health, lambda: hosted, Lifespan)


async def call(app: Any, body: bytes, headers: Any = ()) -> tuple[int, bytes]:
    sent: list[Any] = []
    heard = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        for message in heard:
            return message
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/mcp", "raw_path": b"/mcp", "query_string": b"",
        "root_path": "", "headers": list(headers), "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 20001), "state": {},
    }  # fmt: skip
    await asyncio.wait_for(app(scope, receive, send), 60.0)
    said = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    return sent[0]["status"], said


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "plain_mcp.py").write_text(PLAIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "plain_mcp", raising=False)
    return "plain_mcp"


def test_an_asgi_app_is_begun_with_the_first_request_and_again_after_an_end(plain: str):
    async def run() -> None:
        served = server(f"{plain}:app")
        assert plain not in sys.modules
        assert await call(served, b"") == (200, b"by the author")
        assert await call(served, b"") == (200, b"by the author")
        module = sys.modules[plain]
        assert (module.begun, module.ended) == ([1], [])
        await served.end(5.0)
        assert module.ended == [1]
        assert await call(served, b"") == (200, b"by the author")
        await served.end(5.0)
        assert (module.begun, module.ended) == ([1, 1], [1, 1])

    asyncio.run(run())


def test_an_author_s_server_is_loaded_before_anybody_asks(plain: str):
    async def run() -> None:
        served = server(f"{plain}:app")
        served.prepare()
        await served.end(5.0)  # waits for what is being loaded
        assert plain not in sys.modules or sys.modules[plain].ended

    asyncio.run(run())


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("no_such_marvel:server", "No module named 'no_such_marvel'"),
        ("plain_mcp:nothing", "no attribute 'nothing'"),
        ("plain_mcp:no_app", "neither an MCP server nor an ASGI app"),
    ],
)
def test_a_server_that_can_not_be_had_is_told_of(plain: str, spec: str, why: str):
    del plain
    status, said = asyncio.run(call(server(spec), b""))
    assert (status, json.loads(said)["code"]) == (501, "no-mcp-server")
    assert why in json.loads(said)["error"]


def test_whose_the_path_is():
    assert not is_offered("app")
    assert is_offered("")  # the SDK is among the tests' packages
    assert is_offered("mine:server")


def listed(method: str, **params: object) -> Any:
    """Give the result of one question to the built-in tools, in the revision without handshake."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": META}}
    headers = [
        (b"accept", b"application/json, text/event-stream"),
        (b"content-type", b"application/json"),
        (b"host", b"127.0.0.1:20001"),
        (b"mcp-protocol-version", b"2026-07-28"),
        (b"mcp-method", method.encode()),
        *([(b"mcp-name", str(params["name"]).encode())] if "name" in params else []),
    ]

    async def run() -> tuple[int, bytes]:
        served = server("")
        try:
            return await call(served, json.dumps(body).encode(), headers)
        finally:
            await served.end(5.0)

    _, said = asyncio.run(run())
    return json.loads(said)


def test_the_built_in_tools_are_those_that_look():
    found = listed("tools/list")["result"]["tools"]
    assert [tool["name"] for tool in found] == ["status", "recent_events", "trace"]
    assert all(tool["annotations"]["readOnlyHint"] for tool in found)
    assert not any(tool["annotations"]["openWorldHint"] for tool in found)


def test_the_built_in_tools_answer(data_dir: Path):
    del data_dir
    status = listed("tools/call", name="status", arguments={})["result"]["structuredContent"]
    assert (status["ok"], status["running"], status["pid"]) == (True, True, 1)
    events = listed("tools/call", name="recent_events", arguments={})["result"]
    first, long = events["structuredContent"]["events"]
    assert first == {"event": "Begun", "payload": {"n": 1}}
    assert (long["payload"], len(long["shortened"])) == (None, mcp_tools.PAYLOAD_LETTERS)
    refused = listed("tools/call", name="trace", arguments={"limit": 0})["result"]
    assert refused["isError"]
    assert listed("tools/call", name="restart", arguments={})["error"]["code"] == -32602
