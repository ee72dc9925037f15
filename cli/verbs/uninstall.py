"""Stops the worker, then removes what this project has written."""

from __future__ import annotations

import argparse
import contextlib
import os

from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.known_data_dirs import entry_of, forget, index
from incumbent.lifecycle.runs import stop
from incumbent.lifecycle.service import check_service
from incumbent.lifecycle.settings import Worker

from ..agreement import agreed
from ..output import as_json, show, tell
from ..releases.content import remove_tree
from ..releases.store import LABEL
from ..removal import Removal
from ..setup.called import NotCallableError, called
from ..setup.changes import Change, make, planned
from ..setup.files import DotFileError
from ..setup.hosts import HOSTS
from ..waiting import run_waits_told


class NotRemovedError(IncumbentError):
    """Nothing was removed; `reason` says why, with what to type."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


def configure(parser: argparse.ArgumentParser) -> None:
    """Add what goes too, whether it is asked first."""
    parser.add_argument(
        "--data", action="store_true", help="also recorded events and those that wait"
    )
    parser.add_argument("--yes", action="store_true", help="don't ask")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Show what would go, ask, then remove it; raises StopError, NotRemovedError."""
    check_service(worker)
    shown = Removal(worker.data_dir, options.data, LABEL, remove_tree)
    entries = _entries(worker)
    entry = entry_of(worker.data_dir, worker.environ)
    if not options.yes:
        paths = (*shown.files, *shown.releases)
        rows = (f"  {os.path.relpath(path, worker.data_dir)}" for path in paths)
        tell(f"this stops the worker and removes from {worker.data_dir}:", *rows)
        for change in entries:
            tell("and takes back what `setup` wrote:", *change.diff())
        if not agreed():
            raise NotRemovedError(f"nothing was removed; run `{command()} uninstall --yes`")
    with run_waits_told(worker):
        stop(worker, origin="cli")
    removal = Removal(
        worker.data_dir, options.data, LABEL, remove_tree
    )  # the stop has written, too
    there = [path for path in (*removal.files, *removal.releases) if os.path.lexists(path)]
    make(entries, worker.name, remove=True)
    left = removal.do()
    forget(entry)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(index(worker.environ)))  # where nothing else is in it
    removed = [path for path in there if not os.path.lexists(path)]
    if options.json:
        taken_back = [change.path for change in entries]
        as_json({"ok": True, "removed": removed, "left": left, "takenBack": taken_back})
        return 0
    show(f"Removed {len(removed)} files and releases from {worker.data_dir}")
    show(*(f"Taken back from {change.path}" for change in entries))
    if left:
        show("Left, since they are not this project's or are your data:")
        show(*(f"  {path}" for path in left))
    return 0


def _entries(worker: Worker) -> list[Change]:
    """Give what `setup` has written into the files of hosts, as long as it is as it was written."""
    found: list[Change] = []
    try:
        ours = called(worker)
    except NotCallableError:
        return found
    for host in HOSTS.values():
        try:
            found += planned(host, ours, os.environ, remove=True)
        except DotFileError as error:
            tell(str(error))
    return [change for change in found if change.is_one]
