"""`setup` shows what it would write, writes it when told, and each hook brings its event."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..world import RUN_S, App, World
from .test_hook import Hooks, recording

pytestmark = pytest.mark.process

USER_S = '{"theme": "dark"}\n'


class Person:
    """Somebody who types, in the sandbox's home."""

    def __init__(self, world: World) -> None:
        self.world, self.app = world, recording(world)
        self.settings = world.sandbox.home / ".claude" / "settings.json"
        self.settings.parent.mkdir()
        self.settings.write_text(USER_S)
        self.servers = world.sandbox.home / ".claude.json"

    def environment(self, app: App) -> dict[str, str]:
        scripts = os.path.dirname(sys.executable)
        found = self.world.environment(app)
        return found | {"PATH": scripts + os.pathsep + found["PATH"]}

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["worker-service", *words],
            env=self.environment(self.app),
            cwd="/",
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=RUN_S,
            check=False,
        )


@pytest.fixture
def person(world: World) -> Person:
    return Person(world)


def test_nothing_is_written_that_nobody_agreed_to(person: Person):
    done = person.type("setup", "claude")
    assert done.returncode == 1
    assert "hook Stop --for claude" in done.stderr
    assert "nothing was changed; run `worker-service setup claude --yes`" in done.stderr
    assert (done.stdout, person.settings.read_text()) == ("", USER_S)
    assert not person.servers.exists()


def test_it_is_written_then_taken_back(person: Person):
    done = person.type("setup", "claude", "--yes")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:2] == [
        f"Written into {person.settings}",
        f"Written into {person.servers}",
    ]
    server = json.loads(person.servers.read_text())["mcpServers"]["incumbent"]
    where = ["--data-dir", str(person.world.data_dir)]
    assert server == {"command": "worker-service", "args": [*where, "mcp"]}
    again = person.type("--json", "setup", "claude", "--yes")
    assert json.loads(again.stdout) == {"ok": True, "changed": [], "left": []}
    done = person.type("setup", "claude", "--remove", "--yes")
    assert done.returncode == 0, done.stderr
    assert person.settings.read_text() == USER_S
    assert not person.servers.exists()
    assert [path.name for path in person.settings.parent.iterdir()] == ["settings.json"]


def test_a_broken_file_is_one_sentence(person: Person):
    person.settings.write_text("{")
    done = person.type("setup", "claude", "--yes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"worker-service: {person.settings} was left as it is: line 1 is no JSON; mend it first\n"
    )


def test_uninstall_takes_back_what_setup_wrote(person: Person):
    person.world.ensure(person.app)
    assert person.type("setup", "claude", "--yes").returncode == 0
    asked = person.type("uninstall")
    assert "and takes back what `setup` wrote:" in asked.stderr
    assert "hooks" in json.loads(person.settings.read_text())
    done = person.type("uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    assert f"Taken back from {person.settings}" in done.stdout
    assert person.settings.read_text() == USER_S
    assert not person.servers.exists()


def test_the_hook_that_is_written_brings_its_event(person: Person, world: World):
    assert person.type("setup", "claude", "--yes").returncode == 0
    hooks = json.loads(person.settings.read_text())["hooks"]
    done = subprocess.run(
        ["sh", "-c", hooks["Stop"][0]["hooks"][0]["command"]],
        env=person.environment(person.app),
        input='{"session_id": "s1"}',
        cwd="/",
        text=True,
        capture_output=True,
        timeout=RUN_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "{}\n")
    assert Hooks(world, person.app).recorded() == [("Stop", {"session_id": "s1"})]


def test_a_command_that_no_host_would_find_is_told(person: Person):
    environment = person.environment(person.app) | {"INCUMBENT_COMMAND": "mytool worker"}
    done = subprocess.run(
        [sys.executable, "-m", "incumbent.cli", "setup", "claude", "--yes"],
        env=environment,
        cwd="/",
        text=True,
        capture_output=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 1
    assert "`mytool` is on no PATH where a host would find it" in done.stderr
    assert Path(person.settings).read_text() == USER_S
