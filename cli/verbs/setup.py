"""Writes hooks with an MCP server into a host's own files, or takes exactly that back."""

from __future__ import annotations

import argparse
import os

from incumbent.lifecycle.about import command
from incumbent.lifecycle.settings import Worker

from ..agreement import agreed
from ..output import as_json, show, tell
from ..setup.called import called
from ..setup.changes import make, planned
from ..setup.hosts import HOSTS


def configure(parser: argparse.ArgumentParser) -> None:
    """Add whose files, which way, whether it is asked first."""
    parser.add_argument("host", choices=sorted(HOSTS), help="whose files")
    parser.add_argument("--remove", action="store_true", help="take back what setup wrote")
    parser.add_argument("--yes", action="store_true", help="don't ask")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Show the change, ask, then make it; raises DotFileError, NotCallableError."""
    host, ours = HOSTS[options.host], called(worker)
    changes = planned(host, ours, os.environ, options.remove)
    changed = [change for change in changes if change.is_one]
    left = [sentence for change in changes for sentence in change.left]
    if changed and not options.yes:
        tell(f"this changes what {host.title} does:", *(r for c in changed for r in c.diff()))
        if not agreed():
            again = " --remove" if options.remove else ""
            tell(f"nothing was changed; run `{command()} setup {host.name}{again} --yes`")
            if options.json:
                as_json({"ok": False, "error": "not agreed", "event": ""})
            return 1
    make(changed, ours.name, options.remove)
    paths = [change.path for change in changed]
    if options.json:
        as_json({"ok": True, "changed": paths, "left": left})
        return 0
    what = "Taken back from" if options.remove else "Written into"
    show(*(f"{what} {path}" for path in paths), *left)
    if not paths:
        show(
            f"{host.title} has it so already" if not options.remove else "Nothing of ours is there"
        )
    if changed and not options.remove:
        show(*(f"{host.title}: {sentence}" for sentence in host.said))
    return 0
