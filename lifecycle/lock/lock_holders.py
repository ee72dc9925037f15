"""Finds the processes that hold a lock on a file, by what the kernel says of their descriptors."""

from __future__ import annotations

import os

_LOCK = b"\nlock:"  # proc(5): in fdinfo, of a flock or a lock of the open file


def lock_holders(path: str) -> list[int]:
    """Give the pids of those of our processes that hold a lock on the file at this path.

    None where the kernel does not tell: on another system than Linux, of another user's process,
    in a pid namespace beside ours.
    """
    try:
        meant = os.stat(path)
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if _holds(pid, (meant.st_dev, meant.st_ino))]


def _holds(pid: int, file: tuple[int, int]) -> bool:
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return False  # gone, or another user's
    for number in numbers:
        try:
            told = os.stat(f"/proc/{pid}/fd/{number}")
            if (told.st_dev, told.st_ino) != file:
                continue
            with open(f"/proc/{pid}/fdinfo/{number}", "rb") as said:
                if _LOCK in said.read():
                    return True
        except OSError:
            continue  # closed meanwhile
    return False
