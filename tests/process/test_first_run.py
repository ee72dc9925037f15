"""On a machine that has never seen us, stdout is protocol from the very first command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.cli.command_table import COMMANDS
from incumbent.lifecycle import Worker

from ..isolation import Sandbox
from ..world import RUN_S, eventually
from .test_build import BACKEND, PYPROJECT
from .test_mcp import assert_protocol

pytestmark = pytest.mark.process

ANSWER: dict[str, object] = {}
SOURCE = '__version__ = "{version}"\nfrom incumbent.server.recorder import app as app\n'
LAUNCHING = ("start", "restart", "build-and-sync")  # those that need the settings, so make them


class Machine:
    """A fresh home, where nothing but the port is said, because a test may not use the real one."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.home = sandbox.root / "fresh"
        self.home.mkdir()
        self.environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "INCUMBENT_PORT": str(sandbox.port),
        }
        self.data_dir = Path(Worker(environ=self.environment).data_dir)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin one command."""
        return subprocess.Popen(
            [sys.executable, "-m", "incumbent.cli", *words],
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *words: str, given: bytes = b"") -> tuple[int, bytes, str]:
        """Run one command; give exit code, stdout, stderr."""
        process = self.begin(*words)
        out, talk = process.communicate(given, timeout=RUN_S)
        return process.returncode, out, talk.decode()

    def project(self, version: str) -> Path:
        """Write a project that can be built without a network."""
        folder = self.home / "project"
        (folder / "backend").mkdir(parents=True)
        (folder / "backend" / "tiny.py").write_text(BACKEND)
        (folder / "hosted.py").write_text(SOURCE.format(version=version))
        (folder / "pyproject.toml").write_text(PYPROJECT.format(version=version))
        return folder


@pytest.fixture
def machine(sandbox: Sandbox) -> Iterator[Machine]:
    machine = Machine(sandbox)
    yield machine
    code, _, talk = machine.run("stop")
    assert code == 0, talk


def one_object(out: bytes) -> dict[str, Any]:
    """Give the object that is all of stdout, to the byte."""
    said, end = json.JSONDecoder().raw_decode(out.decode())
    assert out[end:] == b"\n", out
    assert isinstance(said, dict)
    return said


def test_the_very_first_hook_answers_with_one_object(machine: Machine):
    code, out, talk = machine.run("hook", "SessionStart", given=b'{"session_id": "s1"}')
    assert (code, one_object(out)) == (0, ANSWER)
    assert talk == f"incumbent: first run: settings are in {machine.data_dir}/settings.json\n"
    assert machine.data_dir.stat().st_mode & 0o777 == 0o700
    assert machine.run("hook", "Stop", given=b"{}")[2] == ""


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"run", "hook", "mcp"}))
def test_the_very_first_json_of_a_command_is_one_object(machine: Machine, name):
    words = [name]
    if name == "build-and-sync":
        words.append(str(machine.project("1.0.0")))
    if name == "setup":
        words.append("claude")
    code, out, talk = machine.run("--json", *words)
    said = one_object(out)
    nothing_to_do = {"status": 3, "page": 1, "uninstall": 1, "setup": 1}
    assert code in (0, nothing_to_do.get(name)), talk
    assert said.get("ok", said.get("running")) is (code == 0)
    assert ("first run" in talk) == (name in LAUNCHING)
    assert machine.data_dir.exists() == (name in LAUNCHING)


@pytest.mark.parametrize("words", [("--version",), ("--help",), ("start", "--help"), ("dance",)])
def test_the_very_first_json_of_a_question_or_an_error_is_one_object(machine: Machine, words):
    code, out, _ = machine.run("--json", *words)
    assert one_object(out)["ok"] is (code == 0)
    assert not machine.data_dir.exists()


def test_the_very_first_mcp_server_speaks_protocol_only(machine: Machine):
    process = machine.begin("mcp")
    assert process.stdin is not None
    assert process.stdout is not None
    info = {"protocolVersion": "2025-06-18", "capabilities": {}}
    info |= {"clientInfo": {"name": "test", "version": "1"}}
    asks = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": info},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "recent_events"}},
    ]
    process.stdin.write(b"".join(json.dumps(ask).encode() + b"\n" for ask in asks))
    process.stdin.flush()
    answers = [process.stdout.readline() for _ in (1, 2)]
    rest, talk = process.communicate(timeout=RUN_S)
    assert process.returncode == 0
    assert_protocol(b"".join(answers) + rest)
    assert [json.loads(line)["id"] for line in answers] == [1, 2]
    assert json.loads(answers[1])["result"]["structuredContent"] == {"ok": True, "events": []}
    assert "first run: settings are in" in talk.decode()


def test_the_very_first_foreground_worker_writes_nothing_on_stdout(machine: Machine):
    process = machine.begin("run")
    eventually(
        lambda: machine.run("--json", "status")[0] == 0 or process.poll() is not None, "it serves"
    )
    process.send_signal(signal.SIGTERM)
    out, talk = process.communicate(timeout=RUN_S)
    assert (process.returncode, out) == (0, b"")
    assert "first run" in talk.decode()
