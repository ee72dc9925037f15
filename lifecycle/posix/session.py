"""Ends what is left in a worker's session: the children of its app, with theirs.

Each worker leads a session of its own, so its successor is in another one. The kernel gives no
process the pid of a leader while its session has a member.
"""

from __future__ import annotations

import os
import signal
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

GRACE_S = 0.5  # from SIGTERM to SIGKILL
STEP_S = 0.01
# Cleans up what its parent's shared memory leaves, then ends by itself.
_TRACKER = b"multiprocessing.resource_tracker"


def members(leader: int) -> list[int]:
    """Give the living processes of our user in this session, without its leader and without us."""
    found = []
    for pid in _pids():
        if pid in (leader, os.getpid()):
            continue
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                # proc(5): what follows the name is the state, the parent, the group, the session.
                state, _, _, session = file.read().rpartition(b")")[2].split()[:4]
            if int(session) != leader or state in (b"Z", b"X"):
                continue
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if os.stat(f"/proc/{pid}").st_uid == os.getuid() and _TRACKER not in file.read():
                    found.append(pid)
        except OSError:
            continue
    return found


def end_members(leader: int) -> None:
    """End the members of this session: politely, then not."""
    if not tell(members(leader), signal.SIGTERM):
        return
    until = monotonic() + GRACE_S
    while members(leader) and monotonic() < until:
        sleep(STEP_S)
    tell(members(leader), signal.SIGKILL)


def end_leftovers(leader: int, data_dir: str) -> None:
    """End what a worker left that is dead: what is in its session, with its data dir at birth.

    Session and data dir together prove it: after a boot the number may be another session's. What
    we are a child of is spared.
    """
    needle = b"INCUMBENT_DATA_DIR=" + os.fsencode(data_dir)
    spared = _ancestors()
    left = [pid for pid in members(leader) if pid not in spared and _was_given(pid, needle)]
    tell(left, signal.SIGKILL)


def tell(pids: Iterable[int], number: int) -> bool:
    """Send a signal to each; give whether there was any."""
    told = False
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            continue
        told = True
    return told


def _was_given(pid: int, variable: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return variable in file.read().split(b"\0")
    except OSError:
        return False


def _ancestors() -> set[int]:
    found = set()
    pid = os.getppid()
    while pid > 1 and pid not in found:
        found.add(pid)
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            break
    return found


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
