"""Fails a test that takes too long: a pytest plugin, so that a mutant that hangs is seen.

The variable `TEST_LIMIT_S` is the limit, in seconds.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

VARIABLE = "TEST_LIMIT_S"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Let an alarm fail the test; what fixtures do afterwards still cleans up."""
    limit = float(os.environ.get(VARIABLE, "60"))

    def too_late(*_: object) -> None:
        pytest.fail(f"took longer than {limit:g} s")

    before = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, limit, 1.0)  # again, should somebody swallow the first
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
