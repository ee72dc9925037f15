"""The kernel tells what a process takes, or nothing does."""

import os
import sys

import pytest

from incumbent.lifecycle.posix.process_usage import usage


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells it in /proc")
def test_a_process_takes_memory_and_time():
    taken = usage(os.getpid())
    assert taken is not None
    assert 1_000_000 < taken.memory < 100_000_000_000
    assert taken.processor > 0


@pytest.mark.parametrize("pid", [0, -1, 2**31 - 1])
def test_a_process_that_is_not_there_takes_nothing(pid):
    assert usage(pid) is None
