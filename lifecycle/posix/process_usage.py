"""What a process takes of the machine, as the kernel knows it."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from .._named_tuple import NamedTuple


class Usage(NamedTuple):
    """What a process takes: bytes that lie in memory, seconds of a processor since it began."""

    memory: int
    processor: float


def usage(pid: int) -> Usage | None:
    """Give what this process takes; None where the kernel does not tell."""
    if sys.platform != "linux":
        return None
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        # proc(5): fields 14 and 15 are clock ticks, field 24 is pages; the state is field 3
        ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
    except (OSError, IndexError, ValueError):
        return None
    return Usage(pages * os.sysconf("SC_PAGESIZE"), ticks / os.sysconf("SC_CLK_TCK"))
