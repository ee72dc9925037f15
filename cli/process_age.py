"""Tells when the command that this process runs was given."""

from __future__ import annotations

import os
import resource
import time

_IMPORTED = time.monotonic()
SLOW_START_S = 15.0  # no interpreter takes longer to come here, also one of many on a busy machine


def began() -> float:
    """Give the moment on the monotonic clock, in seconds, never earlier than the truth.

    Restarts that are typed together so begin together, however long each interpreter takes. For
    a process that was another program before, the start of the process is too early: a shell
    runs its last command in its own place, so in `start; restart` that would be before `start`,
    whose worker would then prove the restart. Such a process has had children, or has waited
    longer than any interpreter takes; it began when this module was imported.
    """
    start = _process_start()
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    was_another = children.ru_minflt > 0 or children.ru_utime + children.ru_stime > 0
    if start is None or was_another or _IMPORTED - start > SLOW_START_S:
        return _IMPORTED
    return min(start, _IMPORTED)


def _process_start() -> float | None:
    """Give the end of the clock tick in which this process was created, where that can be had.

    proc(5) tells the start in clock ticks of the boot clock; a tick is 10 ms on Linux.
    """
    try:
        with open("/proc/self/stat", "rb") as file:
            stat = file.read()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - start_seconds(
            stat, os.sysconf("SC_CLK_TCK")
        )
    except (OSError, AttributeError, ValueError, IndexError):
        return None
    return time.monotonic() - age


def start_seconds(stat: bytes, ticks_per_second: int) -> float:
    """Give the start in a line of /proc/<pid>/stat, in seconds since boot, one tick rounded up.

    The name in it may hold any bytes, also blanks and brackets.
    """
    return (int(stat.rpartition(b")")[2].split()[19]) + 1) / ticks_per_second
