"""Becomes the worker itself, in the foreground."""

from __future__ import annotations

import argparse
import os
import sys

from incumbent.lifecycle.settings import Worker


def configure(parser: argparse.ArgumentParser) -> None:
    """Add who starts the worker again."""
    parser.add_argument(
        "--managed", action="store_true", help="a service manager starts it again when it exits"
    )


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Replace this process by the worker: same pid, same terminal, nothing of the CLI left."""
    os.environ["INCUMBENT_DATA_DIR"] = worker.data_dir
    os.environ["INCUMBENT_PORT"] = str(worker.port)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-P", "-m", "incumbent.server", "--by-hand"]
    os.execv(sys.executable, [*command, *["--managed"] * options.managed])
