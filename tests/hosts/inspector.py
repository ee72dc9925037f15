"""Asks our MCP server as the inspector's command line does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from .drill import INSTALLED, install_packages, person

PACKAGE = "@modelcontextprotocol/inspector"
PROGRAM = INSTALLED / "node_modules" / ".bin" / "mcp-inspector"
TOOLS = {"status", "restart", "recent_events", "trace"}
ASK_S = 60.0


def install() -> None:
    """Install it from its package; raises NotInstalledError."""
    install_packages(PACKAGE)


def wrongs(root: Path, port: int) -> list[str]:
    """List the tools, ask for the status, before and after a restart; give what is wrong."""
    environment = person(root, root / "data", port)
    command = os.path.join(os.path.dirname(sys.executable), "worker-service")

    def asked(*words: str) -> dict[str, Any]:
        argv = [str(PROGRAM), "--cli", command, "mcp", "--method", *words]
        done = subprocess.run(
            argv, env=environment, text=True, capture_output=True, timeout=ASK_S, check=False
        )
        return json.loads(done.stdout) if not done.returncode else {"error": done.stderr[-500:]}

    def pid() -> object:
        said = asked("tools/call", "--tool-name", "status")
        return said.get("structuredContent", said).get("pid", said)

    def typed(word: str) -> None:
        subprocess.run([command, word], env=environment, check=True, capture_output=True)

    typed("start")
    try:
        found = []
        listed = asked("tools/list")
        if {tool["name"] for tool in listed.get("tools", [])} != TOOLS:
            found.append(f"the tools are not listed: {listed}")
        first = pid()
        typed("restart")
        second = pid()
        if not (isinstance(first, int) and isinstance(second, int) and first != second):
            found.append(f"the status is not told: {first}, then {second}")
        return found
    finally:
        typed("stop")
