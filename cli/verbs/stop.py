"""Stops the worker, then proves the port free."""

from __future__ import annotations

import argparse

from incumbent.lifecycle.runs import stop
from incumbent.lifecycle.settings import Worker

from ..arguments import seconds
from ..outcome import stopped
from ..output import as_json, show
from ..waiting import run_waits_told


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how long it may take, and whether a worker that hangs is ended."""
    parser.add_argument("--timeout", type=seconds, metavar="S", help="seconds")
    parser.add_argument("--force", action="store_true", help="end a worker that does not answer")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print whether there was a worker to stop; raises StopError."""
    with run_waits_told(worker):
        found = stop(worker, timeout=options.timeout, origin="cli", force=options.force)
    if options.json:
        as_json({"ok": True, "stopped": found})
    else:
        show(stopped(found))
    return 0
