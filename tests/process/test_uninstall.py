"""`uninstall` leaves nothing of this project behind, touches nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from incumbent.lifecycle.known_data_dirs import known

from ..world import World

pytestmark = pytest.mark.process


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir()}


def test_nothing_of_ours_is_left_and_nothing_else_is_touched(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    world.restart(app)
    outside = world.sandbox.root / "outside.txt"
    outside.write_text("mine")
    (world.data_dir / "mine.db").write_text("mine")
    (world.data_dir / "logs" / "mine.log").write_text("mine")
    os.symlink(outside, world.data_dir / "silent")
    done = world.command(app, "--json", "uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    left = {"lives.jsonl", "mine.db", "logs/mine.log", "silent"}
    assert files_in(world.data_dir) == left
    assert {os.path.relpath(path, world.data_dir) for path in said["left"]} == left
    assert outside.read_text() == "mine"
    assert world.seen().kind == "dark"
    assert list(known(os.environ)) == []


def test_a_data_dir_with_nothing_else_in_it_goes_too(world: World) -> None:
    app = world.app("1.0.0")
    world.settings["INCUMBENT_APP"] = "incumbent.server.recorder:app"
    world.settings["INCUMBENT_VERSION"] = ""
    world.ensure(app)
    assert world.command(app, "uninstall", "--yes").returncode == 0
    assert files_in(world.data_dir) == {"events.db"}
    assert world.command(app, "uninstall", "--yes", "--data").returncode == 0
    assert not world.data_dir.exists()
    assert not (world.sandbox.home / "data" / "incumbent").exists()


def test_events_that_wait_stay_without_a_word_of_data(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    name = f"{1:020}-{'0' * 16}-00000000-0000-4000-8000-000000000000.json"
    kept = world.data_dir / "spool" / name
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    kept.write_text("{}")
    world.command(app, "uninstall", "--yes")
    assert kept.exists()
    world.command(app, "uninstall", "--yes", "--data")
    assert not kept.exists()


def test_nobody_is_asked_who_cannot_answer(world: World) -> None:
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    before = files_in(world.data_dir)
    done = world.command(app, "uninstall")
    assert done.returncode == 1
    assert "launch.json" in done.stderr
    assert "nothing was removed; run `worker-service uninstall --yes`" in done.stderr
    assert files_in(world.data_dir) == before
    assert world.health().pid == pid


def test_the_data_dir_of_another_service_is_refused(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    world.stop(app)
    before = files_in(world.data_dir)
    world.settings["INCUMBENT_NAME"] = "another"
    done = world.command(app, "uninstall", "--yes", "--data")
    assert done.returncode == 1
    assert files_in(world.data_dir) == before
