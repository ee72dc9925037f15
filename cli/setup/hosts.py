"""What each host of hooks wants: its files, its events, its unit of time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

SECONDS, MILLISECONDS = 1, 1000
TIMEOUT_S = 15  # our own deadline of 10 s comes first


class Host(NamedTuple):
    """One host: `waits` are the events whose answer it waits for, `passing` those where it needs
    none, `left_out` those that get no hook, each with its reason.

    Its folder is `folder` below the home, or what the variable `home` says.
    """

    name: str
    title: str
    home: str
    folder: str
    hooks: str  # the file of its hooks, in its folder
    servers: str  # the file of its MCP servers, from the home where it begins with "~"
    unit: int
    waits: tuple[str, ...]
    passing: tuple[str, ...]
    left_out: Mapping[str, str]
    matched: frozenset[str]  # those where a matcher names the tools
    said: tuple[str, ...]  # what a user would not guess
    shorter: Mapping[str, int] = {}  # seconds, where the host allows no more

    @property
    def events(self) -> tuple[str, ...]:
        """Every event that gets a hook."""
        return (*self.waits, *self.passing)

    def paths(self, environ: Mapping[str, str]) -> tuple[str, str]:
        """Give the files of its hooks and of its MCP servers."""
        home = environ.get("HOME") or os.path.expanduser("~")
        given = environ.get(self.home, "")
        folder = given or os.path.join(home, self.folder)
        servers = os.path.join(folder, self.servers)
        if self.servers.startswith("~"):
            servers = os.path.join(given or home, self.servers[2:])
        return os.path.join(folder, self.hooks), servers

    def entry(self, event: str, command: str) -> dict[str, Any]:
        """Give what stands in its list of hooks for one event."""
        hook: dict[str, Any] = {"type": "command", "command": command}
        hook["timeout"] = self.shorter.get(event, TIMEOUT_S) * self.unit
        if event in self.passing:
            hook["async"] = True
        matcher = {"matcher": "*"} if event in self.matched else {}
        return {**matcher, "hooks": [hook]}


# As documented on 2026-11-25 (Claude Code 2.1, Codex 0.169, Gemini CLI 0.61).
CLAUDE = Host(
    "claude",
    "Claude Code",
    "CLAUDE_CONFIG_DIR",
    ".claude",
    "settings.json",
    "~/.claude.json",
    SECONDS,
    (
        "SessionStart", "Setup", "UserPromptSubmit", "UserPromptExpansion", "PreToolUse",
        "PermissionRequest", "PostToolUse", "PostToolUseFailure", "PostToolBatch",
        "SubagentStart", "SubagentStop", "TaskCreated", "TaskCompleted", "Stop", "TeammateIdle",
        "ConfigChange", "PreCompact", "Elicitation", "ElicitationResult", "SessionEnd",
    ),
    (
        "InstructionsLoaded", "PermissionDenied", "Notification", "StopFailure", "CwdChanged",
        "WorktreeRemove", "PostCompact",
    ),
    {
        "WorktreeCreate": "whoever hooks it makes the worktree, and prints its path",
        "MessageDisplay": "fires for every piece of text that is shown",
        "FileChanged": "has to name the files that are watched",
        "DirectoryAdded": "older ones of this host do not know it",
        "PreModelSwitch": "older ones of this host do not know it",
        "PostModelSwitch": "older ones of this host do not know it",
    },
    frozenset({
        "PreToolUse", "PermissionRequest", "PostToolUse", "PostToolUseFailure", "PermissionDenied",
    }),
    ("a session that runs already takes new hooks over at its next start",),
)  # fmt: skip
CODEX = Host(
    "codex",
    "Codex",
    "CODEX_HOME",
    ".codex",
    "hooks.json",
    "config.toml",
    SECONDS,
    (
        "SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PostToolUse",
        "PreCompact", "PostCompact", "SubagentStart", "SubagentStop", "Stop", "SessionEnd",
    ),
    (),
    {},
    frozenset({"PreToolUse", "PermissionRequest", "PostToolUse"}),
    (
        "it runs no hook that you have not trusted, and says nothing: start it and trust them "
        "when it asks, or by /hooks",
        "it ends the hook of SessionEnd after 3 s: the event is kept by then",
    ),
    {"SessionEnd": 3},
)  # fmt: skip
GEMINI = Host(
    "gemini",
    "Gemini CLI",
    "",
    ".gemini",
    "settings.json",
    "settings.json",
    MILLISECONDS,
    (
        "SessionStart", "BeforeAgent", "BeforeTool", "AfterTool", "AfterAgent", "PreCompress",
        "Notification", "SessionEnd",
    ),
    (),
    {
        "BeforeModel": "comes with every request to the model, whole",
        "AfterModel": "comes with every piece of the model's answer",
        "BeforeToolSelection": "comes with every request to the model",
    },
    frozenset({"BeforeTool", "AfterTool"}),
    ("its timeouts are in milliseconds: 15000 is 15 s",),
)  # fmt: skip
HOSTS = {host.name: host for host in (CLAUDE, CODEX, GEMINI)}
