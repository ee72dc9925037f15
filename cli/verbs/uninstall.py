"""Stops the worker, then removes what this project has written."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.known_data_dirs import entry_of, forget, index
from incumbent.lifecycle.runs import stop
from incumbent.lifecycle.service import check_service
from incumbent.lifecycle.settings import Worker

from ..output import as_json, show, tell
from ..releases.content import remove_tree
from ..releases.store import LABEL
from ..removal import Removal
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
    planned = Removal(worker.data_dir, options.data, LABEL, remove_tree)
    entry = entry_of(worker.data_dir, worker.environ)
    if not options.yes:
        paths = (*planned.files, *planned.releases)
        rows = (f"  {os.path.relpath(path, worker.data_dir)}" for path in paths)
        tell(f"this stops the worker and removes from {worker.data_dir}:", *rows)
        if not _agreed():
            raise NotRemovedError(f"nothing was removed; run `{command()} uninstall --yes`")
    with run_waits_told(worker):
        stop(worker, origin="cli")
    removal = Removal(
        worker.data_dir, options.data, LABEL, remove_tree
    )  # the stop has written, too
    there = [path for path in (*removal.files, *removal.releases) if os.path.lexists(path)]
    left = removal.do()
    forget(entry)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(index(worker.environ)))  # where nothing else is in it
    removed = [path for path in there if not os.path.lexists(path)]
    if options.json:
        as_json({"ok": True, "removed": removed, "left": left})
        return 0
    show(f"Removed {len(removed)} files and releases from {worker.data_dir}")
    if left:
        show("Left, since they are not this project's or are your data:")
        show(*(f"  {path}" for path in left))
    return 0


def _agreed() -> bool:
    """Whether a person at a terminal says yes; nobody else is asked."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    tell("go on? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
