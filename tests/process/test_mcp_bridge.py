"""The MCP bridge is small and outlives the workers behind it, in each revision of the protocol."""

from __future__ import annotations

import asyncio
import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.client.client import Client

from ..world import RUN_S, App, World, eventually
from .test_hook import recording
from .test_mcp import AUTHORED, BRIDGE_LIMIT_KB, MCP, META, OWN, WITHOUT, Agent, told

pytestmark = pytest.mark.process

MODES = ["legacy", "2026-07-28"]
SERVED_BY_THE_APP = """
from mcp.server.mcpserver import MCPServer
from starlette.responses import PlainTextResponse
server = MCPServer("hosted")

@server.tool()
def told() -> str:
    return "by the app"

__version__ = "1.0.0"
app = server.streamable_http_app()
"""


@pytest.fixture
def authored(world: World) -> Agent:
    """Give an agent of a tool that has an MCP server of its own."""
    app = recording(world)
    (app.folder / "authored.py").write_text(AUTHORED)
    world.settings["INCUMBENT_MCP"] = "authored:server"
    return Agent(world, app)


class Raw:
    """A bridge that is spoken to line by line."""

    def __init__(self, world: World, app: App, argv: tuple[str, ...] = MCP) -> None:
        self.process: Any = world.begin_process(list(argv), app)

    def ask(self, method: str, identity: int = 1, **params: object) -> dict[str, Any]:
        """Send one request; give its answer."""
        self.say({"jsonrpc": "2.0", "id": identity, "method": method, "params": params})
        return self.hear()

    def say(self, message: object) -> None:
        """Send one line."""
        self.process.stdin.write(f"{json.dumps(message)}\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Give the next line that comes."""
        said = json.loads(self.process.stdout.readline())
        assert said["jsonrpc"] == "2.0"
        return dict(said)

    def end(self) -> str:
        """Close stdin and wait; give what was said on stderr."""
        _, talk = self.process.communicate(timeout=RUN_S)
        assert self.process.returncode == 0, talk
        return str(talk)


async def authors(session: Client, name: str) -> object:
    """Give what an author's tool gives; fails when it failed."""
    answer = await session.call_tool(name, {})
    assert not answer.is_error, answer
    assert answer.structured_content is not None
    return answer.structured_content["result"]


@pytest.fixture
def raw(world: World) -> Iterator[Raw]:
    bridge = Raw(world, recording(world))
    yield bridge
    bridge.end()


@pytest.mark.parametrize(("mode", "times"), [("legacy", 5), ("2026-07-28", 2)])
def test_a_session_with_restarts_in_it_never_errs(world: World, authored: Agent, mode, times):
    authored.mode = mode

    async def steps(session: Client) -> None:
        pids = []
        for number in range(times):
            pids.append(await authors(session, "pid"))
            if number % 2:
                done = await asyncio.to_thread(world.restart, authored.app)
                assert done.code == 0
            else:
                assert (await told(session, "restart"))["ok"]
            assert (await told(session, "recent_events"))["events"] == []
        pids.append(await authors(session, "pid"))
        assert len(set(pids)) == times + 1
        assert pids[-1] == world.health().pid

    authored.run(steps)


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_of_an_author_stand_beside_our_own(authored: Agent, mode):
    authored.mode = mode

    async def steps(session: Client) -> None:
        names = [tool.name for tool in (await session.list_tools()).tools]
        assert names == ["pid", "steps", "endless", "loud", *OWN]
        assert (await told(session, "status"))["running"]
        heard: list[float] = []

        async def hear(progress: float, total: float | None, message: str | None) -> None:
            del total, message
            heard.append(progress)

        answer = await session.call_tool("steps", {}, progress_callback=hear)
        assert (answer.is_error, heard) == (False, [1, 2, 3])
        (text,) = (await session.read_resource("mem://kept")).contents
        assert text.text == "kept text"  # type: ignore[union-attr]
        assert (await session.list_prompts()).prompts == []
        refused = await session.call_tool("dance", {})
        assert refused.is_error

    authored.run(steps)


def test_a_client_that_comes_later_is_told_what_the_author_says(world: World, authored: Agent):
    world.ensure(authored.app)
    bridge = Raw(world, authored.app)

    def greeted() -> dict[str, Any] | None:
        """Give the greeting, once it is the author's: until then it is the bridge's own."""
        greeting = bridge.ask("initialize", protocolVersion="2025-11-25", capabilities={})
        found: dict[str, Any] = greeting["result"]
        return found if found["serverInfo"]["name"] == "authored" else None

    said = eventually(greeted, "the author's server is loaded", RUN_S)
    assert said["instructions"].startswith("The author's own words.\n\nincumbent keeps exactly one")
    assert "listChanged" not in said["capabilities"]["tools"]
    bridge.end()


def test_what_an_authors_tool_prints_is_no_protocol(world: World, authored: Agent):
    async def steps(session: Client) -> None:
        assert await authors(session, "loud") == ""

    authored.run(steps)
    log = (world.data_dir / "logs" / "worker.log").read_text()
    for how in ("by print", "by write", "by descriptor", "by a child"):
        assert how in log
        assert how.encode() not in authored.wire.read_bytes()


@pytest.mark.parametrize("meta", [{}, META], ids=["handshake", "modern"])
def test_a_call_that_is_cancelled_ends_in_the_worker(world: World, authored: Agent, meta):
    health = world.ensure(authored.app)
    assert health.code == 0
    bridge = Raw(world, authored.app)
    if not meta:
        bridge.ask("initialize", protocolVersion="2025-11-25", capabilities={})
    call = {"name": "endless", "arguments": {}} | ({"_meta": meta} if meta else {})
    bridge.say({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call})
    eventually((world.data_dir / "endless").exists, "the tool is called", RUN_S)
    cancelled = {"requestId": 7}
    bridge.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": cancelled})
    eventually((world.data_dir / "ended").exists, "the tool is ended", RUN_S)
    assert bridge.ask("ping", 8)["id"] == 8  # nothing came for the call
    bridge.end()


def test_a_server_that_cannot_be_imported_costs_no_session(authored: Agent):
    (authored.app.folder / "authored.py").write_text("import no_such_marvel")

    async def steps(session: Client) -> None:
        assert [tool.name for tool in (await session.list_tools()).tools] == OWN
        answer = await session.call_tool("pid", {})
        assert answer.is_error
        text = answer.content[0].text  # type: ignore[union-attr]
        assert "no module named 'no_such_marvel'" in text.lower()
        assert "`worker-service doctor`" in text
        assert (await told(session, "status"))["running"]

    authored.run(steps)


def test_an_app_that_serves_mcp_itself_is_reached_by_the_bridge(world: World):
    app = world.app("1.0.0")
    (app.folder / "hosted.py").write_text(SERVED_BY_THE_APP)
    world.settings["INCUMBENT_MCP"] = "app"

    async def steps(session: Client) -> None:
        assert await authors(session, "told") == "by the app"
        assert (await told(session, "restart"))["ok"]
        assert await authors(session, "told") == "by the app"

    Agent(world, app).run(steps)


def test_the_bridge_is_small_and_answers_before_there_is_a_worker(world: World, raw: Raw):
    greeted = raw.ask("initialize", protocolVersion="2025-11-25", capabilities={})["result"]
    assert greeted["serverInfo"]["name"] == "incumbent"
    assert [tool["name"] for tool in raw.ask("tools/list", 2)["result"]["tools"]] == OWN
    eventually(lambda: world.seen().kind == "serving", "it serves", RUN_S)
    assert raw.ask("tools/call", 3, name="status")["result"]["structuredContent"]["running"]
    raw.say(
        {
            "jsonrpc": "2.0",
            "id": 4,
            "method": "tools/call",
            "params": {"name": "restart", "_meta": {"progressToken": "mine"}},
        }
    )
    told_of: list[int] = []
    while "id" not in (said := raw.hear()):
        assert said["params"]["progressToken"] == "mine"
        told_of.append(said["params"]["progress"])
    assert told_of == list(range(1, len(told_of) + 1))
    assert len(told_of) > 5
    assert said["result"]["structuredContent"]["said"].startswith("Worker restart verified")
    status = Path(f"/proc/{raw.process.pid}/status").read_text()
    (resident,) = (row.split()[1] for row in status.splitlines() if row.startswith("VmRSS"))
    assert int(resident) <= BRIDGE_LIMIT_KB


def test_what_is_no_request_is_told_and_costs_no_session(raw: Raw):
    raw.process.stdin.write("no JSON\n")
    raw.process.stdin.flush()
    assert raw.hear()["error"]["code"] == -32700
    raw.say([])
    assert raw.hear()["error"]["code"] == -32600
    raw.say({"jsonrpc": "2.0", "id": None, "method": "ping"})
    assert raw.hear()["error"]["code"] == -32600
    raw.say({"jsonrpc": "2.0", "id": 3, "method": "ping", "params": [1]})
    assert raw.hear()["error"]["code"] == -32602
    assert raw.ask("resources/list")["error"]["code"] == -32601
    assert raw.ask("tools/call")["error"]["code"] == -32602
    wrong = raw.ask("tools/list", _meta=META | {"io.modelcontextprotocol/protocolVersion": "2999"})
    assert wrong["error"]["code"] == -32022
    assert wrong["error"]["data"]["supported"] == ["2026-07-28"]
    raw.say({"jsonrpc": "2.0", "method": "notifications/whatever"})
    raw.say({"jsonrpc": "2.0", "id": 99, "result": {}})
    found = raw.ask("server/discover", _meta=META)["result"]
    assert (found["supportedVersions"], found["resultType"]) == (["2026-07-28"], "complete")
    assert raw.ask("initialize", protocolVersion="1999-01-01")["result"]["protocolVersion"] == (
        "2025-11-25"
    )


def test_the_built_in_tools_need_no_sdk(world: World):
    bridge = Raw(world, recording(world), (sys.executable, "-c", WITHOUT, "mcp"))
    answer = bridge.ask("tools/call", name="recent_events", arguments={})
    assert answer["result"]["structuredContent"] == {"ok": True, "events": []}
    bridge.end()


def test_all_that_was_asked_is_answered_after_stdin_has_ended(world: World):
    asked = [
        {"jsonrpc": "2.0", "id": name, "method": "tools/call", "params": {"name": name}}
        for name in ("status", "recent_events", "trace")
    ]
    done = subprocess.run(
        MCP,
        env=world.environment(recording(world)),
        input="".join(f"{json.dumps(one)}\n" for one in asked),
        text=True,
        capture_output=True,
        timeout=RUN_S,
        cwd="/",
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(answer["id"] for answer in answers) == ["recent_events", "status", "trace"]
    assert all(answer["result"]["structuredContent"]["ok"] for answer in answers)


def test_over_http_the_tools_are_for_who_proves_the_secret(world: World):
    world.ensure(recording(world))
    status, said = posted(world, {})
    assert (status, said["code"]) == (401, "unauthorized")
    assert "`page --session`" in said["error"]
    session = world.command(recording(world), "page", "--session").stdout.strip()
    status, said = posted(world, {"Authorization": f"Bearer {session}"})
    assert status == 200
    names = [tool["name"] for tool in said["result"]["tools"]]
    assert names == ["status", "recent_events", "trace"]


def posted(world: World, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Ask the worker's `/mcp` for its tools; give the status and what its JSON says."""
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=RUN_S)
    headers |= {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/list",
    }
    connection.request("POST", "/mcp", json.dumps(listing), headers)
    answer = connection.getresponse()
    said = answer.status, json.loads(answer.read())
    connection.close()
    return said
