"""Judges what became of a child, the same way for a launcher as for a predecessor."""

from __future__ import annotations

from .ports import EXIT_LATE, EXIT_LOST, Child, ChildExit, StorePort

CHILD_READY = "child_ready"
CHILD_LEFT = "child_left"
CHILD_LOST = "child_lost"
CHILD_STOPPED = "child_stopped"
CHILD_FAILED = "child_failed"
CHILD_KILLED = "child_killed"
UNWELL = frozenset({CHILD_LOST, CHILD_FAILED, CHILD_KILLED})  # what there is a reason for


def verdict(ended: ChildExit) -> str:
    """Give the one word for what became of a child that is settled.

    `up` outranks everything that happened since; exit 75 and 0 are never the build's fault, nor
    is a death by a signal that somebody else sent. A crash is: it comes back with every try.
    """
    if ended.code is None:
        return CHILD_READY
    if ended.up:
        return CHILD_LEFT
    if is_late(ended):
        return CHILD_FAILED
    if ended.code == EXIT_LOST:
        return CHILD_LOST
    if ended.code == 0:
        return CHILD_STOPPED
    return CHILD_KILLED if ended.code < 0 and not ended.crashed else CHILD_FAILED


async def keep_record(store: StorePort, child: Child, ended: ChildExit) -> bool:
    """Write the verdict into the launch record; False when the lock is no longer ours."""
    word = verdict(ended)
    if word in (CHILD_READY, CHILD_LEFT):
        return await store.mark_good(child.build)
    if word == CHILD_FAILED:
        return await store.reject(child.build, reason(ended), is_late(ended))
    return True


def is_late(ended: ChildExit) -> bool:
    """Whether its start budget was over, whoever noticed it first: its parent or the child."""
    return ended.late or ended.code == EXIT_LATE


def reason(ended: ChildExit) -> str:
    """Give the sentence that says how a child failed, with the last it wrote."""
    if is_late(ended):
        how = "was not up within its start budget"
    elif ended.code is not None and ended.code < 0:
        how = f"{'crashed by' if ended.crashed else 'was killed by'} signal {-ended.code}"
    else:
        how = f"exited {ended.code}"
    return f"{how}: {ended.last_output}" if ended.last_output else how
