"""Tells when this process began."""

from __future__ import annotations

import os
import time

_IMPORTED = time.monotonic()


def began() -> float:
    """Give the moment on the monotonic clock, in seconds, never earlier than the truth.

    Restarts that are typed together so begin together, however long each interpreter takes.
    proc(5) tells the start in clock ticks of the boot clock; a tick is 10 ms on Linux.
    """
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19]) + 1
        boot_clock = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (OSError, AttributeError):
        return _IMPORTED
    age = boot_clock - ticks / os.sysconf("SC_CLK_TCK")
    return min(time.monotonic() - age, _IMPORTED)
