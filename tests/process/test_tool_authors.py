"""Whoever has an app of their own gets every command for it, under their own name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle import Worker

from ..isolation import Sandbox
from ..readme import block, command_lines
from ..world import RUN_S, World, eventually

pytestmark = pytest.mark.process

PROGRAM = """
import sys
from functools import partial
from incumbent.cli import commands
from incumbent.lifecycle import Worker

worker = partial(Worker, "mytool", "1.0.0", {app!r})
"""
ARGPARSE = """
import argparse

parser = argparse.ArgumentParser(prog="mytool")
parser.add_argument("--verbose", action="store_true")
subcommands = parser.add_subparsers(dest="command")
"""
CLICK = """
import click

@click.group()
def cli():
    pass

{block}
cli()
"""


INSIDE = """
import json
from incumbent.lifecycle import Worker, ensure_running, ensure_running_async

__version__ = "1.0.0"

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    said = {"pid": (await ensure_running_async(Worker())).pid}
    try:
        ensure_running(Worker())
    except Exception as error:
        said["error"] = str(error)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})
"""


class Tool:
    """A tool with a worker of its own, in a fresh home; nothing else says where that is."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.folder = sandbox.root / "project"
        self.folder.mkdir()
        scripts = os.path.dirname(sys.executable)
        self.environment = dict(os.environ) | sandbox.environment()
        self.environment["PATH"] = scripts + os.pathsep + os.environ["PATH"]
        del self.environment["INCUMBENT_DATA_DIR"]  # its name says where
        self.data_dir = Path(Worker("mytool", environ=self.environment).data_dir)

    def type(self, line: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a line of shell in the project's folder."""
        return subprocess.run(
            ["sh", "-c", line],
            env=self.environment | settings,
            cwd=self.folder,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=RUN_S,
            check=False,
        )


@pytest.fixture
def tool(sandbox: Sandbox) -> Iterator[Tool]:
    tool = Tool(sandbox)
    yield tool
    program = "from functools import partial; import sys; from incumbent.lifecycle import *; "
    stopped = tool.type(f"python -c \"{program}stop(Worker('mytool'))\"")
    assert stopped.returncode == 0, stopped


def test_the_20_lines_of_the_readme_are_a_worker_with_hooks(tool: Tool):
    source = block("python", "FastAPI")
    assert len([line for line in source.splitlines() if line.strip()]) <= 20
    (tool.folder / "mytool.py").write_text(source)
    path, hook, restart = command_lines("python -m mytool hook")
    first = tool.type(f"{path}; {hook}")
    assert (first.returncode, first.stdout) == (0, "{}\n")
    assert "first run" in first.stderr
    before = json.loads(tool.type(f"{path}; python -m mytool --json status").stdout)
    assert (before["version"], before["service"]) == ("1.0.0", "mytool")
    assert before["workerPath"] == str(tool.folder / "mytool.py")
    done = tool.type(f"{path}; {restart}")
    after = json.loads(tool.type(f"{path}; python -m mytool --json status").stdout)
    proof = f"Worker restart verified (pid={after['pid']}, version=1.0.0)"
    assert done.stdout.splitlines()[-1] == proof
    assert after["pid"] != before["pid"]
    (event,) = map(json.loads, (tool.data_dir / "events.jsonl").read_text().splitlines())
    assert (event["event"], event["payload"]) == ("SessionStart", {"session_id": "s1"})


def test_a_newer_version_of_the_20_lines_takes_over_with_its_first_hook(tool: Tool):
    source = block("python", "FastAPI")
    (tool.folder / "mytool.py").write_text(source)
    path, hook, _ = command_lines("python -m mytool hook")
    assert tool.type(f"{path}; {hook}").returncode == 0
    (tool.folder / "mytool.py").write_text(source.replace('"1.0.0"', '"1.0.1"'))
    assert tool.type(f"{path}; {hook}").returncode == 0
    assert json.loads(tool.type(f"{path}; python -m mytool --json status").stdout)["version"] == (
        "1.0.1"
    )
    assert len((tool.data_dir / "events.jsonl").read_text().splitlines()) == 2


def programs(app: str) -> dict[str, str]:
    """Give the two ways of docs/hosting.md to mount the commands."""
    head = PROGRAM.format(app=app)
    return {
        "argparse": head + ARGPARSE + block("python", "parse_known_args"),
        "click": head + CLICK.format(block=block("python", "click.argument")),
    }


@pytest.mark.parametrize("way", ["argparse", "click"])
def test_every_command_can_be_mounted_below_ones_own(tool: Tool, way):
    program = programs("incumbent.server.recorder:app")[way]
    (tool.folder / "mytool.py").write_text(program.replace('"1.0.0"', "None"))
    started = tool.type("python mytool.py worker start")
    assert started.returncode == 0, started
    assert started.stdout.startswith("Worker running (pid=")
    restarted = tool.type("python mytool.py worker --json restart --timeout 50")
    assert json.loads(restarted.stdout)["ok"] is True
    fired = tool.type("echo {} | python mytool.py worker hook Mounted")
    assert fired.stdout == "{}\n"
    assert (tool.data_dir / "events.db").exists()
    assert "usage: mytool worker restart" in tool.type("python mytool.py worker restart -h").stdout


@pytest.mark.parametrize("way", ["argparse", "click"])
def test_every_message_names_the_command_that_people_type(tool: Tool, way):
    (tool.folder / "mytool.py").write_text(programs("no_such_module:app")[way])

    def said(words: str, code: int) -> str:
        done = tool.type(f"python mytool.py worker {words}", INCUMBENT_HOOK_TIMEOUT="20")
        assert done.returncode == code, done
        assert "worker-service" not in done.stdout + done.stderr
        return done.stderr

    assert "`mytool worker restart`" in said("start", 1)
    assert "usage: mytool worker [--data-dir D]" in said("dance", 2)
    assert "run `mytool worker doctor`" in said("hook Kept", 0)


def test_the_place_that_is_typed_wins_over_the_tools_own(tool: Tool, sandbox: Sandbox):
    program = programs("incumbent.server.recorder:app")["argparse"]
    (tool.folder / "mytool.py").write_text(program)
    other = sandbox.root / "other"
    done = tool.type(f"python mytool.py worker --json --data-dir {other} status")
    assert done.returncode == 3, done
    (other).mkdir()
    (other / "settings.json").write_text("no json")
    spoiled = tool.type(f"python mytool.py worker --data-dir {other} status")
    assert spoiled.returncode == 1
    assert f"{other}/settings.json, line 1: " in spoiled.stderr
    assert "then run `mytool worker start`" in spoiled.stderr


def test_the_foreground_worker_is_the_tools_own(tool: Tool, world: World):
    (tool.folder / "hosted.py").write_text((world.app("1.0.0").folder / "hosted.py").read_text())
    (tool.folder / "mytool.py").write_text(programs("hosted:app")["argparse"])
    environment = tool.environment | {"PYTHONPATH": str(tool.folder)}
    process: Any = subprocess.Popen(
        [sys.executable, "mytool.py", "worker", "run"], cwd=tool.folder, env=environment
    )
    try:

        def serving() -> dict[str, Any]:
            said = json.loads(tool.type("python mytool.py worker --json status").stdout)
            return dict(said) if said.get("status") == "ok" else {}

        said = eventually(serving, "it serves")
        assert (said["service"], said["version"], said["pid"]) == ("mytool", "1.0.0", process.pid)
        assert tool.type("python mytool.py worker stop").returncode == 0
        assert process.wait(timeout=15) == 0
    finally:
        process.kill()
        process.wait()


def test_a_worker_that_asks_for_itself_is_told_so_instead_of_waiting(world: World):
    app = world.app("1.0.0")
    (app.folder / "hosted.py").write_text(INSIDE)
    assert world.ensure(app).code == 0
    said = world.get("/")
    assert said["pid"] == world.health().pid
    assert said["error"] == (
        "this is the worker of incumbent itself, so it runs; in a handler that is async, call "
        "`await ensure_running_async()`, which does not block it"
    )
