"""Shows what holds the port, from health alone."""

from __future__ import annotations

import argparse

from incumbent.lifecycle import health as h
from incumbent.lifecycle import status
from incumbent.lifecycle.about import command
from incumbent.lifecycle.health import Seen
from incumbent.lifecycle.runs import describe
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.states import SERVING

from .output import as_json, show

EXIT_RUNNING = 0
EXIT_NOT_RUNNING = 3
EXIT_UNHEALTHY = 4


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `status` has no arguments of its own."""


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print what one probe saw; the exit code says it too."""
    seen = status(worker)
    code = exit_code(seen)
    if options.json:
        as_json(facts(seen, worker, code))
    elif code == EXIT_RUNNING and seen.health is not None:
        health = seen.health
        show(f"Worker running ({health.state})")
        show(f"  pid         {health.pid}")
        show(f"  version     {health.version}")
        show(f"  uptime      {health.uptime:.1f} s")
        show(f"  workerPath  {health.worker_path}")
        if health.refusal:
            show(f"  refused     {health.refusal}")
    elif code == EXIT_NOT_RUNNING:
        show(f"Worker not running: {describe(seen, worker)}; run `{command()} start`")
    else:
        show(f"No healthy worker: {describe(seen, worker)}")
    return code


def exit_code(seen: Seen) -> int:
    """Give what `status` exits with for what a probe saw."""
    if seen.kind == h.DARK:
        return EXIT_NOT_RUNNING
    if seen.health is not None and seen.health.state in SERVING:
        return EXIT_RUNNING
    return EXIT_UNHEALTHY


def facts(seen: Seen, worker: Worker, code: int) -> dict[str, object]:
    """Give what a probe saw as one JSON object."""
    said: dict[str, object] = dict.fromkeys(("state", "pid", "version", "uptime", "workerPath"))
    said |= {
        "running": code == EXIT_RUNNING,
        "seen": seen.kind,
        "detail": describe(seen, worker),
        "port": worker.port,
    }
    if seen.health is not None:
        said |= seen.health.to_json()
    return said
