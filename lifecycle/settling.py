"""Judges what became of a child, the same way for a launcher as for a predecessor."""

from __future__ import annotations

from .system import EXIT_LOST, Child, Ended, Holder

READY = "child_ready"
LEFT = "child_left"
LOST = "child_lost"
STOPPED = "child_stopped"
FAILED = "child_failed"
KILLED = "child_killed"


def verdict(ended: Ended) -> str:
    """Give the one word for what became of a child that is settled.

    `up` outranks everything that happened since; exit 75 and 0 are never the build's fault, nor
    is a death by a signal that somebody else sent. A crash is: it comes back with every try.
    """
    if ended.code is None:
        return READY
    if ended.up:
        return LEFT
    if ended.late:
        return FAILED
    if ended.code == EXIT_LOST:
        return LOST
    if ended.code == 0:
        return STOPPED
    return KILLED if ended.code < 0 and not ended.crashed else FAILED


async def keep_record(holder: Holder, child: Child, ended: Ended) -> bool:
    """Write the verdict into the launch record; False when the lock is no longer ours."""
    word = verdict(ended)
    if word in (READY, LEFT):
        return await holder.mark_good(child.build)
    if word == FAILED:
        return await holder.reject(child.build, reason(ended), ended.late)
    return True


def reason(ended: Ended) -> str:
    """Give the sentence that says how a child failed, with its last words."""
    if ended.late:
        how = "was not up within its start budget"
    elif ended.code is not None and ended.code < 0:
        how = f"{'crashed by' if ended.crashed else 'was killed by'} signal {-ended.code}"
    else:
        how = f"exited {ended.code}"
    return f"{how}: {ended.words}" if ended.words else how
