"""Asks our MCP server as the inspector's command line does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from .drill import INSTALL_S, INSTALLED, NotInstalledError

PACKAGE = "@modelcontextprotocol/inspector"
PROGRAM = INSTALLED / "node_modules" / ".bin" / "mcp-inspector"
TOOLS = {"status", "restart", "recent_events", "trace"}
ASK_S = 60.0


def install() -> None:
    """Install it from its package; raises NotInstalledError."""
    if shutil.which("npm") is None:
        raise NotInstalledError("there is no npm")
    argv = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(INSTALLED), PACKAGE]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        raise NotInstalledError(f"npm can't install {PACKAGE}: {done.stderr[-300:]}")


def wrongs(root: Path, port: int) -> list[str]:
    """List the tools, ask for the status, before and after a restart; give what is wrong."""
    scripts = os.path.dirname(sys.executable)
    environment = {
        "HOME": str(root),
        "PATH": os.pathsep.join((scripts, "/usr/local/bin", "/usr/bin", "/bin")),
        "INCUMBENT_DATA_DIR": str(root / "data"),
        "INCUMBENT_PORT": str(port),
        "LANG": "C.UTF-8",
    }
    command = os.path.join(scripts, "worker-service")

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
