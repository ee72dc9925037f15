"""An address that this machine does not have is told at once, with the setting to change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from ..world import LAUNCHER, App, World

pytestmark = pytest.mark.process

AT_ONCE_S = 5.0  # for the interpreter, on a busy machine
SHARED = "unshare", "--net"


@pytest.fixture(autouse=True)
def _able() -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("NOT TESTED: only root can make a network without a loopback")


def without_loopback(world: World, app: App, *command: str) -> tuple[int, str, str]:
    """Run a command where no address exists; fails when it takes long."""
    began = time.monotonic()
    done = subprocess.run(
        [*SHARED, sys.executable, *command],
        env=world.environment(app),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert time.monotonic() - began < AT_ONCE_S
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("host", "way_out"),
    [
        ("127.0.0.1", "bring the loopback up"),
        ("127.0.0.2", "set INCUMBENT_HOST to 127.0.0.1"),
        ("::1", "set INCUMBENT_HOST to 127.0.0.1"),
    ],
)
@pytest.mark.parametrize("command", ["start", "restart", "stop", "run"])
def test_a_command_says_so_and_exits_1(world: World, host, way_out, command):
    world.settings["INCUMBENT_HOST"] = host
    world.data_dir.mkdir(mode=0o700)
    cli = "-m", "incumbent.cli.main", command
    code, _, talk = without_loopback(world, world.app("1.0.0"), *cli)
    assert code == 1
    assert f"this machine has no address {host}" in talk
    assert way_out in talk
    assert world.spawns() == 0
    assert not (world.data_dir / "spawn.lock").exists()


@pytest.mark.parametrize(("what", "kind"), [("ensure", "NotVerifiedError"), ("stop", "StopError")])
def test_a_call_raises_what_is_documented(world: World, what, kind):
    world.data_dir.mkdir(mode=0o700)
    app = world.app("1.0.0")
    code, said, _ = without_loopback(world, app, "-c", LAUNCHER, what, "free")
    told = json.loads(said)
    assert (code, told["kind"]) == (1, kind)
    assert "this machine has no address 127.0.0.1" in told["error"]


def test_status_and_doctor_tell_it(world: World):
    app = world.app("1.0.0")
    code, said, _ = without_loopback(world, app, "-m", "incumbent.cli.main", "status")
    assert code == 4
    assert "this machine has no address 127.0.0.1" in said
    code, said, _ = without_loopback(world, app, "-m", "incumbent.cli.main", "doctor")
    assert code == 1
    assert "bring the loopback up" in said


def test_a_hook_takes_no_longer_and_keeps_its_event(world: World):
    app = world.app("1.0.0")
    cli = "-m", "incumbent.cli.main", "hook", "Early"
    code, said, _ = without_loopback(world, app, *cli)
    assert code == 0
    assert isinstance(json.loads(said), dict)
    assert len(list((world.data_dir / "spool").iterdir())) == 1


def test_an_address_that_exists_is_not_told_missing(world: World):
    world.settings["INCUMBENT_HOST"] = "127.0.0.2"
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
