"""A restart proves a new worker or leaves the old one serving."""

import pytest

from ..world import World, eventually

pytestmark = pytest.mark.process

STRATEGIES = ("seamless", "rebind")
BROKEN = {
    "cannot be imported": "no such marvel",
    "exits at import": "I will not serve",
    "dies at import": "gone without a word",
    "crashes at import": "a library of C",
    "fails at start": "no such table",
    "hangs at import": "not up within",
    "never ready": "not up within",
}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_restart_is_verified_by_another_process(world: World, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy
    app = world.app("1.0.0")
    first = world.ensure(app).said
    second = world.restart(app)
    assert second.code == 0, second
    assert second.said["pid"] != first["pid"]
    assert second.said["version"] == "1.0.0"
    assert world.health().pid == second.said["pid"]
    expected = "socket_passed" if strategy == "seamless" else "closed"
    assert [line["event"] for line in world.events("socket_passed", "closed")] == [expected]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_restart_brings_the_new_version(world: World, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy
    world.ensure(world.app("1.0.0"))
    done = world.restart(world.app("2.0.0"))
    assert (done.code, done.said["version"]) == (0, "2.0.0")
    assert world.get()["version"] == "2.0.0"
    assert world.record()["good"]["version"] == "2.0.0"


def test_a_restart_starts_a_worker_where_none_runs(world: World):
    done = world.restart(world.app("1.0.0"))
    assert done.code == 0, done
    assert world.spawns() == 1


@pytest.mark.parametrize("flaw", BROKEN)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_restart_on_a_broken_build_fails_and_the_old_version_serves(world: World, strategy, flaw):
    world.settings |= {"INCUMBENT_HANDOVER": strategy, "INCUMBENT_START_TIMEOUT": "2"}
    good = world.app("1.0.0")
    world.ensure(good)
    done = world.restart(world.app("2.0.0", flaw))
    assert done.code == 1, done
    assert BROKEN[flaw] in done.said["error"] + done.said["last_output"]
    assert "Exception in callback" not in world.log()
    assert world.health().version == "1.0.0"
    assert world.get()["version"] == "1.0.0"
    record = world.record()
    assert (record["version"], record["good"]["version"]) == ("1.0.0", "1.0.0")
    assert [rejection["version"] for rejection in record["rejected"]] == ["2.0.0"]
    eventually(lambda: not (world.data_dir / "spawn.lock").exists(), "the lock is given back")


@pytest.mark.parametrize("flaw", ["cannot be imported", "hangs at import"])
def test_a_build_whose_code_is_broken_never_stops_the_old_worker(world: World, flaw):
    world.settings["INCUMBENT_START_TIMEOUT"] = "2"
    first = world.ensure(world.app("1.0.0")).said["pid"]
    assert world.restart(world.app("2.0.0", flaw)).code == 1
    assert world.health().pid == first
    assert len(world.lives("begins")) == 1
    assert world.lives("ends") == []


def test_a_rejected_build_is_not_tried_again_by_the_next_events(world: World):
    world.ensure(world.app("1.0.0"))
    broken = world.app("2.0.0", "cannot be imported")
    world.restart(broken)
    tried = world.spawns()
    dones = [world.ensure(broken) for _ in range(2)]
    assert [(done.code, done.said.get("version")) for done in dones] == [(0, "1.0.0")] * 2
    assert all("no such marvel" in done.talk for done in dones)
    assert world.spawns() == tried


def test_a_rejected_build_is_tried_again_once_it_is_mended(world: World):
    world.ensure(world.app("1.0.0"))
    broken = world.app("2.0.0", "cannot be imported")
    assert world.ensure(broken).said["version"] == "1.0.0"
    (broken.folder / "hosted.py").write_text((world.app("2.0.0").folder / "hosted.py").read_text())
    done = world.ensure(broken)
    assert (done.code, done.said["version"]) == (0, "2.0.0")


def test_a_rebinding_restart_beside_twenty_ensures_costs_one_generation(world: World):
    world.settings["INCUMBENT_HANDOVER"] = "rebind"
    app = world.app("1.0.0")
    world.ensure(app)
    dones = world.at_once(app, "restart", *["ensure"] * 20)
    assert [done.said for done in dones if done.code] == []
    assert world.generations() - 1 == 1
    assert world.spawns() == 2


def test_a_mislabelled_build_that_was_rejected_costs_later_events_nothing(world: World):
    world.ensure(world.app("1.0.0"))
    mislabelled = world.app("1.0.0", declared="2.0.0")
    dones = world.at_once(mislabelled, *["ensure"] * 8)
    assert [done.said for done in dones if done.code] == []
    assert {done.said["version"] for done in dones} == {"1.0.0"}
    assert [done.talk for done in dones if "2.0.0 was rejected" not in done.talk] == []
    assert len(world.events("standby_spawned", "rebind_chosen")) <= 1
    assert world.record()["version"] == "1.0.0"
    spawned = world.spawns()
    late = world.ensure(mislabelled)
    assert (late.code, late.said["version"], world.spawns()) == (0, "1.0.0", spawned)
    assert late.took < 1


def test_a_newer_version_replaces_an_older_worker_once(world: World):
    world.ensure(world.app("1.0.0"))
    dones = world.at_once(world.app("2.0.0"), *["ensure"] * 8)
    assert {(done.code, done.said.get("version")) for done in dones} == {(0, "2.0.0")}
    assert world.generations() == 2


def test_an_older_version_does_not_replace_a_newer_worker(world: World):
    newer = world.ensure(world.app("2.0.0")).said["pid"]
    dones = world.at_once(world.app("1.0.0"), *["ensure"] * 8)
    assert {(done.code, done.said.get("pid")) for done in dones} == {(0, newer)}
    assert world.spawns() == 1
