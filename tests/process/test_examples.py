"""The projects under docs/examples do what their READMEs say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..isolation import Sandbox
from ..world import RUN_S

pytestmark = pytest.mark.process

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
README_LINES = 14  # ten with something in them, empty ones between


class Example:
    """One project, copied into the sandbox."""

    def __init__(self, sandbox: Sandbox, folder: str, module: str) -> None:
        self.folder = sandbox.root / "example"
        shutil.copytree(EXAMPLES / folder, self.folder)
        self.module = module
        self.environment = dict(os.environ) | sandbox.environment()
        self.environment["PYTHONPATH"] = str(self.folder)
        del self.environment["INCUMBENT_DATA_DIR"]

    def type(self, *words: str, given: str = "") -> str:
        """Run one command of the example; give what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", self.module, *words],
            env=self.environment,
            cwd=self.folder,
            text=True,
            input=given,
            capture_output=True,
            timeout=RUN_S,
            check=False,
        )
        assert done.returncode == 0, done
        return done.stdout

    def call(self, name: str, **arguments: object) -> Any:
        """Call one tool, in a session of its own."""
        params = {"name": name, "arguments": arguments}
        ask = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return json.loads(self.type("mcp", given=json.dumps(ask)))["result"]["structuredContent"]


@pytest.fixture
def example(sandbox: Sandbox) -> Iterator[Callable[[str, str], Example]]:
    begun: list[Example] = []

    def begin(folder: str, module: str) -> Example:
        begun.append(Example(sandbox, folder, module))
        return begun[-1]

    yield begin
    for one in begun:
        one.type("stop")


@pytest.mark.parametrize("folder", sorted(path.name for path in EXAMPLES.iterdir()))
def test_a_readme_is_read_in_a_minute(folder: str):
    lines = (EXAMPLES / folder / "README.md").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 10
    assert len(lines) <= README_LINES


def test_a_prompt_s_hook_gets_what_the_session_has_done_as_context(
    example: Callable[[str, str], Example],
):
    memory = example("fastapi-hooks", "memory")
    used = {"session_id": "s1", "tool_name": "Bash"}
    assert json.loads(memory.type("hook", "PostToolUse", given=json.dumps(used))) == {}
    prompt = json.dumps({"session_id": "s1", "prompt": "go on"})
    said = json.loads(memory.type("hook", "UserPromptSubmit", "--for", "claude", given=prompt))
    assert said["hookSpecificOutput"]["additionalContext"] == "Tools used so far: Bash"


def test_sessions_share_what_the_mcp_server_knows(example: Callable[[str, str], Example]):
    notes = example("mcp-server", "notes")
    assert notes.call("remember", text="the first")["result"] == 1
    assert notes.call("remember", text="the second")["result"] == 2
    assert notes.call("recall")["result"] == ["the first", "the second"]


def test_the_django_site_is_the_one_worker_of_its_project(
    example: Callable[[str, str], Example],
):
    site = example("django", "site_worker")
    site.type("start")
    status = json.loads(site.type("--json", "status"))
    assert status["dataDir"] == os.path.realpath(site.folder / ".worker")
    for served in (1, 2):
        with urllib.request.urlopen(f"http://127.0.0.1:{status['port']}/") as answer:
            assert json.load(answer) == {"served": served, "path": "/"}
    assert "verified" in site.type("restart")
    with urllib.request.urlopen(f"http://127.0.0.1:{status['port']}/") as answer:
        assert json.load(answer)["served"] == 1
