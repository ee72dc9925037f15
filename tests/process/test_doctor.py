"""The doctor says what is wrong with the next command to type, and changes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..world import App, World, dead_owner
from .test_hook import Hooks, foreigner, mounted, recording

pytestmark = pytest.mark.process

SOON_S = 3.0
STARTING_S = 12.0  # for the interpreter, on a machine with much else to do
QUIET_S = 0.25


def state_of(world: World) -> dict[str, tuple[int, int, int]]:
    """Give what would tell of any change in the data dir."""
    found = {}
    for path in [world.data_dir, *world.data_dir.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            told = path.lstat()
            found[str(path)] = (told.st_mtime_ns, told.st_mode, told.st_size)
    return found


def settled(world: World) -> dict[str, tuple[int, int, int]]:
    """Give the state once nobody changes it any more: a worker writes on when its launcher ends."""
    seen, since = state_of(world), time.monotonic()
    while time.monotonic() - since < QUIET_S:
        time.sleep(0.02)
        before, seen = seen, state_of(world)
        if seen != before:
            since = time.monotonic()
    return seen


class Doctor:
    """Asks the doctor, and holds it to its word each time."""

    def __init__(self, world: World, app: App) -> None:
        self.world, self.app = world, app

    def findings(self, *options: str) -> list[dict[str, str]]:
        """Give what is wrong; fails when anything was changed, or a finding lacks its command."""
        before = settled(self.world)
        began = time.monotonic()
        done = self.world.command(self.app, "--json", *options, "doctor")
        assert time.monotonic() - began < SOON_S + STARTING_S
        assert state_of(self.world) == before
        said = json.loads(done.stdout)
        assert done.stderr == ""
        assert (done.returncode, said["ok"]) == ((1, False) if said["findings"] else (0, True))
        for finding in said["findings"]:
            assert finding["what"]
            assert finding["next"]
        return list(said["findings"])

    def only(self, *options: str) -> dict[str, str]:
        """Give the one thing that is wrong."""
        (finding,) = self.findings(*options)
        return finding


@contextlib.contextmanager
def free_port() -> Iterator[tuple[int, socket.socket]]:
    """Give a port that is nobody's, with the socket that is bound to it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1], bound


@pytest.fixture
def doctor(world: World) -> Doctor:
    return Doctor(world, recording(world))


def test_before_the_first_run_nothing_is_wrong(world: World, doctor: Doctor):
    assert doctor.findings() == []
    assert not world.data_dir.exists()
    assert world.command(doctor.app, "doctor").stdout == (
        f"Nothing is wrong; nothing listens on 127.0.0.1:{world.port}\n"
    )


def test_nothing_is_wrong_with_a_healthy_worker_nor_with_one_that_was_stopped(world, doctor):
    world.ensure(doctor.app)
    world.restart(doctor.app)
    assert doctor.findings() == []
    world.stop(doctor.app)
    assert doctor.findings() == []


@pytest.mark.parametrize("strategy", ["seamless", "rebind"])
def test_nothing_is_wrong_in_any_phase_of_a_restart(world: World, strategy):
    world.settings["INCUMBENT_HANDOVER"] = strategy
    app = recording(world, start=1.5, end=1.5)
    world.ensure(app)
    restart = world.begin(app, "restart")
    looks = 0
    while restart.poll() is None:
        done = world.command(app, "--json", "doctor")
        assert json.loads(done.stdout)["findings"] == []
        looks += 1
    assert (restart.returncode, looks > 2) == (0, True)


def test_a_finding_is_one_sentence_with_the_next_command(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    world.data_dir.chmod(0o755)
    done = world.command(doctor.app, "doctor")
    assert done.returncode == 1
    assert done.stdout == (
        f"{world.data_dir} is open to other users (0755); run `chmod 700 {world.data_dir}`\n"
    )


# Settings.


@pytest.mark.parametrize(
    "text", ["", '{"port": ', "[]", "\0"], ids=["empty", "torn", "list", "nul"]
)
def test_corrupt_settings_are_found_and_left_where_they_are(doctor, data_dir, text):
    (data_dir / "settings.json").write_text(text)
    path = data_dir / "settings.json"
    assert doctor.only()["what"].startswith(f"{path}, line 1: ")
    assert doctor.only()["next"] == f"mend {path}"
    assert [path.name for path in data_dir.iterdir()] == ["settings.json"]
    path.unlink()


def test_a_setting_that_cannot_be_is_found(doctor: Doctor, data_dir: Path):
    (data_dir / "settings.json").write_text('{"drain_timeout": "soon"}')
    assert "drain_timeout is 'soon'" in doctor.only()["what"]


def test_a_wrong_port_in_the_environment_is_a_finding_not_a_usage_error(world, doctor):
    world.settings["INCUMBENT_PORT"] = "none"
    finding = doctor.only()
    assert finding["about"] == "settings"
    assert "INCUMBENT_PORT is 'none'" in finding["what"]
    del world.settings["INCUMBENT_PORT"]


# The port.


def test_a_foreign_program_is_found(world: World, doctor: Doctor):
    with foreigner(world.port):
        finding = doctor.only()
    assert f"127.0.0.1:{world.port} is held by an HTTP server" in finding["what"]
    assert "INCUMBENT_PORT" in finding["next"]


def test_a_program_that_accepts_and_says_nothing_is_found(world: World, doctor: Doctor):
    with socket.create_server(("127.0.0.1", world.port)):
        assert "does not answer" in doctor.only()["what"]


def test_a_healthy_worker_elsewhere_is_not_blamed_for_a_silent_port(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    pid = world.health().pid
    with free_port() as (port, silent):
        silent.listen()
        finding = doctor.only("--port", str(port))
    assert str(pid) not in finding["what"] + finding["next"]
    assert finding["next"] == f"see by whom: `ss -ltnp 'sport = :{port}'`"
    assert world.health().pid == pid


def test_a_hung_worker_on_its_other_address_is_not_blamed_for_a_silent_port(world, doctor):
    world.ensure(doctor.app)
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with socket.create_server(("127.0.0.2", world.port)):
            world.settings["INCUMBENT_HOST"] = "127.0.0.2"
            finding = doctor.only()
    finally:
        del world.settings["INCUMBENT_HOST"]
        os.kill(pid, signal.SIGCONT)
    assert "kill" not in finding["next"]


def test_a_hung_worker_is_found_by_its_pid_in_time(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    try:
        finding = doctor.only()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert f"the worker {pid} hangs" in finding["what"]
    assert finding["next"] == "if it stays so, run `worker-service restart --force`"


def test_a_worker_that_was_killed_is_found_by_what_it_left(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    pid = world.health().pid
    os.kill(pid, signal.SIGKILL)
    finding = doctor.only()
    assert (finding["about"], f"the worker {pid} was killed" in finding["what"]) == (
        "pid file",
        True,
    )
    world.ensure(doctor.app)
    assert doctor.findings() == []


def test_a_pid_file_that_names_another_is_found(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    path = world.data_dir / "worker.pid"
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"pid": os.getpid()}))
    assert f"the worker is pid {said['pid']}" in doctor.only()["what"]
    path.write_text(json.dumps(said))


# The lock.


def test_a_torn_lock_is_found(doctor: Doctor, data_dir: Path):
    path = data_dir / "spawn.lock"
    path.write_text('{"token": ')
    os.utime(path, (time.time() - 30, time.time() - 30))
    assert "is torn" in doctor.only()["what"]


def test_a_lock_left_by_the_dead_is_found(world: World, doctor: Doctor):
    pid, start = dead_owner()
    world.leave_lock(pid, start)
    assert f"left behind by pid {pid}" in doctor.only()["what"]


def test_a_lock_past_its_lease_is_found(world: World, doctor: Doctor):
    world.leave_lock(os.getpid(), age=100)
    assert f"held by pid {os.getpid()}" in doctor.only()["what"]


@pytest.mark.parametrize("ahead", [60, 365 * 86400])
def test_a_lock_of_the_living_with_a_time_in_the_future_is_found(world, doctor, ahead):
    world.leave_lock(os.getpid(), age=-ahead)
    finding = doctor.only()
    assert f"held by pid {os.getpid()} on {socket.gethostname()}" in finding["what"]
    assert "s ahead" in finding["what"]
    assert finding["next"] == (
        "the next launch breaks it once that was not mended for 20 s: run `worker-service start`"
    )


def test_a_torn_lock_with_a_time_in_the_future_is_found(doctor: Doctor, data_dir: Path):
    path = data_dir / "spawn.lock"
    path.write_text("{")
    os.utime(path, (time.time() + 86400, time.time() + 86400))
    finding = doctor.only()
    assert "is torn" in finding["what"]
    assert "not mended for 2 s" in finding["next"]


def test_a_lock_of_another_host_is_found_with_how_long_it_blocks(world: World, doctor: Doctor):
    world.leave_lock(4711, age=15, host="elsewhere")
    finding = doctor.only()
    assert "held by pid 4711 on elsewhere" in finding["what"]
    assert re.search(r"launches wait 4[45] s more", finding["next"])


def test_a_lock_of_the_living_that_misses_heartbeats_is_found(world: World, doctor: Doctor):
    world.leave_lock(os.getpid(), age=25)
    assert re.search(r"silent for (2[5-9]|3\d) s", doctor.only()["what"])


def test_a_lock_of_another_boot_of_this_host_is_found_as_left_behind(world, doctor):
    world.leave_lock(os.getpid(), age=-86400, boot="another boot/pid:[1]")
    assert f"left behind by pid {os.getpid()}" in doctor.only()["what"]


def test_a_fresh_lock_of_the_living_is_not_found_nor_one_being_written(world, doctor):
    world.leave_lock(os.getpid())
    assert doctor.findings() == []
    (world.data_dir / "spawn.lock").write_text("")
    assert doctor.findings() == []


# The record.


def test_a_corrupt_record_is_found(doctor: Doctor, data_dir: Path):
    (data_dir / "launch.json").write_bytes(b"\0")
    assert "is corrupt" in doctor.only()["what"]


def test_a_record_in_a_newer_format_is_found(doctor: Doctor, data_dir: Path):
    (data_dir / "launch.json").write_text('{"format": 99, "name": "incumbent"}')
    assert "newer incumbent" in doctor.only()["what"]


def change_record(world: World, **changes: Any) -> None:
    path = world.data_dir / "launch.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_recorded_interpreter_that_is_gone_is_found(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    change_record(world, python="/no/such/python")
    assert "/no/such/python" in doctor.only()["what"]


def test_a_recorded_release_that_is_gone_is_found(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    gone = str(world.data_dir / "releases" / "1.0.0")
    change_record(world, environment={"PYTHONPATH": gone})
    assert gone in doctor.only()["what"]


def test_a_rejected_build_is_found_with_its_reason_until_a_newer_one_serves(world, doctor):
    world.ensure(doctor.app)
    world.ensure(world.app("2.0.0", "cannot be imported"))
    finding = doctor.only()
    assert finding["what"].startswith("version 2.0.0 was rejected: ")
    assert "no such marvel" in finding["what"]
    world.ensure(recording(world, "2.1.0"))
    assert doctor.findings() == []


def test_an_old_worker_under_a_newer_record_is_found(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    change_record(world, version="1.5.0")
    assert doctor.only()["what"] == "version 1.0.0 serves, 1.5.0 is recorded"


# The rest.


def test_kept_events_are_found_until_they_are_delivered(world: World, doctor: Doctor):
    hooks = Hooks(world, doctor.app)
    with foreigner(world.port):
        hooks.fire("Early")
        hooks.fire("Early")
    finding = doctor.only()
    assert finding["what"].startswith("2 events are kept in ")
    assert finding["next"] == "run `worker-service start`: the worker delivers them"
    hooks.fire("Late")
    hooks.delivered()
    assert doctor.findings() == []


def test_faults_of_the_journal_are_found(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    with open(world.data_dir / "trace.jsonl", "a") as file:
        file.write("nonsense\n")
    finding = doctor.only()
    assert "1 fault: trace.jsonl, line" in finding["what"]
    assert finding["next"] == "run `worker-service trace --check`"


def test_a_token_that_others_can_read_is_found(world: World, doctor: Doctor):
    world.ensure(doctor.app)
    path = world.data_dir / "token"
    path.touch(0o600)
    path.chmod(0o644)
    assert doctor.only()["next"] == f"run `chmod 600 {path}`"


def test_a_data_dir_of_another_user_is_found(doctor: Doctor, data_dir: Path):
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can give a folder away")
    os.chown(data_dir, 12345, -1)
    assert "belongs to the user 12345" in doctor.only()["what"]
    os.chown(data_dir, 0, -1)


def test_a_data_dir_that_is_a_file_is_found(world: World, doctor: Doctor):
    world.data_dir.write_text("in the way")
    assert "is no folder" in doctor.only()["what"]
    world.data_dir.unlink()


@pytest.fixture
def spoiled(world: World, request: pytest.FixtureRequest) -> Iterator[str]:
    with mounted(world.data_dir, request.param):
        yield request.param


@pytest.mark.parametrize("spoiled", ["ro,size=1m,mode=700"], indirect=True)
def test_a_read_only_data_dir_is_found(spoiled: str, doctor: Doctor):
    assert spoiled
    assert "can't be written" in doctor.only()["what"]


@pytest.mark.parametrize("spoiled", ["size=64k,mode=700"], indirect=True)
def test_a_full_disk_is_found(spoiled: str, doctor: Doctor):
    assert spoiled
    assert "is full" in doctor.only()["what"]


def test_a_finding_for_everything_at_once(world: World, doctor: Doctor):
    hooks = Hooks(world, doctor.app)
    with foreigner(world.port):
        hooks.fire("Early")
        (world.data_dir / "launch.json").write_text("{")
        (world.data_dir / "settings.json").write_text('{"drain_timeout": "soon"}')
        world.leave_lock(*dead_owner())
        world.data_dir.chmod(0o755)
        about = [finding["about"] for finding in doctor.findings()]
    assert about == ["settings", "port", "permissions", "lock", "record", "spool"]
    assert stat.S_IMODE(world.data_dir.stat().st_mode) == 0o755
    subprocess.run(["rm", "-r", str(world.data_dir)], check=True)
