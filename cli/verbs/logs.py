"""Shows the worker's log."""

from __future__ import annotations

import argparse
import time

from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.settings import Worker

from ..arguments import UsageError
from ..log_reader import LogReader
from ..output import as_json, show, tell

LINES = 100
FOLLOW_STEP_S = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how much of it."""
    parser.add_argument("-f", "--follow", action="store_true", help="go on as the log grows")
    parser.add_argument("-n", type=count, default=LINES, metavar="N", help=f"lines ({LINES})")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the last lines, then each that comes, across rotations and restarts."""
    if options.follow and options.json:
        raise UsageError("--follow never ends, so it does not go with --json")
    place = DataDir(worker.data_dir)
    reader = LogReader(place)
    try:
        lines = _new(reader)
        last = lines[-options.n :] if options.n else []
        if options.json:
            as_json({"ok": True, "path": place.log, "lines": last})
            return 0
        if not lines:
            tell(f"no worker has written to {place.log} yet; run `{command()} start`")
        reads = show(*last)
        while options.follow and reads:
            time.sleep(FOLLOW_STEP_S)
            reads = show(*_new(reader))
    finally:
        reader.close()
    return 0


def count(text: str) -> int:
    """Give a number of lines; raises ValueError for what is none."""
    number = int(text)
    if number < 0:
        raise ValueError("a number of lines")
    return number


def _new(reader: LogReader) -> list[str]:
    return [line.decode(errors="replace") for line in reader.new_lines()]
