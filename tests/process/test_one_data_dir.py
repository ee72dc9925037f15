"""One data dir has one app, whatever address, network or pid namespace a launcher is in."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from incumbent.lifecycle.client.deliver import envelope, new_id
from incumbent.lifecycle.client.http import Connection
from incumbent.lifecycle.drivers.ports import ACCEPTED, RESTART, Reply, Target
from incumbent.lifecycle.lock.process_identity import is_stopped, start_token
from incumbent.lifecycle.posix.admin_call import ask
from incumbent.lifecycle.settings import LEASE_S, Worker

from .. import isolation
from ..world import RUN_S, App, World, eventually
from .test_hook import recording

pytestmark = pytest.mark.process

LEFT_S = 14.0  # of a lease, more than all the budgets of a run together
NETWORK = ["unshare", "--net"]
LOOPBACK = ["sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
PIDS = ["unshare", "--pid", "--fork", "--mount-proc"]


def can_run(*argv: str) -> bool:
    try:
        return subprocess.run([*argv, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_networks = pytest.mark.skipif(
    not can_run(*NETWORK, *LOOPBACK), reason="needs root, unshare and ip for a second network"
)
needs_pids = pytest.mark.skipif(
    not can_run(*PIDS), reason="needs root and unshare for a second pid namespace"
)
HOLD_GUARD = """
import sys, time
from incumbent.lifecycle.lock.guard import Guard
Guard(sys.argv[1]).take(wait=True)
print("held", flush=True)
time.sleep(999)
"""

# The loopback of a fresh network is down; a sandbox may or may not have put it up.
OWN_NETWORK = [[*NETWORK, *LOOPBACK], NETWORK]


class Places:
    """One app, whose commands may be typed at another address, or in another namespace."""

    def __init__(self, world: World, other: int) -> None:
        self.world, self.other = world, other
        self.app = recording(world)
        self.here = f"127.0.0.1:{world.port}"

    def type(
        self, *arguments: str, within: Sequence[str] = (), given: str = "", **settings: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*within, sys.executable, "-m", "incumbent.cli", *arguments],
            env=self.world.environment(self.app) | settings,
            cwd="/",
            text=True,
            capture_output=True,
            timeout=RUN_S,
            input=given,
            check=False,
        )

    def elsewhere(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Type a command that was told another port."""
        return self.type(*arguments, given=given, INCUMBENT_PORT=str(self.other))

    def recorded(self) -> list[str]:
        return [event["event"] for event in self.world.get("/api/events?limit=1000")["events"]]

    def kept(self) -> int:
        return len(list((self.world.data_dir / "spool").glob("*.json")))


@pytest.fixture
def places(world: World) -> Iterator[Places]:
    other, give_back = isolation.reserved_port()
    yield Places(world, other)
    give_back()


@pytest.fixture
def pid(places: Places) -> int:
    """Give the worker that serves already."""
    started: int = places.world.ensure(places.app).said["pid"]
    return started


def assert_only(places: Places, pid: int) -> None:
    """No second app has run on the data dir, and the first one serves as before."""
    assert places.world.health().pid == pid
    assert places.world.spawns() == 1
    assert len(places.world.events("listen_ok")) == 1


# At another port.


def test_start_at_another_port_is_content_with_the_worker_where_it_is(places: Places, pid: int):
    done = places.elsewhere("start")
    assert done.returncode == 0, done.stderr
    said = f"Worker running (pid={pid}, version=1.0.0) at {places.here}"
    assert done.stdout == f"{said}, not at 127.0.0.1:{places.other}\n"
    assert_only(places, pid)


def test_start_at_the_workers_own_port_says_no_address(places: Places, pid: int):
    assert places.type("start").stdout == f"Worker running (pid={pid}, version=1.0.0)\n"


def test_start_at_another_port_says_in_json_where_the_worker_is(places: Places, pid: int):
    said = json.loads(places.elsewhere("--json", "start").stdout)
    assert (said["pid"], said["host"], said["port"]) == (pid, "127.0.0.1", places.world.port)


def test_status_at_another_port_says_where_the_worker_is(places: Places, pid: int):
    done = places.elsewhere("status")
    assert done.returncode == 0
    assert f"at {places.here}, not at 127.0.0.1:{places.other}" in done.stdout
    done = places.elsewhere("--json", "status")
    said = json.loads(done.stdout)
    assert (done.returncode, said["running"], said["pid"]) == (0, True, pid)
    assert (said["host"], said["port"]) == ("127.0.0.1", places.world.port)
    assert_only(places, pid)


def test_doctor_at_another_port_finds_nothing_wrong(places: Places, pid: int):
    done = places.elsewhere("doctor")
    assert (done.returncode, done.stdout[:16]) == (0, "Nothing is wrong"), done.stdout
    assert places.here in done.stdout
    assert_only(places, pid)


def test_a_hook_at_another_port_delivers_to_the_worker_where_it_is(places: Places, pid: int):
    done = places.elsewhere("hook", "Stop", given="{}")
    assert (done.returncode, done.stderr) == (0, "")
    assert places.recorded() == ["Stop"]
    assert places.kept() == 0
    assert_only(places, pid)


def test_a_hook_whose_port_is_another_programs_delivers_to_the_worker(places: Places, pid: int):
    argv = [sys.executable, "-m", "http.server", str(places.other), "--bind", "127.0.0.1"]
    other = places.world.begin_process(argv, places.app)
    eventually(lambda: b"200" in other_answer(places.other), "the other program answers")
    done = places.elsewhere("hook", "Stop", given="{}")
    assert done.returncode == 0, done.stderr
    assert places.recorded() == ["Stop"]
    assert places.elsewhere("start").returncode == 0
    assert_only(places, pid)
    assert other.poll() is None


def other_answer(port: int) -> bytes:
    import socket

    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return client.recv(100)
    except OSError:
        return b""


def test_restart_at_another_port_moves_the_worker(places: Places, pid: int):
    done = places.elsewhere("restart")
    assert done.returncode == 0, done.stderr
    assert start_token(pid) is None
    places.world.port = places.other
    places.world.settings["INCUMBENT_PORT"] = str(places.other)
    health = places.world.health()
    assert (health.port, health.pid != pid) == (places.other, True)
    assert places.world.events("listen_ok")[-1]["generation"] == health.generation.number == 2
    lives = [row["event"] for row in places.world.events("closed", "listen_ok", machine="worker")]
    assert lives == ["listen_ok", "closed", "listen_ok"]


def test_stop_at_another_port_stops_the_worker_where_it_is(places: Places, pid: int):
    done = places.elsewhere("stop")
    assert (done.returncode, done.stdout) == (0, "Worker stopped\n"), done.stderr
    eventually(lambda: start_token(pid) is None, "its process ends")
    assert places.elsewhere("status").returncode == 3


def test_hooks_and_starts_at_two_ports_at_once_bring_up_one_app(places: Places):
    world, app = places.world, places.app
    there = {"INCUMBENT_PORT": str(places.other)}
    begun = [world.begin(app, "ensure", env=env) for _ in range(4) for env in ({}, there)]
    dones = [world.end(process) for process in begun]
    assert [done.said for done in dones if done.code] == []
    assert len({done.said["pid"] for done in dones}) == 1
    assert world.generations() == 1
    assert places.type("stop").returncode == 0


# At another address.


def test_start_at_another_loopback_address_is_content(places: Places, pid: int):
    done = places.type("start", INCUMBENT_HOST="127.0.0.2")
    assert done.returncode == 0, done.stderr
    assert f"at {places.here}, not at 127.0.0.2:{places.world.port}" in done.stdout
    assert_only(places, pid)


# In another network.


@needs_networks
@pytest.mark.parametrize("network", OWN_NETWORK, ids=["up", "down"])
def test_start_in_another_network_says_who_has_the_data_dir(places: Places, pid: int, network):
    done = places.type("start", within=network)
    assert done.returncode == 1, done
    assert f"the worker {pid} on {os.uname().nodename} at {places.here}" in done.stderr
    assert "out of reach from here" in done.stderr
    assert " stop` there" in done.stderr
    assert_only(places, pid)


@needs_networks
@pytest.mark.parametrize("network", OWN_NETWORK, ids=["up", "down"])
def test_doctor_in_another_network_says_who_has_the_data_dir(places: Places, pid: int, network):
    done = places.type("doctor", within=network)
    assert done.returncode == 1, done
    assert f"the worker {pid} on" in done.stdout
    assert " stop` there" in done.stdout
    assert_only(places, pid)


@needs_networks
@pytest.mark.parametrize("what", ["restart", "stop"])
def test_neither_restart_nor_stop_reaches_into_another_network(places: Places, pid: int, what):
    done = places.type(what, within=OWN_NETWORK[0])
    assert done.returncode == 1
    assert "out of reach from here" in done.stderr
    assert_only(places, pid)


@needs_networks
def test_status_in_another_network_says_who_has_the_data_dir(places: Places, pid: int):
    done = places.type("status", within=OWN_NETWORK[0])
    assert done.returncode == 4
    assert f"the worker {pid} on" in done.stdout
    assert "out of reach from here" in done.stdout


@needs_networks
@pytest.mark.parametrize("network", OWN_NETWORK, ids=["up", "down"])
def test_a_hook_in_another_network_keeps_its_event_for_later(places: Places, pid: int, network):
    done = places.type("hook", "Stop", given="{}", within=network)
    assert (done.returncode, done.stdout) == (0, "{}\n")
    assert "out of reach from here" in done.stderr
    assert places.kept() == 1
    assert_only(places, pid)
    assert places.type("hook", "Later", given="{}").returncode == 0
    eventually(lambda: places.kept() == 0, "the worker drains the spool")
    assert sorted(places.recorded()) == ["Later", "Stop"]


# In another pid namespace.


@needs_pids
def test_start_in_another_pid_namespace_is_content_with_the_worker(places: Places, pid: int):
    assert places.type("start", within=PIDS).returncode == 0
    assert places.type("start", within=PIDS, INCUMBENT_PORT=str(places.other)).returncode == 0
    assert_only(places, pid)


@needs_networks
@needs_pids
def test_a_container_on_the_same_volume_starts_no_second_app(places: Places, pid: int):
    container = [*PIDS, "--uts", "--net", "sh", "-c", 'hostname box && exec "$@"', "sh", *LOOPBACK]
    for what in ("start", "run"):
        done = places.type(what, within=container)
        assert done.returncode == {"start": 1, "run": 75}[what], done
        assert f"the worker {pid} on {os.uname().nodename}" in done.stderr
    assert_only(places, pid)


# Without its data dir.


def removed(places: Places) -> None:
    shutil.rmtree(places.world.data_dir)


def moved_away(places: Places) -> None:
    places.world.data_dir.rename(places.world.sandbox.root / "moved")


def replaced_by_a_new_one(places: Places) -> None:
    moved_away(places)
    places.world.data_dir.mkdir(mode=0o700)


def replaced_by_its_copy(places: Places) -> None:
    copy = places.world.sandbox.root / "copy"
    shutil.copytree(places.world.data_dir, copy)
    copy.chmod(0o700)
    moved_away(places)
    copy.rename(places.world.data_dir)


def without_its_lock(places: Places) -> None:
    (places.world.data_dir / "serve.lock").unlink()


WAYS = [removed, moved_away, replaced_by_a_new_one, replaced_by_its_copy, without_its_lock]
NOTICED_S = 1.0


@pytest.mark.parametrize("away", WAYS)
def test_a_worker_whose_data_dir_is_gone_ends_within_a_second_or_so(places, pid, away):
    away(places)
    eventually(lambda: start_token(pid) is None, "it ends", within=NOTICED_S + 1.0)
    assert places.type("status").returncode == 3


@pytest.mark.parametrize("away", [moved_away, replaced_by_a_new_one, replaced_by_its_copy])
def test_a_worker_whose_data_dir_was_moved_says_why_it_ends(places, pid, away):
    away(places)
    eventually(lambda: start_token(pid) is None, "it ends")
    log = (places.world.sandbox.root / "moved" / "logs" / "worker.log").read_text()
    assert "serve.lock was removed or replaced" in log.splitlines()[-1]


@pytest.mark.parametrize("away", WAYS)
def test_a_worker_whose_data_dir_is_gone_acknowledges_no_event(places, pid, away):
    away(places)
    status, said = post_event(places.world.port)
    assert (status, said["code"]) == (503, "data-dir-gone")
    eventually(lambda: start_token(pid) is None, "it ends")


@pytest.mark.parametrize("away", WAYS)
def test_a_hook_after_the_data_dir_is_gone_reaches_a_fresh_worker(places, pid, away):
    away(places)
    fired = places.type("hook", "After", given="{}")
    assert fired.returncode == 0
    eventually(lambda: start_token(pid) is None, "the first worker ends")
    assert places.type("hook", "Later", given="{}").returncode == 0
    assert places.world.health().pid != pid
    assert sorted(places.recorded()) == ["After", "Later"]
    assert places.kept() == 0
    assert places.type("doctor").returncode == 0, places.type("doctor").stdout
    assert places.type("trace", "--check").returncode == 0


def test_a_worker_whose_data_dir_stays_stays(places: Places, pid: int):
    (places.world.data_dir / "something-else").write_text("new")
    time.sleep(NOTICED_S + 0.5)  # nothing tells that a tick has passed
    assert_only(places, pid)


def post_event(port: int) -> tuple[int, dict[str, Any]]:
    """Post without a proof, for which there may be no secret any more."""
    connection = Connection("127.0.0.1", port, 10.0)
    try:
        status, _, said = connection.ask("POST", "/api/events", envelope(new_id(), "Direct", b"{}"))
        return status, json.loads(said)
    finally:
        connection.close()


# Behind a guard that is held.


@pytest.fixture
def stopped(places: Places) -> Iterator[int]:
    """Give a process that was stopped while it held the guard."""
    places.world.data_dir.mkdir(mode=0o700, exist_ok=True)
    argv = [sys.executable, "-c", HOLD_GUARD, str(places.world.data_dir / "spawn.lock.guard")]
    process = places.world.begin_process(argv, places.app)
    assert process.stdout.readline() == "held\n"
    process.send_signal(signal.SIGSTOP)
    eventually(lambda: is_stopped(process.pid), "it is stopped")
    yield process.pid
    process.kill()


def test_a_worker_behind_a_stopped_guard_answers_at_once(places: Places, pid: int, stopped: int):
    assert ask_restart(places).kind == ACCEPTED
    slowest, asked = 0.0, time.monotonic()
    while not places.world.get("/api/health")["refusal"]:
        began = time.monotonic()
        assert places.world.get("/api/health", timeout=2)["pid"] == pid
        slowest = max(slowest, time.monotonic() - began)
        assert began < asked + RUN_S
        time.sleep(0.02)
    assert slowest < 1.0  # 1 ms, but for a busy machine; the guard is waited for 5 s
    assert f"run `kill -CONT {stopped}`" in places.world.get("/api/health")["refusal"]
    assert_only(places, pid)


def test_a_launch_behind_a_stopped_guard_says_whom_to_wake(places: Places, stopped: int):
    done = places.type("start")
    assert done.returncode == 1
    assert f"the process {stopped} is stopped, and holds it" in done.stderr
    assert f"run `kill -CONT {stopped}`" in done.stderr
    os.kill(stopped, signal.SIGCONT)
    os.kill(stopped, signal.SIGTERM)
    assert places.type("start").returncode == 0


def ask_restart(places: Places) -> Reply:
    world = places.world
    worker = Worker(data_dir=str(world.data_dir), port=world.port)
    instance = world.get("/api/health")["instance"]
    return ask(worker, RESTART, Target(instance, worker.host, worker.port), [])


@pytest.mark.usefixtures("pid")
def test_doctor_tells_of_who_is_stopped_with_the_guard(places: Places, stopped: int):
    done = places.type("doctor")
    assert done.returncode == 1
    assert f"`kill -CONT {stopped}`" in done.stdout
    os.kill(stopped, signal.SIGCONT)
    assert places.type("doctor").returncode == 0


# After a container that was killed.


def box(name: str) -> list[str]:
    return [*PIDS, "--uts", "sh", "-c", f'hostname {name} && exec "$@"', "sh"]


class Container:
    """A `run` that is the first process of a pid namespace on a host of its own name."""

    def __init__(self, places: Places, name: str, app: App) -> None:
        argv = [*box(name), sys.executable, "-m", "incumbent.cli", "run"]
        self.process = places.world.begin_process(argv, app, start_new_session=True)

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End all of it at once; nobody outside may go by the pid that its worker tells."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@needs_pids
def test_run_takes_over_at_once_from_a_container_killed_on_its_way_up(places: Places):
    world = places.world
    with Container(places, "first", world.app("1.0.0", "hangs at import")) as first:
        eventually(lambda: world.events("pid_written"), "it is on its way")
        first.kill()
    began = time.monotonic()
    with Container(places, "second", world.app("1.0.0")):
        eventually(lambda: world.seen().kind == "serving", "the next one serves")
        assert time.monotonic() - began < LEASE_S / 4


@needs_pids
def test_run_takes_nothing_from_a_container_that_is_on_its_way_up(places: Places):
    world = places.world
    with Container(places, "first", world.app("1.0.0", "slow to start")):
        eventually(lambda: world.events("pid_written"), "it is on its way")
        with Container(places, "second", world.app("1.0.0")) as second:
            assert second.process.wait(timeout=15) == 75
        eventually(lambda: world.seen().kind == "serving", "the first one serves")
        assert len(world.events("listen_ok")) == 1


def test_run_takes_over_when_a_lease_is_over_that_outlasts_its_budgets(places: Places):
    """Of a holder that left no sign but its content: on another host, or of the first edition."""
    world, app = places.world, places.world.app("1.0.0")
    for name in ("START", "DRAIN", "LOCK"):
        world.settings[f"INCUMBENT_{name}_TIMEOUT"] = "1"
    world.leave_lock(7, host="another", age=LEASE_S - LEFT_S)
    process = world.begin_process([sys.executable, "-m", "incumbent.cli", "run"], app)
    eventually(lambda: world.seen().kind == "serving", "it serves", within=LEFT_S + 15)
    process.terminate()
    assert process.wait(timeout=15) == 0
