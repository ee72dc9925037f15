"""The plugin for Claude Code has the hooks that `setup` writes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from incumbent.cli.setup.hosts import CLAUDE
from incumbent.lifecycle import __version__

from ....hosts import drill

PLUGIN = Path(__file__).parents[4] / "docs" / "claude-plugin"
VALIDATE_S = 120.0


def said(name: str) -> dict[str, object]:
    return dict(json.loads((PLUGIN / name).read_text()))


def test_its_hooks_are_those_of_setup():
    entries = {e: [CLAUDE.entry(e, f"worker-service hook {e} --for claude")] for e in CLAUDE.events}
    assert said("hooks/hooks.json") == {"hooks": entries}
    server = {"command": "worker-service", "args": ["mcp"]}
    assert said(".mcp.json") == {"mcpServers": {"incumbent": server}}
    assert said(".claude-plugin/plugin.json")["version"] == __version__


def test_the_host_s_own_validator_accepts_it(tmp_path: Path):
    if not drill.is_installed("claude"):
        pytest.skip("claude is not installed: `make drill-hosts` installs and tries it")
    program = drill.INSTALLED / "node_modules/@anthropic-ai/claude-code/bin/claude.exe"
    done = subprocess.run(
        [program, "plugin", "validate", "--strict", PLUGIN],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        text=True,
        capture_output=True,
        timeout=VALIDATE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
