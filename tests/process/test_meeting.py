"""Restarts, recycles, hooks that meet cost one generation; clients notice nothing."""

import http.client

import pytest

from ..world import Hammer, World, ask

pytestmark = pytest.mark.process

RESTARTS = 15


@pytest.mark.parametrize("strategy", ["seamless", "rebind"])
def test_fifteen_restarts_at_once_cost_at_most_two_generations(world: World, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy
    app = world.app("1.0.0")
    world.ensure(app)
    dones = world.at_once(app, *["restart"] * RESTARTS)
    assert [done for done in dones if done.code] == []
    assert world.generations() - 1 in (1, 2)


def test_a_restart_beside_twenty_ensures_costs_one_generation(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    dones = world.at_once(app, "restart", *["ensure"] * 20)
    assert [done for done in dones if done.code] == []
    assert world.generations() == 2


@pytest.mark.parametrize("strategy", ["seamless", "rebind"])
def test_a_mislabelled_build_costs_one_attempt_and_the_old_worker_serves(world: World, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy
    app = world.app("1.0.0")
    world.ensure(app)
    world.settings["INCUMBENT_VERSION"] = "2.0.0"
    dones = world.at_once(world.app("1.0.0"), *["ensure"] * 8)
    assert [done for done in dones if done.code] == []
    assert {done.said["version"] for done in dones} == {"1.0.0"}
    assert all("the code says version 1.0.0" in done.talk for done in dones)
    attempts = world.events("standby_failed", "child_failed", machine="worker")
    assert len(attempts) == 1


def test_clients_lose_nothing_in_seamless_restarts(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    with Hammer(world.port) as hammer:
        for _ in range(3):
            assert world.restart(app).code == 0
    assert hammer.failures == []


def test_clients_lose_nothing_when_the_new_build_is_broken(world: World):
    world.ensure(world.app("1.0.0"))
    with Hammer(world.port) as hammer:
        assert world.restart(world.app("2.0.0", "cannot be imported")).code == 1
    assert hammer.failures == []
    assert {version for _, version in hammer.answers} == {"1.0.0"}


def test_a_connection_kept_alive_survives_a_seamless_restart(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    connection = http.client.HTTPConnection("127.0.0.1", world.port, timeout=10)
    before = ask(connection, "/")["pid"]
    local = connection.sock.getsockname()
    world.restart(app)
    assert ask(connection, "/")["pid"] == world.health().pid != before
    assert connection.sock.getsockname() == local
    connection.close()


def test_two_versions_converge_to_the_newest(world: World):
    old, new = world.app("1.0.0"), world.app("2.0.0")
    world.ensure(old)
    assert world.ensure(new).said["version"] == "2.0.0"
    assert {world.ensure(old).said["version"] for _ in range(3)} == {"2.0.0"}
    assert len(world.events("worker_stale")) == 1
    check = world.command(old, "trace", "--check")
    assert check.returncode == 0, check.stderr
