"""Counts the threads of pools that are still at work: nobody can cancel what runs in them."""

from __future__ import annotations

import sys
from types import FrameType

# Where a thread of a pool runs what it was given: of asyncio, Django and a2wsgi; of anyio.
AT_WORK = {
    ("concurrent.futures.thread", "_WorkItem.run"),
    ("anyio._backends._asyncio", "WorkerThread.run"),
}
WAITS_IN = "queue"  # what the function calls that waits for more work


def at_work() -> int:
    """Give how many threads of pools run something."""
    return sum(map(_is_at_work, sys._current_frames().values()))


def _is_at_work(frame: FrameType | None) -> bool:
    inner = ""
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if (module, frame.f_code.co_qualname) in AT_WORK:
            return inner != WAITS_IN
        inner, frame = module, frame.f_back
    return False
