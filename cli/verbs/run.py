"""Becomes the worker itself, in the foreground."""

from __future__ import annotations

import argparse
import os
import sys

from incumbent.lifecycle.posix.child_environment import places_of, settings_of
from incumbent.lifecycle.settings import Worker


def configure(parser: argparse.ArgumentParser) -> None:
    """Add who starts the worker again."""
    parser.add_argument(
        "--managed", action="store_true", help="a service manager starts it again when it exits"
    )


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Replace this process by the worker: same pid, same terminal, nothing of the CLI left."""
    os.environ.update(settings_of(worker))
    os.environ.update(places_of(worker, worker.version, worker.app))
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed before we began
            stream.flush()
    command = [worker.python, "-P", "-m", "incumbent.server", "--by-hand"]
    command += ["--managed"] * options.managed + ["--json"] * options.json
    os.execv(worker.python, command)
