"""A recorded build that can't come up any more gives way to an install that can."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..world import App, World, eventually

pytestmark = pytest.mark.process

GONE = "the recorded version 1.1.0"


def rewrite(app: App, version: str, **changes: str) -> None:
    """Put other code in an app's place, as an upgrade or a downgrade in place does."""
    path = app.folder / "hosted.py"
    text = path.read_text()
    path.write_text(text.replace(text.splitlines()[2], f"__version__ = {version!r}"))
    for old, new in changes.items():
        path.write_text(path.read_text().replace(old, new))


def own_interpreter(folder: Path) -> str:
    """Give an interpreter in an environment of its own that has this incumbent."""
    (folder / "bin").mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text(
        f"home = {os.path.dirname(os.path.realpath(sys.executable))}\n"
    )
    python = folder / "bin" / "python"
    python.symlink_to(os.path.realpath(sys.executable))
    library = folder / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    library.mkdir(parents=True)
    own = Path(next(path for path in sys.path if path.endswith("site-packages")))
    (library / "incumbent.pth").write_text(f"{own}\n")
    return str(python)


def record_as(world: World, **changes: Any) -> None:
    """Change the recorded build and the good one, which are the same."""
    record = world.record()
    for build in (record, record["good"]):
        build.update(changes)
    (world.data_dir / "launch.json").write_text(json.dumps(record))


def downgrade(_: World, app: App) -> App:
    rewrite(app, "1.0.0")
    return App(app.folder, "1.0.0")


def rename(_: World, app: App) -> App:
    moved = app.folder.with_name("renamed")
    app.folder.rename(moved)
    return App(moved, app.declared)


def remove_folder(world: World, app: App) -> App:
    shutil.rmtree(app.folder)
    return world.app("1.0.0")


def rename_module(world: World, app: App) -> App:
    (app.folder / "hosted.py").rename(app.folder / "other.py")
    return world.app("1.0.0")


def drop_attribute(world: World, app: App) -> App:
    rewrite(app, "1.1.0", **{"async def app(": "async def application("})
    return world.app("1.0.0")


def lose_a_dependency(world: World, app: App) -> App:
    (app.folder / "leaned_on.py").unlink()
    return world.app("1.0.0")


def delete_environment(world: World, _: App) -> App:
    shutil.rmtree(world.sandbox.root / "venv")
    return world.app("1.0.0")


def uninstall(world: World, _: App) -> App:
    (pth,) = (world.sandbox.root / "venv").rglob("*.pth")
    pth.unlink()
    return world.app("1.0.0")


def uninstall_with_the_same_version_elsewhere(world: World, app: App) -> App:
    uninstall(world, app)
    shutil.copytree(app.folder, app.folder.with_name("elsewhere"))
    return App(app.folder.with_name("elsewhere"), "1.1.0")


def replace_interpreter(content: bytes, mode: int) -> Callable[[World, App], App]:
    def replace(world: World, _: App) -> App:
        python = world.sandbox.root / "venv" / "bin" / "python"
        python.unlink()
        python.write_bytes(content)
        python.chmod(mode)
        return world.app("1.0.0")

    return replace


def folder_for_interpreter(world: World, _: App) -> App:
    python = world.sandbox.root / "venv" / "bin" / "python"
    python.unlink()
    python.mkdir()
    return world.app("1.0.0")


KINDS = {
    "downgraded in place": downgrade,
    "project folder renamed": rename,
    "import path removed": remove_folder,
    "module renamed": rename_module,
    "attribute gone": drop_attribute,
    "dependency gone": lose_a_dependency,
    "environment deleted": delete_environment,
    "uninstalled, lower elsewhere": uninstall,
    "uninstalled, same elsewhere": uninstall_with_the_same_version_elsewhere,
    "interpreter no program": replace_interpreter(b"", 0o644),
    "interpreter no binary": replace_interpreter(b"\0\0", 0o755),
    "interpreter of another kind": replace_interpreter(b"#!/bin/sh\necho no >&2; exit 3\n", 0o755),
    "interpreter a folder": folder_for_interpreter,
}


def recorded(world: World) -> App:
    """Have version 1.1.0 recorded and verified, from an environment of its own; it was stopped."""
    app = world.app("1.1.0")
    (app.folder / "leaned_on.py").write_text("")
    rewrite(app, "1.1.0", **{"import asyncio,": "import leaned_on, asyncio,"})
    python = own_interpreter(world.sandbox.root / "venv")
    assert world.ensure(app).code == 0
    world.stop(app)
    record_as(world, python=python)
    assert world.ensure(app).code == 0
    assert os.path.realpath(f"/proc/{world.health().pid}/exe") == os.path.realpath(python)
    world.stop(app)
    return app


@pytest.mark.parametrize("command", ["start", "restart"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_callers_own_install_runs_and_the_doctor_says_how(world: World, kind, command):
    own = KINDS[kind](world, recorded(world))
    done = world.command(own, "doctor")
    assert done.returncode == 1, done
    assert GONE in done.stdout
    assert "`worker-service start`" in done.stdout
    done = world.command(own, command)
    assert done.returncode == 0, done
    assert GONE in done.stderr
    assert "is gone from this machine" in done.stderr or "gives way to" in done.stderr
    assert world.record()["version"] == own.declared
    assert world.get()["version"] == own.declared
    assert world.command(own, "doctor").returncode == 0
    assert world.command(own, "trace", "--check").returncode == 0


def test_a_build_that_can_come_up_does_not_give_way_to_a_lower_one(world: World):
    app = recorded(world)
    own = world.app("1.0.0")
    done = world.command(own, "doctor")
    assert done.returncode == 0, done
    done = world.command(own, "start")
    assert done.returncode == 0
    assert [row for row in done.stderr.splitlines() if ": waiting for " not in row] == []
    assert world.get()["version"] == app.declared


def test_a_build_whose_app_can_be_imported_and_does_not_start_gives_way_and_is_told_of(
    world: World,
):
    world.ensure(world.app("1.1.0", "starts only once"))
    world.stop(world.app("1.1.0", "starts only once"))
    started = {"STARTED": "yes", "INCUMBENT_PASS_ENV": "STARTED"}
    world.settings |= started
    record_as(world, environment=world.record()["environment"] | started)
    own = world.app("1.0.0")
    done = world.command(own, "start")
    assert done.returncode == 0
    assert "version 1.1.0 was rejected (" in done.stderr
    assert "not again" in done.stderr
    assert world.get()["version"] == "1.0.0"


def test_an_own_install_that_is_broken_too_takes_nothing_off_the_record(world: World):
    app = recorded(world)
    remove_folder(world, app)
    own = world.app("1.0.0", "cannot be imported")
    before = world.record()
    done = world.command(own, "doctor")
    assert done.returncode == 1
    assert "version 1.1.0" in done.stdout
    assert "No module named" in done.stdout
    done = world.command(own, "start")
    assert done.returncode == 1
    assert "1.1.0" in done.stderr
    after = world.record()
    assert (after["version"], after["good"]) == (before["version"], before["good"])
    shutil.copy(world.app("1.0.0").folder / "hosted.py", own.folder / "hosted.py")
    assert world.command(own, "start").returncode == 0


def test_an_own_build_that_broke_is_told_by_the_doctor(world: World):
    app = world.app("1.1.0")
    world.ensure(app)
    world.stop(app)
    drop_attribute(world, app)
    done = world.command(app, "doctor")
    assert done.returncode == 1
    assert "can't come up: the app hosted:app can't be imported: no app" in done.stdout
    assert "mend it, then run `worker-service restart`" in done.stdout
    assert world.command(app, "start").returncode == 1
    rewrite(app, "1.1.0", **{"async def application(": "async def app("})
    assert world.command(app, "restart").returncode == 0


def test_a_restart_replaces_a_healthy_worker_whose_code_was_downgraded_in_place(world: World):
    app = recorded(world)
    world.ensure(app)
    first = world.health().pid
    own = downgrade(world, app)
    assert world.command(own, "start").returncode == 0
    assert world.health().pid == first
    done = world.command(own, "restart")
    assert done.returncode == 0, done
    assert world.get()["version"] == "1.0.0"


def test_run_stands_in_for_a_build_that_is_gone(world: World):
    own = uninstall(world, recorded(world))
    process = world.begin_process([sys.executable, "-m", "incumbent.cli.main", "run"], own)
    eventually(lambda: world.seen().kind == "serving", "it serves")
    assert world.health().pid == process.pid
    assert world.get()["version"] == "1.0.0"


def test_of_many_at_once_behind_a_build_that_is_gone_each_gets_the_one_worker(world: World):
    own = uninstall(world, recorded(world))
    began = time.monotonic()
    said = world.at_once(own, *["ensure"] * 6)
    assert time.monotonic() - began < 30
    assert [done.code for done in said] == [0] * 6, said
    assert len({done.said["pid"] for done in said}) == 1
