"""Under a service manager the worker tells it what happens and does not fight it."""

import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import pytest

from ..world import HAND, World, eventually

pytestmark = pytest.mark.process

UNIT = {"INVOCATION_ID": "b1946ac92492d2347c6235b4d2611184"}
EXIT_LOST = 75


@contextlib.contextmanager
def manager(world: World) -> Iterator[tuple[socket.socket, str]]:
    """Listen for notifications, as a manager does."""
    path = str(world.sandbox.root / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        channel.settimeout(15)
        yield channel, path


def told(channel: socket.socket, word: str) -> str:
    """Give the first value that the manager is told for this word."""
    while True:
        said = dict(line.split("=", 1) for line in channel.recv(4096).decode().splitlines())
        if word in said:
            return said[word]


def run(world: World, app, **settings: str):
    return world.begin_process([sys.executable, "-c", HAND], app, env=settings)


def until_it_serves(world: World, pid: int) -> None:
    eventually(
        lambda: (
            (seen := world.seen()).kind == "serving"
            and seen.health is not None
            and seen.health.pid == pid
        ),
        f"the worker {pid} serves",
    )


def test_the_manager_is_told_of_readiness_then_of_each_successor_then_of_the_stop(world: World):
    app = world.app("1.0.0")
    with manager(world) as (channel, path):
        process = run(world, app, NOTIFY_SOCKET=path, **UNIT)
        assert told(channel, "READY") == "1"
        assert world.health().pid == process.pid
        for _ in range(2):
            done = world.restart(app)
            assert done.code == 0, done
            successor = str(done.said["pid"])
            assert eventually(lambda: told(channel, "MAINPID") == successor, "it is told")  # noqa: B023 - called at once
        assert process.wait(timeout=15) == 0
        world.stop(app)
        assert told(channel, "STOPPING") == "1"


def test_a_manager_in_the_abstract_namespace_is_told_too(world: World):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0incumbent-test-{world.port}")
        channel.settimeout(15)
        process = run(world, world.app("1.0.0"), NOTIFY_SOCKET=f"@incumbent-test-{world.port}")
        assert told(channel, "READY") == "1"
        process.send_signal(signal.SIGTERM)
        assert told(channel, "STOPPING") == "1"
        assert process.wait(timeout=15) == 0


def test_a_manager_that_has_gone_does_not_disturb(world: World):
    process = run(world, world.app("1.0.0"), NOTIFY_SOCKET=str(world.sandbox.root / "gone"))
    until_it_serves(world, process.pid)


def test_a_worker_whose_manager_kills_the_whole_group_leaves_respawning_to_it(world: World):
    app = world.app("1.0.0")
    first = run(world, app, **UNIT)
    until_it_serves(world, first.pid)
    restarting = world.begin(app, "restart")
    assert first.wait(timeout=15) == 0
    second = run(world, app, **UNIT)
    done = world.end(restarting)
    assert done.code == 0, done
    assert done.said["pid"] == second.pid
    assert world.spawns() == 0
    assert world.events("left_to_manager")


def test_a_manager_that_does_not_respawn_is_not_waited_for_without_end(world: World):
    app = world.app("1.0.0")
    first = run(world, app, **UNIT)
    until_it_serves(world, first.pid)
    done = world.restart(app)
    assert done.code == 0, done
    assert first.wait(timeout=15) == 0
    assert world.spawns() == 1


def test_a_shell_that_inherits_the_variables_of_a_session_is_no_manager(world: World):
    app = world.app("1.0.0")
    process = run(world, app, SYSTEMD_EXEC_PID="1", **UNIT)
    until_it_serves(world, process.pid)
    done = world.restart(app)
    assert done.code == 0, done
    assert not world.events("left_to_manager")


def test_an_old_install_under_a_manager_runs_what_is_recorded(world: World):
    world.ensure(world.app("2.0.0"))
    world.stop(world.app("2.0.0"))
    process = run(world, world.app("1.0.0"), **UNIT)
    until_it_serves(world, process.pid)
    assert world.health().version == "2.0.0"
    assert world.health().managed


def test_a_build_that_cannot_serve_under_a_manager_gives_way_to_the_good_one(world: World):
    old, broken = world.app("1.0.0"), world.app("2.0.0", "cannot be imported")
    first = run(world, old, **UNIT)
    until_it_serves(world, first.pid)
    restarting = world.begin(broken, "restart")
    assert first.wait(timeout=15) == 0
    assert run(world, old, **UNIT).wait(timeout=15) == 1
    third = run(world, old, **UNIT)
    until_it_serves(world, third.pid)
    assert world.health().version == "1.0.0"
    assert world.end(restarting).code == 1
    assert world.record()["version"] == "1.0.0"


def activated(world: World, app, listener: socket.socket):
    """Run a worker as a manager does that holds its socket."""
    fd = listener.fileno()
    activating = (
        f"import os, sys; os.dup2({fd}, 3); "
        "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
        "os.execv(sys.executable, [sys.executable, '-c', sys.argv[1]])"
    )
    return world.begin_process([sys.executable, "-c", activating, HAND], app, pass_fds=(fd,))


def test_a_socket_of_the_manager_is_served_with_all_that_waits_in_it(world: World):
    app = world.app("1.0.0")
    with socket.create_server(("127.0.0.1", world.port), backlog=64) as listener:
        with socket.create_connection(("127.0.0.1", world.port), timeout=15) as early:
            early.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            process = activated(world, app, listener)
            assert early.recv(4096).startswith(b"HTTP/1.1 200")
        until_it_serves(world, process.pid)
        assert world.restart(app).code == 0
        process.wait(timeout=15)
        pid = world.health().pid
    assert world.health().pid == pid
    assert world.stop(app).code == 0


def test_a_socket_that_listens_elsewhere_is_not_served(world: World):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = activated(world, world.app("1.0.0"), listener)
        assert process.wait(timeout=15) == EXIT_LOST
        assert "set ListenStream or INCUMBENT_PORT" in process.stderr.read()
    assert world.lives() == []
