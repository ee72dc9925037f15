"""A command that waits longer than a second says on stderr what it waits for."""

import socket

import pytest

from ..world import World

pytestmark = pytest.mark.process

TOO_LATE_S = "1.5"


def waits(talk: str) -> list[str]:
    head = "worker-service: waiting for "
    return [row.removeprefix(head) for row in talk.splitlines() if row.startswith(head)]


def test_a_launch_that_takes_long_says_so_once(world: World):
    world.settings["INCUMBENT_START_TIMEOUT"] = TOO_LATE_S
    done = world.command(world.app("1.0.0", "never ready"), "start")
    assert done.returncode == 1
    assert done.stdout == ""
    assert waits(done.stderr) == ["the new worker to come up"]


def test_a_launch_in_json_says_it_on_stderr_all_the_same(world: World):
    world.settings["INCUMBENT_START_TIMEOUT"] = TOO_LATE_S
    done = world.command(world.app("1.0.0", "never ready"), "--json", "start")
    assert done.stdout.startswith('{"ok": false')
    assert waits(done.stderr) == ["the new worker to come up"]


def test_a_start_that_finds_its_worker_says_nothing(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    done = world.command(app, "start")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_restart_says_which_part_of_it_takes_long(world: World):
    world.settings["INCUMBENT_START_TIMEOUT"] = TOO_LATE_S
    world.ensure(world.app("1.0.0"))
    done = world.command(world.app("2.0.0", "hangs at import"), "restart")
    assert done.returncode == 1
    assert waits(done.stderr) == ["the successor to import the app"]


def test_a_port_that_does_not_answer_is_told_of_while_it_is_waited_for(world: World):
    with socket.create_server(("127.0.0.1", world.port)):
        done = world.command(world.app("1.0.0"), "stop", "--timeout", "3")
    assert done.returncode == 1
    assert waits(done.stderr) == [f"an answer from 127.0.0.1:{world.port}"]
