"""Many launchers on a machine without a worker bring up exactly one."""

import os

import pytest

from incumbent.lifecycle.lock.process_identity import self_token

from ..world import App, World, dead_owner, eventually

pytestmark = pytest.mark.process

CALLERS = 50
STRATEGIES = ("seamless", "rebind")


def assert_one_worker_for_all(world: World, dones, spawned: int = 1):
    assert [done.said for done in dones if done.code] == []
    assert {done.said["pid"] for done in dones} == {world.health().pid}
    assert world.spawns() == spawned
    assert not (world.data_dir / "spawn.lock").exists()


def test_fifty_callers_at_once_on_a_cold_machine_spawn_one_worker(world: World):
    dones = world.at_once(world.app("1.0.0"), *["ensure"] * CALLERS)
    assert_one_worker_for_all(world, dones)


def test_fifty_callers_at_once_beside_the_lock_of_a_dead_owner_spawn_one_worker(world: World):
    world.leave_lock(*dead_owner())
    dones = world.at_once(world.app("1.0.0"), *["ensure"] * CALLERS)
    assert_one_worker_for_all(world, dones)
    assert world.events("lock_stale_stolen", machine="spawner")


def test_fifty_callers_at_once_beside_a_lock_61_s_old_spawn_one_worker(world: World):
    world.leave_lock(os.getpid(), self_token(), age=61.0)
    dones = world.at_once(world.app("1.0.0"), *["ensure"] * CALLERS)
    assert_one_worker_for_all(world, dones)
    assert world.events("lock_stale_stolen", machine="spawner")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_fifty_callers_at_once_during_a_restart_spawn_nothing_of_their_own(world: World, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy
    app: App = world.app("1.0.0", "slow to start")
    first = world.ensure(app).said["pid"]
    callers = world.ready(app, *["ensure"] * CALLERS)
    restart = world.begin(app, "restart")
    eventually(lambda: world.events("handover_asked"), "the restart is under way")
    world.go(callers)
    dones = [world.end(caller) for caller in callers]
    restarted = world.end(restart)
    assert restarted.code == 0, restarted
    assert restarted.said["pid"] != first
    assert [done.said for done in dones if done.code] == []
    assert {done.said["pid"] for done in dones} <= {first, restarted.said["pid"]}
    assert world.spawns() == 2
    assert not (world.data_dir / "spawn.lock").exists()


def test_a_caller_does_not_take_the_fresh_lock_of_a_living_owner(world: World):
    world.settings["INCUMBENT_TIMEOUT"] = "1"
    token = world.leave_lock(os.getpid(), self_token())
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 1
    assert done.said["event"] == "deadline_passed"
    assert world.spawns() == 0
    assert token in (world.data_dir / "spawn.lock").read_text()


def test_the_lock_of_a_dead_process_costs_no_waiting(world: World):
    app = world.app("1.0.0")
    cold = world.ensure(app).took
    world.stop(app)
    world.leave_lock(*dead_owner())
    assert world.ensure(app).took < 2 * cold + 0.5


def test_the_lock_of_a_killed_launcher_that_nobody_reaped_costs_no_waiting(world: World):
    app = world.app("1.0.0", "slow to start")
    launcher = world.begin(app, "ensure")
    eventually(lambda: world.events("spawned"), "the launcher holds the lock")
    launcher.kill()  # a zombie from here on: we don't wait for it
    done = world.ensure(app)
    assert done.code == 0, done
    assert done.took < 5
    assert launcher.poll() is not None
