"""Launches the worker unless it runs."""

from __future__ import annotations

import argparse

from incumbent.lifecycle.api import start
from incumbent.lifecycle.settings import Worker

from ..arguments import seconds
from ..output import as_json, show
from ..place import place
from ..waiting import run_waits_told


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how long it may take."""
    parser.add_argument("--timeout", type=seconds, metavar="S", help="seconds")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the proof of a verified worker; raises NotVerifiedError."""
    with run_waits_told(worker):
        health = start(worker, timeout=options.timeout, origin="cli")
    if options.json:
        host = health.host or worker.host
        said = {"pid": health.pid, "version": health.version, "host": host, "port": health.port}
        as_json({"ok": True} | said)
    else:
        show(f"Worker running (pid={health.pid}, version={health.version}){place(health, worker)}")
    return 0
