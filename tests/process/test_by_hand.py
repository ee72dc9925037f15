"""A worker run by hand keeps to the same rules as one that was spawned."""

import json
import os
import signal
import socket
import sys

import pytest

from incumbent.lifecycle.lock.spawn_lock import owner_in

from ..world import HAND, World, eventually

pytestmark = pytest.mark.process

EXIT_LOST = 75


def run(world: World, app, **settings: str):
    return world.begin_process([sys.executable, "-c", HAND], app, env=settings)


def until_it_serves(world: World) -> int:
    seen = eventually(
        lambda: (now := world.seen()).kind == "serving" and now.health, "a worker serves"
    )
    return seen.pid


def test_a_worker_run_by_hand_serves_until_it_is_told_to_stop(world: World):
    app = world.app("1.0.0")
    process = run(world, app)
    assert until_it_serves(world) == process.pid
    assert world.ensure(app).said["pid"] == process.pid
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=15) == 0
    assert len(world.lives("ends")) == 1


def test_a_worker_run_by_hand_holds_the_spawn_lock_on_its_way_up(world: World):
    app = world.app("1.0.0", "slow to start")
    process = run(world, app)
    eventually(lambda: world.events("pid_written"), "it is on its way")
    owner = owner_in((world.data_dir / "spawn.lock").read_bytes())
    assert owner is not None
    assert owner.pid == process.pid
    callers = [world.begin(app, "ensure") for _ in range(3)]
    assert {world.end(caller).said["pid"] for caller in callers} == {process.pid}
    assert not (world.data_dir / "spawn.lock").exists()
    assert world.spawns() == 0
    assert world.record()["good"]["version"] == "1.0.0"


def test_a_second_worker_run_by_hand_gives_way_without_touching_anything(world: World):
    app = world.app("1.0.0")
    first = world.ensure(app).said["pid"]
    pid_file = (world.data_dir / "worker.pid").read_text()
    process = run(world, app)
    assert process.wait(timeout=15) == EXIT_LOST
    assert (world.data_dir / "worker.pid").read_text() == pid_file
    assert not (world.data_dir / "spawn.lock").exists()
    assert world.health().pid == first
    assert len(world.lives("begins")) == 1


def test_a_worker_run_by_hand_gives_way_to_a_foreign_listener(world: World):
    with socket.create_server(("127.0.0.1", world.port)):
        process = run(world, world.app("1.0.0"))
        assert process.wait(timeout=15) == EXIT_LOST
        assert "run `worker-service status` to see by whom" in process.stderr.read()
    assert world.lives() == []
    assert not (world.data_dir / "worker.pid").exists()
    assert not (world.data_dir / "spawn.lock").exists()


def test_workers_run_by_hand_at_once_come_down_to_one(world: World):
    app = world.app("1.0.0", "slow to start")
    processes = [run(world, app) for _ in range(4)]
    serving = until_it_serves(world)
    losers = [process for process in processes if process.pid != serving]
    assert [process.wait(timeout=15) for process in losers] == [EXIT_LOST] * 3
    assert len(world.lives("begins")) == 1


def test_a_worker_run_by_hand_whose_app_fails_exits_1(world: World):
    process = run(world, world.app("1.0.0", "cannot be imported"))
    assert process.wait(timeout=15) == 1
    assert "no such marvel" in process.stderr.read()
    assert not (world.data_dir / "worker.pid").exists()
    assert not (world.data_dir / "spawn.lock").exists()


def test_an_app_that_is_none_exits_1_and_leaves_nothing(world: World):
    process = run(world, world.app("1.0.0"), INCUMBENT_APP="math:pi")
    assert process.wait(timeout=15) == 1
    assert "math:pi is no ASGI app" in process.stderr.read()
    assert not (world.data_dir / "worker.pid").exists()
    assert not (world.data_dir / "spawn.lock").exists()


@pytest.mark.parametrize("talk", ["", "print('so much to say', flush=True)"])
def test_run_with_json_says_in_one_object_how_it_ended(world: World, talk):
    app = world.app("1.0.0")
    code = app.folder / "hosted.py"
    code.write_text(code.read_text() + talk + "\n")
    argv = [sys.executable, "-m", "incumbent.cli", "run", "--json"]
    process = world.begin_process(argv, app)
    until_it_serves(world)
    lost = world.begin_process(argv, app)
    said = json.loads(lost.communicate(timeout=15)[0])
    assert (lost.returncode, said["ok"], said["exit"]) == (EXIT_LOST, False, EXIT_LOST)
    assert "is in use" in said["error"]
    process.send_signal(signal.SIGTERM)
    said = json.loads(process.communicate(timeout=15)[0])
    assert (process.returncode, said["ok"], said["exit"]) == (0, True, 0)
    assert said["pid"] == process.pid


def test_run_with_json_of_an_app_that_fails_says_why_in_one_object(world: World):
    argv = [sys.executable, "-m", "incumbent.cli", "run", "--json"]
    process = world.begin_process(argv, world.app("1.0.0", "cannot be imported"))
    said = json.loads(process.communicate(timeout=15)[0])
    assert (process.returncode, said["ok"], said["exit"]) == (1, False, 1)
    assert "no such marvel" in said["error"]


def test_a_worker_run_by_hand_can_be_restarted(world: World):
    app = world.app("1.0.0")
    process = run(world, app)
    first = until_it_serves(world)
    done = world.restart(app)
    assert done.code == 0, done
    assert done.said["pid"] != first
    assert process.wait(timeout=15) == 0
    assert os.getsid(done.said["pid"]) == done.said["pid"]
