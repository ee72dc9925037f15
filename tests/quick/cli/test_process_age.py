"""A command began when its process did, unless that was another program before."""

import os
import subprocess
import sys
import time

import pytest

from incumbent.cli.process_age import began, start_seconds

LATE = """
import asyncio, json, time
before = time.monotonic()
from incumbent.cli.process_age import began
print(began() < before)
"""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells it on Linux only")


def said(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


@on_linux
def test_a_process_that_was_begun_for_its_command_began_before_its_first_line():
    assert said(sys.executable, "-c", LATE) == "True\n"


@on_linux
def test_a_process_that_ran_other_commands_before_did_not_begin_with_them():
    script = 'sleep 0.1; exec "$@"'
    assert said("/bin/sh", "-c", script, "sh", sys.executable, "-c", LATE) == "False\n"


def test_a_command_never_began_in_the_future():
    assert began() <= time.monotonic()


@pytest.mark.parametrize("name", [b"sh", b"a b", b") R 1 (", b"\xff)"])
def test_the_start_is_found_behind_any_name_and_rounded_up(name):
    fields = b" ".join(str(number).encode() for number in range(4, 53))
    assert start_seconds(b"1 (" + name + b") S " + fields, 100) == pytest.approx(0.23)


@on_linux
def test_the_start_of_this_very_process_is_past():
    with open("/proc/self/stat", "rb") as file:
        start = start_seconds(file.read(), os.sysconf("SC_CLK_TCK"))
    assert 0 < start < time.clock_gettime(time.CLOCK_BOOTTIME) + 0.01
