"""What a person sets takes effect at their next launch; nothing runs by settings misread."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle import Worker
from incumbent.lifecycle.lock.process_identity import start_token
from incumbent.lifecycle.settings import default_port

from ..world import App, World, eventually
from .test_hook import Hooks, recording

pytestmark = pytest.mark.process

SECRET = "s3cret-value"
BROKEN = '{\n  "port": 21001\n  "host": "::1"\n}'

SHOWING = """
import json, os
__version__ = {version!r}
SHOWN = ("PATH", "INCUMBENT_LOG_LEVEL", "INCUMBENT_NAME", "MYTOOL_KEY", "LC_API_KEY", "OTHER")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send(dict(type="lifespan.startup.complete"))
        await receive()
        await send(dict(type="lifespan.shutdown.complete"))
        return
    said = json.dumps({{name: os.environ.get(name) for name in SHOWN}}).encode()
    headers = [(b"content-length", b"%d" % len(said))]
    await send(dict(type="http.response.start", status=200, headers=headers))
    await send(dict(type="http.response.body", body=said))
"""


@pytest.fixture
def app(world: World) -> App:
    """Give an app that shows its environment."""
    made = world.app("1.0.0")
    (made.folder / "hosted.py").write_text(SHOWING.format(version="1.0.0"))
    return made


def typed(world: World, app: App, *words: str) -> str:
    """Type a command that succeeds; give what it said on stdout."""
    done = world.command(app, *words)
    assert done.returncode == 0, done
    return done.stdout


def set_level(world: World, how: str, level: str) -> None:
    if how == "environment":
        world.settings["INCUMBENT_LOG_LEVEL"] = level
    else:
        (world.data_dir / "settings.json").write_text(f'// mine\n{{"log_level": "{level}",}}')


# They take effect.


@pytest.mark.parametrize("how", ["environment", "file"])
@pytest.mark.parametrize("again", [["restart"], ["stop", "start"]], ids=" ".join)
def test_a_changed_setting_takes_effect_when_a_person_launches(world: World, app: App, how, again):
    typed(world, app, "start")
    assert world.get()["INCUMBENT_LOG_LEVEL"] == "info"
    set_level(world, how, "debug")
    for command in again:
        typed(world, app, command)
    assert world.get()["INCUMBENT_LOG_LEVEL"] == "debug"


@pytest.mark.parametrize("again", [["restart"], ["stop", "start"]], ids=" ".join)
def test_a_changed_path_takes_effect_when_a_person_launches(world: World, app: App, again):
    typed(world, app, "start")
    path = f"/somewhere/new{os.pathsep}{os.environ['PATH']}"
    world.settings["PATH"] = path
    for command in again:
        typed(world, app, command)
    assert world.get()["PATH"] == path
    assert world.record()["good"]["environment"]["PATH"] == path


def test_a_changed_setting_takes_effect_at_the_api_restart(world: World, app: App):
    typed(world, app, "start")
    program = "from incumbent.lifecycle import restart; restart(); print('{}')"
    env = {"INCUMBENT_LOG_LEVEL": "debug"}
    done = world.end(world.begin_process([sys.executable, "-c", program], app, env=env))
    assert done.code == 0, done
    assert world.get()["INCUMBENT_LOG_LEVEL"] == "debug"


def test_an_older_install_gives_its_settings_to_the_recorded_build(world: World, app: App):
    typed(world, app, "start")
    world.settings["INCUMBENT_LOG_LEVEL"] = "debug"
    typed(world, world.app("0.9"), "restart")
    assert world.health().version == "1.0.0"
    assert world.get()["INCUMBENT_LOG_LEVEL"] == "debug"


def test_a_start_beside_a_running_worker_changes_nothing(world: World, app: App):
    typed(world, app, "start")
    before, pid = world.record(), world.health().pid
    world.settings["INCUMBENT_LOG_LEVEL"] = "debug"
    typed(world, app, "start")
    (world.data_dir / "settings.json").write_text('{"drain_timeout": "soon"}')  # the long way too
    typed(world, app, "start")
    assert world.record() == before
    assert world.health().pid == pid


@pytest.mark.parametrize("running", [True, False], ids=["running", "dark"])
@pytest.mark.parametrize("who", ["hook", "ensure"])
def test_nobody_else_recycles_for_a_setting_or_changes_the_record(
    world: World, app: App, who, running
):
    typed(world, app, "start")
    pid, before = world.health().pid, world.record()
    if not running:
        typed(world, app, "stop")
    world.settings["INCUMBENT_LOG_LEVEL"] = "debug"
    if who == "ensure":
        assert world.ensure(app).code == 0
    else:
        Hooks(world, app).fire("Any")
    assert world.get()["INCUMBENT_LOG_LEVEL"] == "info"
    assert (world.health().pid == pid) == running
    assert world.record()["environment"] == before["environment"]


# Variables for the app.


@pytest.mark.parametrize("how", ["environment", "file"])
def test_only_what_was_asked_for_reaches_the_app(world: World, app: App, how):
    world.settings |= {"MYTOOL_KEY": SECRET, "LC_API_KEY": "never", "OTHER": "never"}
    if how == "environment":
        world.settings["INCUMBENT_PASS_ENV"] = "MYTOOL_*"
    else:
        world.data_dir.mkdir(mode=0o700)
        (world.data_dir / "settings.json").write_text('{"pass_env": ["MYTOOL_*"]}')
    typed(world, app, "start")
    got = world.get()
    assert (got["MYTOOL_KEY"], got["LC_API_KEY"], got["OTHER"]) == (SECRET, None, None)
    record = world.data_dir / "launch.json"
    assert "never" not in record.read_text()
    assert record.stat().st_mode & 0o777 == 0o600


def test_a_value_for_the_app_is_shown_nowhere(world: World, app: App):
    world.settings |= {"MYTOOL_KEY": SECRET, "INCUMBENT_PASS_ENV": "MYTOOL_*"}
    said = typed(world, app, "start") + typed(world, app, "restart")
    world.settings["MYTOOL_KEY"] = f"{SECRET}-2"
    for words in (["status"], ["--json", "status"], ["doctor"], ["--json", "doctor"], ["trace"]):
        said += typed(world, app, *words)
    said += world.log() + json.dumps(world.trace()) + json.dumps(world.health().to_json())
    assert "MYTOOL_KEY" in said
    assert SECRET not in said


# What runs with other settings.


def test_what_runs_with_other_settings_is_told_until_a_restart(world: World, app: App):
    typed(world, app, "start")
    for command in ("status", "doctor"):
        assert "other settings" not in typed(world, app, command)
    world.settings |= {"INCUMBENT_LOG_LEVEL": "debug", "TZ": "Asia/Tokyo"}
    told = "unning with other settings: run `worker-service restart` (INCUMBENT_LOG_LEVEL, TZ)"
    for command in ("status", "doctor"):
        assert told in typed(world, app, command)
        said = json.loads(typed(world, app, "--json", command))
        assert said["otherSettings"] == ["INCUMBENT_LOG_LEVEL", "TZ"]
    typed(world, app, "restart")
    for command in ("status", "doctor"):
        assert "other settings" not in typed(world, app, command)


# A settings file that can't be read.


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("command", ["start", "stop", "restart", "status", "run", "doctor"])
@pytest.mark.parametrize("text", [BROKEN, "", '{"host": "here"}'], ids=["torn", "empty", "host"])
def test_a_settings_file_that_cannot_be_read_stops_every_command(world: World, command, text):
    app = world.app("1.0.0")
    world.data_dir.mkdir(mode=0o700)
    (world.data_dir / "settings.json").write_text(text)
    done = world.command(app, command)
    assert done.returncode == 1, done
    path = world.data_dir / "settings.json"
    line = 3 if text == BROKEN else 1
    assert f"{path}, line {line}: " in done.stdout + done.stderr
    assert listing(world.data_dir) == ["settings.json"]
    path.unlink()


def test_a_settings_file_broken_beside_a_worker_starts_no_second_one(world: World, app: App):
    world.settings["INCUMBENT_PORT"] = ""
    world.data_dir.mkdir(mode=0o700)
    path = world.data_dir / "settings.json"
    path.write_text(f'{{"port": {world.port}}}')
    typed(world, app, "start")
    before = listing(world.data_dir)
    path.write_text(f'{{"port": {world.port}')
    assert world.command(app, "start").returncode == 1
    assert world.ensure(app).said["kind"] == "SettingsFileError"
    assert listing(world.data_dir) == before
    assert world.spawns() == 1
    path.write_text(f'\ufeff{{"port": {world.port},}} // mended\n')
    typed(world, app, "stop")
    world.settings.clear()


def test_a_hook_beside_a_broken_settings_file_keeps_its_event_for_later(world: World):
    hooks = Hooks(world, recording(world))
    world.ensure(hooks.app)
    path = world.data_dir / "settings.json"
    path.write_text(BROKEN)
    done = hooks.fire("Kept", b'{"session_id": "s1"}')
    assert (done.code, done.out) == (0, b"{}\n")
    assert f"{path}, line 3: " in done.talk
    assert "the event is kept in" in done.talk
    path.write_text("{}")
    hooks.fire("Next", b'{"session_id": "s1"}')
    assert [event for event, _ in hooks.delivered()] == ["Kept", "Next"]


def test_the_first_run_lists_every_setting_for_its_user_alone(world: World):
    typed(world, world.app("1.0.0"), "start")
    path = world.data_dir / "settings.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert '// "pass_env": ' in path.read_text()


# Another service's.


def test_a_tools_command_inside_anothers_worker_has_its_own_places(world: World, app: App):
    world.settings["INCUMBENT_NAME"] = "a"
    typed(world, app, "start")
    before = (world.data_dir / "launch.json").read_bytes()
    inside = world.record()["environment"] | {
        "INCUMBENT_NAME": "a",
        "INCUMBENT_DATA_DIR": str(world.data_dir),
        "INCUMBENT_PORT": str(world.port),
        "INCUMBENT_APP": "hosted:app",
        "INCUMBENT_VERSION": "1.0.0",
    }
    worker = Worker("b", app="incumbent.server.recorder:app", environ=inside)
    assert worker.data_dir.endswith("/incumbent/b")
    assert worker.port == default_port(worker.data_dir)
    assert worker.version != "1.0.0"
    assert (world.data_dir / "launch.json").read_bytes() == before
    typed(world, app, "stop")


def served_and_left(world: World, app: App, name: str) -> None:
    """Have a worker of this name serve, then end: after that nobody writes to its data dir."""
    world.settings["INCUMBENT_NAME"] = name
    typed(world, app, "start")
    pid = world.health().pid
    typed(world, app, "stop")
    eventually(lambda: start_token(pid) is None, "its process ends")


@pytest.mark.parametrize("command", ["start", "restart", "stop", "run", "doctor"])
def test_anothers_data_dir_is_refused_by_name(world: World, app: App, command):
    served_and_left(world, app, "a")
    before = {path.name: path.read_bytes() for path in world.data_dir.iterdir() if path.is_file()}
    world.settings["INCUMBENT_NAME"] = "b"
    done = world.command(app, command)
    assert done.returncode == (75 if command == "run" else 1), done
    told = f"{world.data_dir}/launch.json: it belongs to the service 'a', not to 'b'"
    assert told in done.stdout + done.stderr
    assert "INCUMBENT_DATA_DIR" in done.stdout + done.stderr
    after = {path.name: path.read_bytes() for path in world.data_dir.iterdir() if path.is_file()}
    assert after == before


def test_a_hook_in_anothers_data_dir_leaves_nothing_there(world: World, app: App):
    served_and_left(world, app, "a")
    before = listing(world.data_dir)
    world.settings["INCUMBENT_NAME"] = "b"
    done = Hooks(world, app).fire("Lost")
    assert (done.code, done.out) == (0, b"{}\n")
    assert "belongs to the service 'a', not to 'b'" in done.talk
    assert "the event is lost: it was not kept" in done.talk
    assert listing(world.data_dir) == before


def test_the_lock_of_another_service_is_refused_by_name(world: World, app: App):
    world.leave_lock(os.getpid(), service="a")
    world.settings["INCUMBENT_NAME"] = "b"
    done = world.command(app, "start")
    assert done.returncode == 1
    assert f"{world.data_dir}/spawn.lock: it belongs to the service 'a'" in done.stderr
    assert listing(world.data_dir) == ["spawn.lock"]


def test_the_api_refuses_anothers_data_dir(world: World, app: App):
    served_and_left(world, app, "a")
    world.settings["INCUMBENT_NAME"] = "b"
    for what in ("ensure", "restart", "stop"):
        said = world.end(world.begin(app, what)).said
        assert said["kind"] == "AnotherServiceError", said
