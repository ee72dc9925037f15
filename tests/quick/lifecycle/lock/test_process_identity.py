"""An owner is a pid with its start token, so that neither zombies nor recycled pids fool us."""

import os
import subprocess
import sys
import time

import pytest

from incumbent.lifecycle.lock.process_identity import (
    MAX_PID,
    boot_id,
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
