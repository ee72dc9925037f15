"""Looks at the spawn lock with its guard: who holds them, whether that one still goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from incumbent.lifecycle import files
from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock.lock_files import is_gone
from incumbent.lifecycle.lock.lock_holders import lock_holders
from incumbent.lifecycle.lock.process_identity import boot_id, is_stopped
from incumbent.lifecycle.lock.spawn_lock import HEARTBEAT_S, TORN_S, UNMENDED_S, Owner, owner_in
from incumbent.lifecycle.settings import LEASE_S, Worker

from .finding import Finding


def lock(place: DataDir) -> Iterator[Finding]:
    """Tell of a lock that was left behind, or whose holder is silent."""
    path = place.spawn_lock
    try:
        content = files.read(path)
        age = time.time() - os.stat(path).st_mtime
    except FileNotFoundError:
        return
    except FilesError as error:
        yield Finding("lock", f"can't read {path}: {error.reason}", f"run `chmod 600 {path}`")
        return
    if content is None:
        return
    owner = owner_in(content)
    start = f"run `{command()} start`"
    breaks = f"the next launch breaks it: {start}"
    if owner is not None and _is_gone(owner, path):
        whose = f"pid {owner.pid}, which is gone"
        yield Finding("lock", f"{path} was left behind by {whose}", breaks)
        return
    if owner is None:
        whose, lease = f"{path} is torn: it names no owner", TORN_S
    else:
        whose, lease = f"{path} is held by pid {owner.pid} on {owner.host}", LEASE_S
    if age < -HEARTBEAT_S:
        seconds = min(lease, UNMENDED_S)
        yield Finding(
            "lock",
            f"{whose}, and its time lies {-age:.0f} s ahead",
            f"the next launch breaks it once that was not mended for {seconds:g} s: {start}",
        )
    elif age > lease:
        how = "" if owner is None else f", silent for {age:.0f} s"
        yield Finding("lock", f"{whose}{how}", breaks)
    elif owner is not None and (age > UNMENDED_S or _is_far(owner)):
        yield Finding(
            "lock",
            f"{whose}, silent for {max(age, 0.0):.0f} s",
            f"unless it goes on, launches wait {lease - age:.0f} s more: then {start}",
        )


def guard(place: DataDir) -> Iterator[Finding]:
    """Tell of a process that was stopped while it held the guard."""
    for pid in lock_holders(place.guard):
        if is_stopped(pid):
            stopped = f"held by the process {pid}, which is stopped: no launch gets through"
            mend = f"run `kill -CONT {pid}`, or end it by `kill -9 {pid}`"
            yield Finding("guard", f"{place.guard} is {stopped}", mend)


def is_under_way(worker: Worker) -> bool:
    """Whether somebody alive holds the spawn lock, which grows old when its holder hangs."""
    path = DataDir(worker.data_dir).spawn_lock
    try:
        owner = owner_in(files.read(path) or b"")
        age = time.time() - os.stat(path).st_mtime
    except (FilesError, FileNotFoundError):
        return False
    return owner is not None and not _is_gone(owner, path) and age <= LEASE_S


def _is_far(owner: Owner) -> bool:
    """Whether nothing here can tell if this owner lives."""
    return (owner.host, owner.boot) != (os.uname().nodename, boot_id())


def _is_gone(owner: Owner, path: str) -> bool:
    return is_gone(owner, os.uname().nodename, boot_id(), path)
