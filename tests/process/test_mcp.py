"""The MCP server is one more way to the one worker, with nothing but protocol on its stdout."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import mcp_types as types
import pytest
from mcp import StdioServerParameters, stdio_client
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from incumbent.lifecycle import mcp_tools

from ..world import RUN_S, App, World, eventually
from .test_hook import Hooks, recording

pytestmark = pytest.mark.process

MCP = (sys.executable, "-m", "incumbent.cli", "mcp")
AUTHORED = """
import asyncio, os, subprocess, sys
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("authored", instructions="The author's own words.")

@server.tool()
def pid() -> int:
    return os.getpid()

@server.tool()
async def steps(ctx: Context) -> str:
    for done in (1, 2, 3):
        await ctx.report_progress(done, 3)
    return "done"

@server.tool()
async def endless() -> str:
    here = os.environ["INCUMBENT_DATA_DIR"]
    open(here + "/endless", "w").close()
    try:
        await asyncio.Event().wait()
    finally:
        open(here + "/ended", "w").close()
    return "never"

@server.tool()
def loud() -> str:
    print("by print", flush=True)
    sys.stdout.write("by write\\n")
    os.write(1, b"by descriptor\\n")
    subprocess.run(["echo", "by a child"], check=True)
    return sys.stdin.read()

@server.tool()
def status() -> str:
    return "hidden by the bridge's own"

@server.resource("mem://kept")
def kept() -> str:
    return "kept text"
"""
WITHOUT = """
import sys
sys.modules["mcp"] = None
from incumbent.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
OWN = ["status", "restart", "recent_events", "trace"]
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
BRIDGE_LIMIT_KB = 15_000


class Agent:
    """One agent with its own MCP server; what came over the wire is kept."""

    def __init__(self, world: World, app: App, argv: tuple[str, ...] = MCP) -> None:
        self.world, self.app = world, app
        self.mode: Any = "legacy"  # how the client begins: by a handshake, or by no handshake
        self.wire = world.sandbox.root / "wire"
        self.talk = world.sandbox.root / "talk"
        self._argv = argv

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Client]:
        """Give a session of the SDK's own client."""
        server = StdioServerParameters(
            command="sh",
            args=["-c", '"$@" | tee "$0"', str(self.wire), *self._argv],
            env=self.world.environment(self.app),
            cwd="/",
        )
        with open(self.talk, "w") as talk:
            async with Client(stdio_client(server, errlog=talk), mode=self.mode) as session:
                yield session

    def run(self, steps: Callable[[Client], Coroutine[Any, Any, None]]) -> None:
        """Run a whole session, then hold each byte of it against the protocol."""

        async def whole() -> None:
            async with asyncio.timeout(RUN_S), self.session() as session:
                await steps(session)

        asyncio.run(whole())
        assert_protocol(self.wire.read_bytes())


def assert_protocol(wire: bytes) -> None:
    """Every line is one message of JSON-RPC, to the last byte."""
    assert wire.endswith(b"\n")
    for line in wire.splitlines():
        said = json.loads(line)
        assert said["jsonrpc"] == "2.0", line


async def told(session: Client, name: str, **arguments: object) -> dict[str, Any]:
    """Give the structured content of a tool's answer; fails when the tool did."""
    answer = await session.call_tool(name, arguments)
    assert not answer.is_error, answer
    assert answer.structured_content is not None
    text = answer.content[0]
    assert isinstance(text, types.TextContent)
    assert json.loads(text.text) == answer.structured_content
    return dict(answer.structured_content)


async def refused(session: Client, name: str, **arguments: object) -> str:
    """Give the sentence of a tool that fails; fails when it does not."""
    answer = await session.call_tool(name, arguments)
    assert answer.is_error, answer
    text = answer.content[0]
    assert isinstance(text, types.TextContent)
    return text.text


@pytest.fixture
def agent(world: World) -> Agent:
    return Agent(world, recording(world))


def test_a_whole_session_with_a_restart_in_the_middle(world: World, agent: Agent):
    hooks = Hooks(world, agent.app)

    async def steps(session: Client) -> None:
        offered = (await session.list_tools()).tools
        assert [tool.name for tool in offered] == OWN
        assert (await told(session, "recent_events"))["events"] == []
        before = await told(session, "status")
        assert (before["running"], before["version"]) == (True, "1.0.0")
        await asyncio.to_thread(hooks.fire, "Before", b'{"n": 1}')
        proof = await told(session, "restart")
        assert proof["pid"] != before["pid"]
        assert proof["said"] == f"Worker restart verified (pid={proof['pid']}, version=1.0.0)"
        events = [line["event"] for line in proof["trace"]]
        assert events[0] == "restart_wanted"
        assert events[-1] == "worker_fits"
        assert "socket_passed" in events
        await asyncio.to_thread(hooks.fire, "After", b'{"n": 2}')
        recorded = (await told(session, "recent_events", limit=2))["events"]
        assert [(event["event"], event["payload"]) for event in recorded] == [
            ("Before", {"n": 1}),
            ("After", {"n": 2}),
        ]
        assert (await told(session, "status"))["pid"] == proof["pid"]
        lines = (await told(session, "trace", limit=5))["trace"]
        assert len(lines) == 5

    agent.run(steps)
    assert {line["origin"] for line in world.events("restart_wanted")} == {"mcp"}
    assert world.command(agent.app, "trace", "--check").returncode == 0


def test_the_server_brings_the_worker_up_before_it_is_asked(world: World, agent: Agent):
    async def steps(session: Client) -> None:
        await asyncio.to_thread(eventually, lambda: world.seen().kind == "serving", "it serves")
        assert (await told(session, "status"))["running"]

    agent.run(steps)
    assert [line["origin"] for line in world.events("child_ready")] == ["mcp"]
    assert "first run" in agent.talk.read_text()


@pytest.mark.parametrize("strategy", ["seamless", "rebind"])
def test_a_session_survives_restarts_by_another_process(world: World, agent: Agent, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy

    async def steps(session: Client) -> None:
        pids = []
        for _ in range(2):
            await told(session, "recent_events")
            pids.append((await told(session, "status"))["pid"])
            restart = world.begin(agent.app, "restart")
            while restart.poll() is None:
                await told(session, "recent_events")
            assert restart.returncode == 0
        pids.append((await told(session, "status"))["pid"])
        assert len(set(pids)) == 3

    agent.run(steps)


def test_a_worker_that_is_gone_is_brought_back_by_the_next_question(agent: Agent):
    async def steps(session: Client) -> None:
        await told(session, "recent_events")
        pid = (await told(session, "status"))["pid"]
        os.kill(pid, signal.SIGKILL)
        await told(session, "recent_events")
        assert (await told(session, "status"))["pid"] != pid

    agent.run(steps)


def test_a_stale_server_prefers_what_is_recorded_to_its_own_copy(world: World, agent: Agent):
    newer = recording(world, "2.0.0")

    async def steps(session: Client) -> None:
        await told(session, "recent_events")
        assert (await told(session, "status"))["version"] == "1.0.0"
        done = await asyncio.to_thread(world.ensure, newer)
        assert done.said["version"] == "2.0.0"
        await told(session, "recent_events")
        assert (await told(session, "status"))["version"] == "2.0.0"
        assert (await told(session, "restart"))["version"] == "2.0.0"

    agent.run(steps)
    assert world.record()["version"] == "2.0.0"
    recycles = [line for line in world.events("handover_asked") if line["why"] == "recycle"]
    assert len(recycles) == 1


def test_the_server_answers_while_a_tool_waits(world: World, agent: Agent):
    async def steps(session: Client) -> None:
        await told(session, "recent_events")
        pid = world.health().pid
        os.kill(pid, signal.SIGSTOP)
        try:
            waiting = asyncio.ensure_future(told(session, "recent_events"))
            assert len((await session.list_tools()).tools) == len(OWN)
            assert (await told(session, "trace"))["trace"]
            assert not waiting.done()
        finally:
            os.kill(pid, signal.SIGCONT)
        assert (await waiting)["events"] == []

    agent.run(steps)


def test_a_restart_that_fails_is_a_tool_error_with_its_trace_and_the_next_command(world: World):
    world.ensure(recording(world))
    agent = Agent(world, world.app("2.0.0", "cannot be imported"))

    async def steps(session: Client) -> None:
        answer = await session.call_tool("restart", {})
        assert answer.is_error
        assert answer.structured_content is not None
        assert "no such marvel" in answer.structured_content["error"]
        assert "`worker-service " in answer.structured_content["error"]
        assert answer.structured_content["trace"]
        assert (await told(session, "status"))["version"] == "1.0.0"

    agent.run(steps)


def test_trouble_is_a_tool_error_that_names_the_next_command(world: World):
    agent = Agent(world, world.app("1.0.0"))

    async def steps(session: Client) -> None:
        nothing_recorded = await refused(session, "recent_events")
        assert "`worker-service doctor`" in nothing_recorded
        assert "`timeout` is 'soon'" in await refused(session, "restart", timeout="soon")
        assert "`status` takes no pid" in await refused(session, "status", pid=1)
        assert "`limit` is 0" in await refused(session, "trace", limit=0)
        with pytest.raises(MCPError, match="no tool 'dance'"):
            await session.call_tool("dance", {})
        assert (await told(session, "status"))["running"]

    agent.run(steps)


def test_a_long_payload_is_shortened(world: World, agent: Agent):
    Hooks(world, agent.app).fire("Long", json.dumps({"text": "x" * 3_000_000}).encode())

    async def steps(session: Client) -> None:
        (event,) = (await told(session, "recent_events"))["events"]
        assert event["letters"] > 3_000_000
        assert len(event["shortened"]) == mcp_tools.PAYLOAD_LETTERS

    agent.run(steps)


def test_stdin_that_ends_ends_the_server(world: World, agent: Agent):
    world.ensure(agent.app)
    done = subprocess.run(
        MCP,
        env=world.environment(agent.app),
        input=b"",
        capture_output=True,
        timeout=RUN_S,
        cwd="/",
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_without_a_client_one_sentence_says_what_to_do(world: World, agent: Agent, closed):
    process = world.begin_process(["sh", "-c", f'exec "$@" {closed}', "sh", *MCP], agent.app)
    out, talk = process.communicate(timeout=RUN_S)
    assert (process.returncode, out) == (1, "")
    assert talk == (
        "worker-service: an MCP client speaks over stdin and stdout, one of which is closed; "
        "give it the command `worker-service mcp`\n"
    )


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_server_at_once(world: World, agent: Agent, name):
    world.ensure(agent.app)
    process = world.begin_process(list(MCP), agent.app)

    def looked() -> bool:
        return any(line["origin"] == "mcp" for line in world.events("worker_fits"))

    eventually(looked, "it serves")
    process.send_signal(getattr(signal, name))
    assert process.wait(timeout=RUN_S) == -getattr(signal, name)
    assert world.health().version == "1.0.0"


def test_a_client_that_reads_no_more_ends_the_server(world: World, agent: Agent):
    world.ensure(agent.app)
    # In this mode each Python tells of a stream that could not be closed; 3.13 tells always.
    development = ["-X", "dev", "-W", "ignore::ResourceWarning"]
    process = world.begin_process([MCP[0], *development, *MCP[1:]], agent.app)
    process.stdout.close()
    ask = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    process.stdin.write(json.dumps(ask) + "\n")
    process.stdin.close()
    assert process.wait(timeout=RUN_S) == 1
    assert process.stderr.read().endswith("incumbent: the MCP client does not read any more\n")
