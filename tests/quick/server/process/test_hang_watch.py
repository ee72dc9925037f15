"""A process whose loop stands still ends with its stacks; one whose loop ticks lives."""

import subprocess
import sys

import pytest

from incumbent.lifecycle.machine import states as s
from incumbent.lifecycle.settings import Worker
from incumbent.server.main import hang_timeout
from incumbent.server.process.hang_watch import SPARE_S, TICK_S, HangWatch
from incumbent.server.process.spawn_context import SpawnContext

pytestmark = pytest.mark.slow

PROGRAM = """
import ctypes, os, sys, time
from incumbent.lifecycle.machine import states as s
from incumbent.server.process.hang_watch import HangWatch
timeout, what = float(sys.argv[1]), sys.argv[2]
watch = HangWatch(timeout, 30, 30)
watch.enter(s.VERIFIED)
if what == "ticks":
    for _ in range(20):
        time.sleep(0.1)
        watch.tick()
elif what == "forks":
    child = os.fork()
    if child == 0:
        watch.tick()
        sys.exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    time.sleep(30)
elif what == "holds":
    ctypes.PyDLL(None).sleep(30)
else:
    time.sleep(1.5)
print("lives", flush=True)
"""


def ran(timeout: float, what: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(timeout), what],
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("what", ["sleeps", "holds"])
def test_a_loop_that_stands_still_ends_its_process_with_all_stacks(what):
    code, said, told = ran(0.1, what)
    assert (code, said) == (1, "")
    assert "Timeout (" in told
    assert 'File "<string>"' in told


def test_a_loop_that_ticks_is_left_alone():
    assert ran(0.1, "ticks") == (0, "lives\n", "")


def test_a_timeout_of_nothing_is_no_timeout():
    assert ran(0, "sleeps") == (0, "lives\n", "")


def test_a_forked_child_ends_as_it_will_and_its_parent_is_watched_on():
    code, said, told = ran(0.1, "forks")
    assert (code, said) == (1, "7\n")
    assert "Timeout (" in told


@pytest.mark.parametrize(
    ("state", "timeout", "seconds"),
    [
        (s.VERIFIED, 60, 60 + TICK_S),
        (s.WARMING_UP, 60, 60 + TICK_S),
        (s.STANDBY, 2, 15 + SPARE_S),
        (s.STARTING, 60, 15 + SPARE_S),
        (s.RESUMING_PID_WRITTEN, 2, 15 + SPARE_S),
        (s.DRAINED, 60, 5 + SPARE_S),
        (s.STOPPING_DRAINED, 2, 2 + TICK_S),
        (s.STARTING, 0, 0),
    ],
)
def test_each_state_has_its_own_limit(state, timeout, seconds):
    assert HangWatch(timeout, 15, 5)._limit_of(state) == seconds


@pytest.mark.parametrize(
    ("by_hand", "terminal", "told", "seconds"),
    [
        (True, True, None, 0),
        (True, True, 5, 5),
        (True, False, None, 60),
        (False, True, None, 60),
        (False, False, 0, 0),
    ],
)
def test_a_debugger_may_stand_at_a_terminal(sandbox, monkeypatch, by_hand, terminal, told, seconds):
    monkeypatch.setattr("os.isatty", lambda _: terminal)
    worker = Worker(hang_timeout=told, environ=sandbox.environment())
    assert hang_timeout(worker, SpawnContext(by_hand)) == seconds
