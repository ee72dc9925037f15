"""Removes what this project has written into a data dir, by name, following no link."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator

from incumbent.lifecycle import data_dir as d

_FILES = (d.RECORD, d.GUARD, d.SPAWN_LOCK, d.SERVE_LOCK, d.PID_FILE, d.TOKEN, d.SETTINGS, d.SILENT)
_OWN = "|".join(map(re.escape, (*_FILES, d.TRACE)))
_ASIDE = r"(\.[0-9]+\.[0-9a-f]+\.tmp|\.[0-9]+\.tmp|\.corrupt-[0-9TZ]+)?"
TOP = re.compile(rf"({_OWN}){_ASIDE}|{re.escape(d.TRACE)}\.(1|guard)")
IN_LOGS = re.compile(r"worker\.log(\.1)?|early-[0-9]+-[0-9]+-[0-9a-f]+\.log")
IN_SPOOL = re.compile(r"\.guard|\..*\.json\.tmp")
EVENTS_IN_SPOOL = re.compile(r"[0-9].*(\.json(\.refused)?|\.set-aside|\.why)")
EVENTS = re.compile(rf"{re.escape(d.EVENTS)}(-wal|-shm|-journal)?")
IN_RELEASES = re.compile(r"\.guard")

RemoveTree = Callable[[str], None]


class Removal:
    """What would be removed of one data dir: `files`, then whole releases, then empty folders.

    With `data` the recorded events go, too, and those that wait to be delivered. `label` is the
    file by which a folder is a release, which `remove_tree` removes.
    """

    def __init__(self, path: str, data: bool, label: str, remove_tree: RemoveTree) -> None:
        self.path, self._remove_tree = path, remove_tree
        top = rf"{TOP.pattern}|{EVENTS.pattern}" if data else TOP.pattern
        spool = rf"{IN_SPOOL.pattern}|{EVENTS_IN_SPOOL.pattern}" if data else IN_SPOOL.pattern
        logs, kept, releases = (os.path.join(path, name) for name in (d.LOGS, d.SPOOL, d.RELEASES))
        self.files = [
            *_named(path, top),
            *_named(logs, IN_LOGS.pattern),
            *_named(kept, spool),
            *_named(releases, IN_RELEASES.pattern),
        ]
        self.releases = list(_releases(releases, label))
        self._folders = [logs, kept, releases, path]

    def do(self) -> list[str]:
        """Remove it all; give what is left, if anything, in order."""
        for file in self.files:
            if _is_own(file, stat.S_ISREG):
                with contextlib.suppress(OSError):
                    os.unlink(file)
        for release in self.releases:
            if _is_own(release, stat.S_ISDIR):
                with contextlib.suppress(OSError):
                    self._remove_tree(release)
        for folder in self._folders:
            if _is_own(folder, stat.S_ISDIR):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
        left = [os.path.join(top, name) for top, _, names in os.walk(self.path) for name in names]
        left += [
            os.path.join(top, name)
            for top, folders, _ in os.walk(self.path)
            for name in folders
            if os.path.islink(os.path.join(top, name)) or not os.listdir(os.path.join(top, name))
        ]
        return sorted(left)


def _named(folder: str, pattern: str) -> Iterator[str]:
    """Give the files in a folder that are ours by name, by kind, by owner."""
    if not _is_own(folder, stat.S_ISDIR):
        return
    wanted = re.compile(pattern)
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if wanted.fullmatch(name) and _is_own(path, stat.S_ISREG):
            yield path


def _releases(folder: str, label: str) -> Iterator[str]:
    if not _is_own(folder, stat.S_ISDIR):
        return
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        labelled = _is_own(os.path.join(path, label), stat.S_ISREG)
        if (labelled or name.startswith(".new-")) and _is_own(path, stat.S_ISDIR):
            yield path


def _is_own(path: str, kind: Callable[[int], bool]) -> bool:
    try:
        told = os.lstat(path)
    except OSError:
        return False
    return told.st_uid == os.geteuid() and kind(told.st_mode)
