"""What the bridge says is of the protocol's revisions, and saying it imports nothing slow."""

from __future__ import annotations

import subprocess
import sys

import mcp_types
import pytest

from incumbent.cli.mcp import wire
from incumbent.cli.mcp.memory import from_memory
from incumbent.lifecycle import Worker, mcp_tools

SLOW = {"argparse", "asyncio", "dataclasses", "json", "mcp", "re", "signal", "socket", "typing"}
META = {wire.VERSION_KEY: "2026-07-28"}


def test_the_bridge_imports_nothing_slow():
    code = "import sys, incumbent.cli.main, incumbent.cli.mcp.stdio, incumbent.lifecycle.settings; "
    code += "print(*sorted(sys.modules))"
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            "import sys; sys.path += " + repr(sys.path) + "; " + code,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "incumbent.cli.mcp.bridge" in done.stdout.split()
    assert SLOW & set(done.stdout.split()) == set()


def test_every_tool_is_of_the_protocol_s_form():
    for tool in mcp_tools.tools():
        found = mcp_types.Tool.model_validate(tool)
        assert found.title
        assert found.output_schema is not None
        assert found.annotations is not None
        assert found.annotations.open_world_hint is False
        assert found.annotations.read_only_hint is (tool["name"] != "restart")


def request(method: str, **params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


@pytest.mark.parametrize("wanted", [*wire.HANDSHAKE_VERSIONS, "2999-01-01"])
def test_the_greeting_is_of_the_protocol_s_form(sandbox, wanted: str):
    del sandbox
    answer = from_memory(Worker("mytool"), request("initialize", protocolVersion=wanted))
    assert answer is not None
    found = mcp_types.InitializeResult.model_validate(answer["result"])
    spoken = wanted if wanted in wire.HANDSHAKE_VERSIONS else wire.LATEST_HANDSHAKE
    assert (found.protocol_version, found.server_info.name) == (spoken, "mytool")
    assert "mytool keeps exactly one" in (found.instructions or "")


def test_without_a_handshake_each_answer_says_what_it_is(sandbox):
    del sandbox
    worker = Worker("mytool")
    answer = from_memory(worker, request("server/discover", _meta=META))
    assert answer is not None
    found = mcp_types.DiscoverResult.model_validate(answer["result"])
    assert found.supported_versions == ["2026-07-28"]
    listed = from_memory(worker, request("tools/list", _meta=META))
    assert listed is not None
    assert listed["result"]["resultType"] == "complete"
    assert listed["result"]["_meta"][wire.SERVER_KEY]["name"] == "mytool"


def test_an_author_s_server_may_have_more_than_tools(sandbox):
    del sandbox
    worker = Worker("mytool", mcp="mytool.tools:server")
    greeted = from_memory(worker, request("initialize"))
    assert greeted is not None
    assert {"tools", "prompts", "resources"} <= greeted["result"]["capabilities"].keys()
    listed = from_memory(worker, request("prompts/list"))
    assert listed is not None
    assert listed["result"] == {"prompts": []}
    assert from_memory(Worker("mytool"), request("prompts/list")) is None
