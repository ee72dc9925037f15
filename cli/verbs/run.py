"""Becomes the worker itself, in the foreground."""

from __future__ import annotations

import argparse
import os
import sys

from incumbent.lifecycle.posix.child_environment import places_of, settings_of
from incumbent.lifecycle.settings import Worker

from ..arguments import UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add who starts the worker again, or that it is replaced whenever its code changes."""
    parser.add_argument(
        "--managed", action="store_true", help="a service manager starts it again when it exits"
    )
    parser.add_argument(
        "--reload", action="store_true", help="restart when code changes, once it has come up"
    )
    parser.add_argument(
        "--watch", action="append", metavar="DIR", help="a folder of code, beside the app's own"
    )


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Replace this process by the worker: same pid, same terminal, nothing of the CLI left.

    With --reload it stays beside the worker, which is one like any other.
    """
    if options.reload:
        if options.managed or options.json:
            raise UsageError("--reload is for a person: it goes with neither --managed nor --json")
        from ..reloading import folders_of, run_reloading

        return run_reloading(worker, folders_of(worker, options.watch or []))
    if options.watch:
        raise UsageError("--watch goes with --reload")
    os.environ.update(settings_of(worker))
    os.environ.update(places_of(worker, worker.version, worker.app))
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed before we began
            stream.flush()
    command = [worker.python, "-P", "-m", "incumbent.server", "--by-hand"]
    command += ["--managed"] * options.managed + ["--json"] * options.json
    os.execv(worker.python, command)
