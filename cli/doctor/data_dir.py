"""Looks at the data dir: whose it is, who may use it, whether there is room."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from incumbent.lifecycle.data_dir import DataDir

from .finding import Finding, another_owner

ROOM_BYTES = 1_000_000  # less, and the next event, record or log may not fit


def data_dir(path: str) -> Iterator[Finding]:
    """Tell of a data dir that can't be used, or that others may look into."""
    told = os.lstat(path)
    if not stat.S_ISDIR(told.st_mode):
        yield Finding("data dir", f"{path} is no folder", f"run `mv {path} {path}.old`")
        return
    if told.st_uid != os.geteuid():
        yield another_owner("data dir", path, told.st_uid)
    if told.st_mode & 0o077:
        mode = stat.S_IMODE(told.st_mode)
        yield Finding(
            "permissions", f"{path} is open to other users ({mode:04o})", f"run `chmod 700 {path}`"
        )
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            "data dir",
            f"{path} can't be written",
            f"run `chmod 700 {path}`, or choose another with INCUMBENT_DATA_DIR",
        )
        return
    room = os.statvfs(path)
    if room.f_bavail * room.f_frsize < ROOM_BYTES or (room.f_files and not room.f_favail):
        yield Finding("disk", f"the disk under {path} is full", f"make room, see `df -h {path}`")


def private_files(place: DataDir) -> Iterator[Finding]:
    """Tell of files that are not this user's alone."""
    for path in (place.token, place.record, place.settings, place.events):
        try:
            told = os.lstat(path)
        except FileNotFoundError:
            continue
        if path == place.token and told.st_mode & 0o077:
            yield Finding(
                "permissions", f"{path} can be read by other users", f"run `chmod 600 {path}`"
            )
        if told.st_uid != os.geteuid():
            yield another_owner("permissions", path, told.st_uid)
