"""No command uses what another user owns or may write; each says so once, with the way out."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..other_user import THEM, US, as_user, needs_setpriv
from ..world import World
from .test_doctor import state_of
from .test_hook import Hooks, assert_answers, recording

COMMANDS = ["start", "stop", "restart", "status", "trace", "run", "build-and-sync"]

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root can give a folder away"),
]


@pytest.fixture
def spoiled(world: World, request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    """Give what of the data dir was spoiled, with the advice that must be given."""
    name, owner, mode = request.param
    world.data_dir.mkdir(mode=0o700)
    path = world.data_dir / name if name else world.data_dir
    if name:
        path.write_text("{}")
    path.chmod(mode)
    os.chown(path, owner, -1)
    advice = f"mv {path} {path}.old" if owner else f"chmod go-w {path}"
    yield path, f"`{advice}`"
    os.chown(path, 0, -1)
    path.chmod(0o700)


SPOILED = [
    ("", THEM, 0o755),
    ("", 0, 0o777),
    ("settings.json", THEM, 0o644),
    ("launch.json", 0, 0o666),
    ("token", THEM, 0o600),
    ("spawn.lock", 0, 0o622),
    ("spawn.lock.guard", THEM, 0o600),
]


@pytest.mark.parametrize("spoiled", SPOILED, indirect=True)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_and_nothing_moves(world: World, spoiled, command):
    path, advice = spoiled
    before = state_of(world)
    done = world.command(world.app("1.0.0"), command)
    assert done.returncode == (75 if command == "run" else 1)
    assert done.stdout == ""
    [sentence] = done.stderr.splitlines()
    assert f"{path}: " in sentence
    assert advice in sentence
    assert f"{stat.S_IMODE(path.stat().st_mode):04o}" in sentence
    assert state_of(world) == before
    assert world.spawns() == 0


@pytest.mark.parametrize("spoiled", SPOILED, indirect=True)
def test_a_hook_says_that_the_event_was_not_kept(world: World, spoiled):
    path, advice = spoiled
    before = state_of(world)
    fired = Hooks(world, recording(world)).fire("SessionStart")
    assert_answers(fired)
    assert f"{path}: " in fired.talk
    assert advice in fired.talk
    assert "it was not kept" in fired.talk
    assert state_of(world) == before


@pytest.mark.parametrize("spoiled", SPOILED, indirect=True)
def test_the_doctor_finds_it(world: World, spoiled):
    path, advice = spoiled
    done = world.command(world.app("1.0.0"), "--json", "doctor")
    assert done.returncode == 1
    [finding] = json.loads(done.stdout)["findings"]
    assert finding["what"].startswith(f"{path}: ")
    assert advice in finding["next"]
    assert "chown" not in done.stdout


def test_a_launcher_refuses_in_words_for_code(world: World):
    world.data_dir.mkdir()
    world.data_dir.chmod(0o777)
    done = world.ensure(world.app("1.0.0"))
    world.data_dir.chmod(0o700)
    assert (done.code, done.said["kind"]) == (1, "TrustError")
    assert world.spawns() == 0


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_every_folder_of_a_first_run_is_its_users_alone(world: World, umask):
    world.settings["INCUMBENT_DATA_DIR"] = str(world.sandbox.root / "new" / "er" / "data")
    top = world.sandbox.root / "new"
    hooks = Hooks(world, recording(world))
    assert_answers(hooks.fire("First", umask=umask))
    folders = [top, *(path for path in top.rglob("*") if path.is_dir())]
    assert {path.name for path in folders} >= {"new", "er", "data", "logs"}
    for path in folders:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path
    assert world.command(hooks.app, "stop").returncode == 0


@pytest.fixture
def home() -> Iterator[Path]:
    """Give the home of an ordinary user, who can look at it from its root."""
    path = Path(tempfile.mkdtemp(dir=os.path.realpath("/tmp")))
    os.chown(path, US, US)
    yield path
    shutil.rmtree(path)


@needs_setpriv
@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_an_ordinary_user_has_a_worker_whatever_the_umask(world: World, home: Path, umask):
    world.settings |= {"HOME": str(home), "INCUMBENT_DATA_DIR": str(home / "deep" / "data")}
    app = world.app("1.0.0")
    for what in ("ensure", "ensure", "restart", "stop"):
        done = world.end(world.begin(app, what, before=as_user(US), umask=umask))
        assert done.code == 0, done
    for path in (home / "deep").rglob("*"):
        assert path.stat().st_uid == US
        if path.name != "lives.jsonl":  # the app's own
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
