"""Replaces the worker, showing every transition as it happens."""

from __future__ import annotations

import argparse
import os
import time

from incumbent.lifecycle.runs import restart
from incumbent.lifecycle.settings import Worker

from .arguments import seconds
from .journal import Follower, Line, header, readable
from .output import as_json, show
from .process_age import began


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how long it may take."""
    parser.add_argument("--timeout", type=seconds, metavar="S", help="seconds")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the trace, then the proof; raises NotVerifiedError."""
    begun = began() if options.typed else time.monotonic()
    follower = Follower(worker.path("trace.jsonl"))
    shown: list[Line] = []

    def tell_new() -> None:
        fresh = [line for line in follower.new_lines() if of_this_restart(line)]
        if not options.json:
            titles = [header()] if fresh and not shown else []
            show(*titles, *map(readable, fresh))
        shown.extend(fresh)

    try:
        health = restart(
            worker, timeout=options.timeout, door="cli", began=begun, watching=tell_new
        )
    finally:
        tell_new()
        follower.close()
    if options.json:
        as_json({"ok": True, "pid": health.pid, "version": health.version, "trace": shown})
    else:
        show(f"Worker restart verified (pid={health.pid}, version={health.version})")
    return 0


def of_this_restart(line: Line) -> bool:
    """Whether a transition is a worker's or our own: other launchers have their own readers."""
    return line.get("machine") == "worker" or line.get("pid") == os.getpid()
