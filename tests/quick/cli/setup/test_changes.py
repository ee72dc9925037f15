"""What is written into a host's files is taken back to the byte; a user's own is never touched."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from incumbent.cli.setup.changes import Command, make, planned
from incumbent.cli.setup.files import DotFileError
from incumbent.cli.setup.hosts import CLAUDE, CODEX, GEMINI, HOSTS, Host

OURS = Command("incumbent", ("worker-service",), "worker-service")
MINE = {
    "theme": "dark",
    "hooks": {"Stop": [{"hooks": [{"type": "command", "command": "say done"}]}]},
    "mcpServers": {"other": {"command": "other"}},
}
# As the hosts document them, looked up on 2026-11-25 (Claude Code 2.1.331, Codex 0.169.0, Gemini
# CLI 0.61.0). A host that has more by now needs a line in cli/setup/hosts.py, with or without hook.
DOCUMENTED = {
    "claude": """
        SessionStart Setup InstructionsLoaded UserPromptSubmit UserPromptExpansion MessageDisplay
        PreToolUse PermissionRequest PostToolUse PostToolUseFailure PostToolBatch PermissionDenied
        Notification SubagentStart SubagentStop TaskCreated TaskCompleted Stop StopFailure
        TeammateIdle ConfigChange CwdChanged DirectoryAdded FileChanged WorktreeCreate
        WorktreeRemove PreCompact PostCompact SessionEnd Elicitation ElicitationResult
        PreModelSwitch PostModelSwitch
    """,
    "codex": """
        SessionStart SessionEnd UserPromptSubmit PreToolUse PermissionRequest PostToolUse
        PreCompact PostCompact SubagentStart SubagentStop Stop
    """,
    "gemini": """
        SessionStart SessionEnd BeforeAgent AfterAgent BeforeModel AfterModel BeforeToolSelection
        BeforeTool AfterTool PreCompress Notification
    """,
}


class Home:
    """A user's home."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {"HOME": str(root)}

    def write(self, host: Host, text: str, which: int = 0) -> Path:
        path = Path(host.paths(self.environ)[which])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def set_up(self, host: Host, remove: bool = False) -> tuple[str, ...]:
        changes = planned(host, OURS, self.environ, remove)
        make(changes, OURS.name, remove)
        return tuple(sentence for change in changes for sentence in change.left)

    def files(self) -> dict[str, str]:
        return {
            str(path.relative_to(self.root)): path.read_text()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def said(path: str) -> Any:
    return json.loads(Path(path).read_text())


@pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))
def test_every_documented_event_has_a_hook_or_a_reason(host: Host):
    assert sorted({*host.events, *host.left_out}) == sorted(DOCUMENTED[host.name].split())
    assert len(host.events) + len(host.left_out) == len(DOCUMENTED[host.name].split())
    assert host.matched <= set(host.events)


@pytest.mark.parametrize("host", HOSTS.values(), ids=list(HOSTS))
def test_from_nothing_to_hooks_and_back_to_nothing(home: Home, host: Host):
    assert home.set_up(host) == ()
    hooks, servers = host.paths(home.environ)
    listed = said(hooks)["hooks"]
    assert set(listed) == set(host.events)
    for event, entries in listed.items():
        (entry,) = entries
        (hook,) = entry["hooks"]
        assert hook["command"] == f"worker-service hook {event} --for {host.name}"
        assert hook["timeout"] == host.shorter.get(event, 15) * host.unit
        assert ("async" in hook) == (event in host.passing)
    text = Path(servers).read_text()
    named = tomllib.loads(text)["mcp_servers"] if host is CODEX else json.loads(text)["mcpServers"]
    assert named == {"incumbent": {"command": "worker-service", "args": ["mcp"]}}
    before = home.files()
    assert home.set_up(host) == ()
    assert home.files() == before
    assert home.set_up(host, remove=True) == ()
    assert home.files() == {}


@pytest.mark.parametrize(
    "text", [json.dumps(MINE), json.dumps(MINE, indent=4) + "\n", "", "{}", "\n"]
)
@pytest.mark.parametrize("host", [CLAUDE, GEMINI], ids=["claude", "gemini"])
def test_a_user_s_file_is_afterwards_what_it_was_to_the_byte(home: Home, host: Host, text: str):
    path = home.write(host, text)
    path.chmod(0o640)
    home.set_up(host)
    assert said(str(path)).get("theme") == (MINE["theme"] if "dark" in text else None)
    assert path.stat().st_mode & 0o777 == 0o640
    assert home.set_up(host, remove=True) == ()
    assert home.files() == {str(path.relative_to(home.root)): text}


def test_what_a_user_wrote_since_stays(home: Home):
    path = home.write(CLAUDE, json.dumps(MINE, indent=2))
    home.set_up(CLAUDE)
    path.write_text(path.read_text().replace('"dark"', '"light"'))
    assert home.set_up(CLAUDE, remove=True) == ()
    assert said(str(path)) == MINE | {"theme": "light"}


def test_a_hook_of_ours_that_was_changed_stays_and_is_told(home: Home):
    home.set_up(CLAUDE)
    path = Path(CLAUDE.paths(home.environ)[0])
    changed = said(str(path))
    changed["hooks"]["Stop"][0]["hooks"][0]["timeout"] = 99
    path.write_text(json.dumps(changed))
    (told,) = home.set_up(CLAUDE)
    assert "the hook of Stop is there already, otherwise" in told
    (told,) = home.set_up(CLAUDE, remove=True)
    assert "the hook of Stop was changed, so it stays" in told
    assert said(str(path)) == {"hooks": {"Stop": changed["hooks"]["Stop"]}}


def test_the_toml_of_codex_keeps_its_comments(home: Home):
    text = '# mine\nmodel = "x"\n\n[mcp_servers.other]\ncommand = "other"'
    path = home.write(CODEX, text, which=1)
    home.set_up(CODEX)
    assert set(tomllib.loads(path.read_text())["mcp_servers"]) == {"other", "incumbent"}
    path.write_text(path.read_text() + "\n[tui]\ntheme = 1\n")
    assert home.set_up(CODEX, remove=True) == ()
    assert path.read_text().startswith(text)
    assert set(tomllib.loads(path.read_text())["mcp_servers"]) == {"other"}
    path.write_text('[mcp_servers.incumbent]\ncommand = "mine"\n')
    (told,) = home.set_up(CODEX, remove=True)
    assert "was changed, so it stays" in told


def test_a_link_is_written_through(home: Home):
    real = home.root / "dotfiles" / "claude.json"
    real.parent.mkdir()
    real.write_text("{}")
    path = Path(CLAUDE.paths(home.environ)[0])
    path.parent.mkdir()
    path.symlink_to(real)
    home.set_up(CLAUDE)
    assert path.is_symlink()
    assert "hooks" in said(str(real))
    home.set_up(CLAUDE, remove=True)
    assert path.is_symlink()
    assert real.read_text() == "{}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"hooks": ', "line 1 is no JSON; mend it first"),
        ("[]", "it is no JSON object"),
        ('{"hooks": []}', "'hooks' in it is of another kind than dict"),
        ('{"hooks": {"Stop": {}}}', "'Stop' in it is of another kind than list"),
    ],
)
def test_nothing_is_written_where_a_file_is_not_understood(home: Home, text: str, why: str):
    path = home.write(CLAUDE, text)
    with pytest.raises(DotFileError) as told:
        home.set_up(CLAUDE)
    assert str(told.value) == f"{path} was left as it is: {why}"
    assert home.files() == {".claude/settings.json": text}


def test_a_broken_second_file_leaves_the_first_as_it_is(home: Home):
    home.write(CODEX, "model = ", which=1)
    with pytest.raises(DotFileError, match="it is no TOML"):
        home.set_up(CODEX)
    assert list(home.files()) == [".codex/config.toml"]


@pytest.mark.parametrize("kind", ["folder", "bytes", "nowhere"])
def test_what_is_no_text_is_told(home: Home, kind: str):
    path = Path(CLAUDE.paths(home.environ)[0])
    path.parent.mkdir()
    if kind == "folder":
        path.mkdir()
    elif kind == "bytes":
        path.write_bytes(b"\xff\xfe\xfa")
    else:
        path.symlink_to(home.root / "gone")
    with pytest.raises(DotFileError, match="was left as it is"):
        home.set_up(CLAUDE)
    assert os.path.lexists(path)


def test_the_hosts_own_variables_say_where(tmp_path: Path):
    environ = {"HOME": "/home/me", "CLAUDE_CONFIG_DIR": str(tmp_path), "CODEX_HOME": "/codex"}
    assert CLAUDE.paths(environ) == (f"{tmp_path}/settings.json", f"{tmp_path}/.claude.json")
    assert CODEX.paths(environ) == ("/codex/hooks.json", "/codex/config.toml")
    assert CLAUDE.paths({"HOME": "/home/me"})[1] == "/home/me/.claude.json"
