"""An owner is a pid with its start token, so that neither zombies nor recycled pids fool us."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.lock.process_identity import (
    MAX_PID,
    boot_id,
    is_another_boot,
    is_dead,
    is_pid,
    self_token,
    start_token,
)

from ....world import bystander, dead_owner, eventually


def test_a_living_process_is_not_dead():
    assert not is_dead(os.getpid(), self_token())
    with bystander() as process:
        token = start_token(process.pid)
        assert token is not None
        assert not is_dead(process.pid, token)


def test_a_process_that_is_no_more_is_dead():
    assert is_dead(*dead_owner())


def test_a_zombie_is_dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    token = start_token(process.pid) or "1"
    eventually(lambda: is_dead(process.pid, token), "the process is a zombie")
    os.kill(process.pid, 0)  # the kernel still knows it
    assert process.wait() == 0


def test_a_recycled_pid_is_a_dead_owner():
    assert is_dead(os.getpid(), str(int(self_token()) - 1))


def test_a_token_that_could_not_be_read_is_not_a_dead_owner():
    assert not is_dead(os.getpid(), "?")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a token is a text of ps")
def test_a_token_is_the_moment_of_the_start_in_ticks_since_boot():
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    with bystander() as process:
        after = time.clock_gettime(time.CLOCK_BOOTTIME)
        began = int(start_token(process.pid) or "0") * tick_s
    assert before - 2 * tick_s <= began <= after + 2 * tick_s


def test_a_process_that_began_later_has_another_token():
    with bystander() as one:
        first = start_token(one.pid)
        eventually(lambda: token_of_another() != first, "time enough has passed for another token")


def token_of_another() -> str | None:
    with bystander() as other:
        return start_token(other.pid)


@pytest.mark.parametrize("pid", [0, -1, MAX_PID + 1, True, "1", None, 1.0])
def test_what_can_name_no_process_is_malformed(pid):
    assert not is_pid(pid)
    assert start_token(pid) is None


def test_a_command_name_with_brackets_does_not_shift_the_fields(tmp_path):
    program = tmp_path / "a) Z ("
    program.symlink_to(os.path.realpath(sys.executable))
    process = subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        twin = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            token, other = start_token(process.pid), start_token(twin.pid)
            assert token is not None
            assert other is not None
            assert abs(int(token) - int(other)) < 10 * os.sysconf("SC_CLK_TCK")
        finally:
            twin.kill()
            twin.communicate()
    finally:
        process.kill()
        process.communicate()


def test_the_boot_stays_the_same_for_another_process():
    program = "from incumbent.lifecycle.lock.process_identity import boot_id; print(boot_id())"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert said.stdout.strip() == boot_id() != "?"


# Where there is no /proc.


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("ps"):
        pytest.skip("there is no ps here")
    monkeypatch.setattr(sys, "platform", "darwin")


@pytest.mark.usefixtures("elsewhere")
def test_without_proc_a_living_process_has_one_token_and_a_dead_one_none():
    with bystander() as process:
        token = start_token(process.pid)
        assert token is not None
        assert token == start_token(process.pid)
        assert len(token.split("-")) >= 5  # weekday, month, day, time, year
        assert " " not in token
        assert not is_dead(process.pid, token)
        assert is_dead(process.pid, "Mon-Jan--1-00:00:00-1990")
    assert start_token(process.pid) is None


@pytest.mark.usefixtures("elsewhere")
def test_without_proc_a_zombie_is_dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    eventually(lambda: start_token(process.pid) is None, "the process is a zombie")
    os.kill(process.pid, 0)
    assert process.wait() == 0


@pytest.mark.usefixtures("elsewhere")
def test_without_ps_nobody_is_dead(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert start_token(os.getpid()) == "?"
    assert not is_dead(os.getpid(), "any")
    assert boot_id() == "?"


@pytest.mark.usefixtures("elsewhere")
def test_without_proc_the_boot_is_what_the_kernel_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    program = tmp_path / "sysctl"
    program.write_text('#!/bin/sh\n[ "$*" = "-n kern.boottime" ] && echo " { sec = 1 } "\nexit 3\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert boot_id() == "{ sec = 1 }"


@pytest.mark.parametrize(
    ("one", "other", "another"),
    [("a/1", "a/2", False), ("a/1", "b/1", True), ("a", "a/1", False)],
)
def test_a_boot_is_told_from_a_namespace(
    monkeypatch: pytest.MonkeyPatch, one: str, other: str, another: bool
):
    monkeypatch.setattr(sys, "platform", "linux")
    assert is_another_boot(one, other) is another
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not is_another_boot(one, other)


def test_the_boot_names_this_pid_namespace():
    if sys.platform == "linux":
        assert boot_id().endswith("/" + os.readlink("/proc/self/ns/pid"))
