"""Becomes the worker itself, in the foreground."""

from __future__ import annotations

import argparse
import os
import sys

from incumbent.lifecycle.settings import Worker


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `run` has no arguments of its own."""


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Replace this process by the worker: same pid, same terminal, nothing of the CLI left."""
    del options
    os.environ["INCUMBENT_DATA_DIR"] = worker.data_dir
    os.environ["INCUMBENT_PORT"] = str(worker.port)
    sys.stdout.flush()
    sys.stderr.flush()
    command = [sys.executable, "-P", "-m", "incumbent.server", "--by-hand"]
    os.execv(sys.executable, command)
