"""Replaces the worker, showing every transition as it happens."""

from __future__ import annotations

import argparse

from incumbent.lifecycle.runs import restart
from incumbent.lifecycle.settings import Worker

from .journal import Follower, header, readable
from .output import as_json
from .process_age import began


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how long it may take."""
    parser.add_argument("--timeout", type=float, metavar="S", help="seconds")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the trace, then the proof; raises NotVerifiedError."""
    follower = Follower(worker.path("trace.jsonl"))
    lines: list[dict[str, object]] = []

    def show() -> None:
        for line in follower.new_lines():
            if not lines and not options.json:
                print(header())
            lines.append(line)
            if not options.json:
                print(readable(line), flush=True)

    try:
        health = restart(worker, timeout=options.timeout, door="cli", began=began(), watching=show)
    finally:
        show()
    if options.json:
        as_json({"ok": True, "pid": health.pid, "version": health.version, "trace": lines})
    else:
        print(f"Worker restart verified (pid={health.pid}, version={health.version})")
    return 0
