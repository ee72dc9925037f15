"""What clients see while workers come and go."""

import http.client
import threading

import pytest

from ..world import Hammer, World, ask

pytestmark = pytest.mark.process


def test_no_client_loses_anything_in_five_seamless_restarts(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    with Hammer(world.port, clients=3, pause=0.005) as hammer:
        pids = [world.restart(app).said["pid"] for _ in range(5)]
    assert hammer.failures == []
    assert len(set(pids)) == 5


def test_a_request_in_flight_is_answered_by_the_worker_that_took_it(world: World):
    app = world.app("1.0.0")
    first = world.ensure(app).said["pid"]
    answers = []
    asking = threading.Thread(target=lambda: answers.append(world.get("/slow/1000")))
    asking.start()
    done = world.restart(app)
    asking.join()
    assert done.code == 0, done
    assert [answer["pid"] for answer in answers] in ([first], [done.said["pid"]])


@pytest.mark.parametrize("flaw", ["dies at import", "fails at start", "never ready"])
def test_no_client_loses_anything_to_a_broken_build(world: World, flaw):
    world.settings["INCUMBENT_START_TIMEOUT"] = "1"
    world.ensure(world.app("1.0.0"))
    with Hammer(world.port) as hammer:
        assert world.restart(world.app("2.0.0", flaw)).code == 1
    assert hammer.failures == []
    assert {version for _, version in hammer.answers} == {"1.0.0"}


def test_no_client_hears_the_old_version_after_the_new_one(world: World):
    world.ensure(world.app("1.0.0"))
    with Hammer(world.port, clients=1) as hammer:
        assert world.restart(world.app("2.0.0", "slow to start")).code == 0
    assert hammer.failures == []
    heard = [version for _, version in hammer.answers]
    assert heard == sorted(heard)
    assert set(heard) == {"1.0.0", "2.0.0"}


def test_twenty_idle_connections_survive_two_seamless_restarts(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    connections = [http.client.HTTPConnection("127.0.0.1", world.port) for _ in range(20)]
    for connection in connections:
        ask(connection, "/")
        connection.auto_open = 0  # from here on a lost connection is an error
    for _ in range(2):
        pid = world.restart(app).said["pid"]
        assert {ask(connection, "/")["pid"] for connection in connections} == {pid}
    for connection in connections:
        connection.close()


def test_a_connection_kept_alive_does_not_keep_a_worker_from_stopping(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    connection = http.client.HTTPConnection("127.0.0.1", world.port)
    ask(connection, "/")
    done = world.stop(app)
    assert done.code == 0, done
    assert done.took < 4
    connection.close()


def test_two_apps_never_live_at_once(world: World):
    app = world.app("1.0.0", "slow to start")
    world.ensure(app)
    for strategy in ("seamless", "rebind", "seamless"):
        world.settings["INCUMBENT_HANDOVER"] = strategy
        assert world.restart(app).code == 0
    assert [life["what"] for life in world.lives()] == ["begins", "ends"] * 3 + ["begins"]
