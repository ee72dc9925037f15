"""Whoever hangs or is killed leaves behind what the next event can heal."""

import getpass
import os
import signal
import sys
import time

import pytest

from incumbent.lifecycle.lock.process_identity import start_token

from ..world import World, dead_owner, eventually

pytestmark = pytest.mark.process


def test_a_hung_worker_fails_an_ensure_by_its_deadline_with_a_clear_sentence(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    world.settings["INCUMBENT_TIMEOUT"] = "1.5"
    os.kill(pid, signal.SIGSTOP)
    try:
        done = world.ensure(app)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert done.code == 1
    assert done.said["event"] == "deadline_passed"
    assert "does not answer" in done.said["error"]
    assert "worker-service status" in done.said["error"]
    assert done.took < 1.5 + 3
    assert world.spawns() == 1
    assert world.ensure(app).said["pid"] == pid


def test_a_hung_worker_is_not_stopped_and_the_sentence_says_so(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    world.settings["INCUMBENT_TIMEOUT"] = "1.5"
    os.kill(pid, signal.SIGSTOP)
    try:
        done = world.stop(app)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (done.code, done.said["kind"]) == (1, "StopError")
    assert "does not answer" in done.said["error"]
    assert world.health().pid == pid


PATIENCE_S = 10.0
SLACK_S = 3.0  # for starting a process on a busy machine


@pytest.mark.parametrize("what", [["start"], ["restart"], ["stop"], ["status"]], ids=" ".join)
def test_a_silent_worker_is_waited_for_no_longer_than_the_patience(world: World, what):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    try:
        done = world.command(app, *what)
    finally:
        took = time.monotonic() - began
        os.kill(pid, signal.SIGCONT)
    assert done.returncode == (4 if what == ["status"] else 1)
    assert took < PATIENCE_S + SLACK_S
    told = done.stdout + done.stderr
    assert f"process {pid} of {getpass.getuser()} (" in told
    forced = "stop" if what == ["stop"] else "restart"
    assert f"`worker-service {forced} --force` to end it" in told
    assert world.spawns() == 1
    assert world.health().pid == pid


def test_a_silent_worker_is_waited_for_as_long_as_was_told(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    waiting = world.begin_process(
        [sys.executable, "-m", "incumbent.cli.main", "start", "--timeout", "30"], app
    )
    time.sleep(PATIENCE_S + SLACK_S)
    assert waiting.poll() is None
    os.kill(pid, signal.SIGCONT)
    waiting.communicate()
    assert waiting.returncode == 0
    assert time.monotonic() - began < 30


def test_silence_does_not_count_while_somebody_alive_launches(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    os.kill(pid, signal.SIGSTOP)
    world.leave_lock(os.getpid())
    waiting = world.begin_process([sys.executable, "-m", "incumbent.cli.main", "start"], app)
    time.sleep(PATIENCE_S + SLACK_S)
    assert waiting.poll() is None
    (world.data_dir / "spawn.lock").unlink()
    os.kill(pid, signal.SIGCONT)
    waiting.communicate()
    assert waiting.returncode == 0


def test_a_worker_that_hangs_for_a_moment_is_not_replaced(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    os.kill(pid, signal.SIGSTOP)
    caller = world.begin(app, "ensure")
    eventually(lambda: world.events("worker_silent"), "the caller waits for the worker")
    os.kill(pid, signal.SIGCONT)
    done = world.end(caller)
    assert (done.code, done.said["pid"]) == (0, pid)
    assert world.spawns() == 1


def test_a_first_build_that_never_comes_up_leaves_no_process_and_a_free_port(world: World):
    world.settings["INCUMBENT_START_TIMEOUT"] = "1"
    done = world.ensure(world.app("1.0.0", "never ready"))
    assert done.code == 1
    assert "not up within" in done.said["error"]
    assert "worker.log" in done.said["error"]
    assert "waiting for Godot" in world.log()
    assert [rejection["late"] for rejection in world.record()["rejected"]] == [True]
    assert world.seen().kind == "dark"
    assert not (world.data_dir / "worker.pid").exists()


def test_a_first_build_that_is_broken_is_tried_again_by_a_restart_once_it_is_mended(world: World):
    app = world.app("1.0.0", "exits at import")
    assert world.ensure(app).code == 1
    (app.folder / "hosted.py").write_text((world.app("1.0.0").folder / "hosted.py").read_text())
    assert world.restart(app).code == 0


def test_a_hanging_build_ends_itself_when_its_launcher_was_killed(world: World):
    world.settings["INCUMBENT_START_TIMEOUT"] = "1"
    launcher = world.begin(world.app("1.0.0", "never ready"), "ensure")
    eventually(lambda: world.events("pid_written"), "the worker holds the port")
    launcher.kill()
    launcher.wait()
    pid = world.events("pid_written")[0]["pid"]
    eventually(lambda: start_token(pid) is None, "the worker ends itself")
    assert world.events("own_deadline")
    assert not (world.data_dir / "worker.pid").exists()
    done = world.ensure(world.app("2.0.0"))
    assert (done.code, done.said["version"]) == (0, "2.0.0")


def test_a_standby_does_not_outlive_its_predecessor(world: World):
    old = world.app("1.0.0")
    first = world.ensure(old).said["pid"]
    restart = world.begin(world.app("2.0.0", "slow to import"), "restart")
    eventually(lambda: world.events("standby_spawned"), "the standby warms up")
    os.kill(first, signal.SIGKILL)
    done = world.end(restart)
    assert (done.code, done.said.get("version")) == (0, "2.0.0"), done
    [spawned] = world.events("standby_spawned")
    standby = int(spawned["why"].split()[0].removeprefix("pid="))
    eventually(lambda: start_token(standby) is None, "the standby is gone")
    assert done.said["pid"] != standby
    assert standby not in {life["pid"] for life in world.lives("begins")}


@pytest.mark.parametrize("flaw", ["slow to start", "slow to import"])
def test_a_build_that_was_killed_by_somebody_is_not_blamed(world: World, flaw):
    app = world.app("1.0.0", flaw)
    caller = world.begin(app, "ensure")
    eventually(lambda: world.events("pid_written"), "the worker is on its way")
    os.kill(world.events("pid_written")[0]["pid"], signal.SIGKILL)
    done = world.end(caller)
    assert done.code == 0, done
    assert world.spawns() == 2
    assert world.record()["rejected"] == []


@pytest.mark.parametrize("flaw", ["slow to start", "slow to import"])
def test_a_worker_asked_to_stop_on_its_way_up_stops(world: World, flaw):
    app = world.app("1.0.0", flaw)
    caller = world.begin(app, "ensure")
    eventually(lambda: world.events("pid_written"), "the worker is on its way")
    assert world.stop(app).code == 0
    done = world.end(caller)
    if done.code == 0:  # a stop that is read after the import finds the worker up
        assert done.said["generation"] == 1
    else:
        assert done.said["event"] in ("child_stopped", "launches_spent")
    assert world.record()["rejected"] == []
    assert world.seen().kind == "dark"
    assert len(world.lives("begins")) == len(world.lives("ends"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_worker_properly(world: World, number):
    pid = world.ensure(world.app("1.0.0")).said["pid"]
    os.kill(pid, number)
    eventually(lambda: start_token(pid) is None, "the worker ends")
    assert len(world.lives("ends")) == 1
    assert world.trace()[-1]["to"] == "idle/stopped"
    assert not (world.data_dir / "worker.pid").exists()
    assert world.seen().kind == "dark"


@pytest.mark.parametrize("kind", ["torn", "another boot", "dead owner"])
def test_a_lock_from_the_future_of_nobody_alive_holds_up_no_launch(world: World, kind):
    pid, start = dead_owner()
    boot = {"boot": "another boot/pid:[1]"} if kind == "another boot" else {}
    world.leave_lock(pid, start, age=-365 * 86400, **boot)
    if kind == "torn":
        path = world.data_dir / "spawn.lock"
        told = path.stat()
        path.write_text("{")
        os.utime(path, (told.st_mtime, told.st_mtime))
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
    assert done.took < 15
    assert not (world.data_dir / "spawn.lock").exists()
