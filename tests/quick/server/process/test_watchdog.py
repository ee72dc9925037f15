"""A watchdog ends its process when its time is over, unless it was called off."""

import subprocess
import sys

import pytest

from incumbent.lifecycle.drivers.ports import EXIT_LATE

PROGRAM = """
import sys, time
from incumbent.server.process.watchdog import Watchdog
budget, what = float(sys.argv[1]), sys.argv[2]
def last_act():
    print("last act", flush=True)
    if what == "fails":
        raise RuntimeError("no words left")
watchdog = Watchdog(budget, last_act)
watchdog.start()
if what in ("off", "again"):
    watchdog.call_off()
if what == "again":
    watchdog.start()
time.sleep(0.5 if what == "off" else 30)
print("lives", flush=True)
"""


def ran(budget: float, what: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(budget), what],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def test_a_process_that_is_not_up_in_time_ends_with_a_sentence():
    assert ran(0.05, "on") == (EXIT_LATE, "last act\n", "incumbent: not up within 0.05 s\n")


def test_a_process_whose_last_act_fails_ends_all_the_same():
    code, said, told = ran(0.05, "fails")
    assert (code, said) == (EXIT_LATE, "last act\n")
    assert "not up within 0.05 s" in told


@pytest.mark.slow
def test_a_watchdog_that_was_called_off_does_nothing():
    assert ran(0.05, "off") == (0, "lives\n", "")


def test_a_watchdog_that_was_called_off_counts_again():
    code, said, _ = ran(0.05, "again")
    assert (code, said) == (EXIT_LATE, "last act\n")
