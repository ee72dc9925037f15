"""Shows the journal of transitions, or checks it against the tables."""

from __future__ import annotations

import argparse
import time

from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.journal import Follower, Line, parsed, read_journal
from incumbent.lifecycle.machine.trace_check import check
from incumbent.lifecycle.settings import Worker

from ..arguments import UsageError
from ..output import as_json, show, tell
from ..trace_reader import header, readable

FOLLOW_STEP_S = 0.1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add which lines, and what to do with them."""
    parser.add_argument("--follow", action="store_true", help="go on as the journal grows")
    parser.add_argument("--run", metavar="ID", help="only this run")
    parser.add_argument("--check", action="store_true", help="against the tables")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the journal, or the faults in it."""
    path = DataDir(worker.data_dir).trace
    if options.follow and (options.json or options.check):
        raise UsageError("--follow never ends, so it goes with neither --json nor --check")
    if options.check:
        return _check(path, options.json)
    if options.follow:
        return _follow(Follower(path, whole=True), options.run)
    older, current = read_journal(path)
    lines = [line for line in parsed((older or b"") + current) if _wanted(line, options.run)]
    if options.json:
        as_json({"ok": True, "trace": lines})
        return 0
    show(header(), *map(readable, lines))
    return 0


def _follow(follower: Follower, run_id: str | None) -> int:
    rows = [header()]
    while show(*rows):
        time.sleep(FOLLOW_STEP_S)
        rows = [readable(line) for line in follower.new_lines() if _wanted(line, run_id)]
    follower.close()
    return 0


def _wanted(line: Line, run_id: str | None) -> bool:
    return run_id is None or line.get("run") == run_id


def _check(path: str, wants_json: bool) -> int:
    report = check(*read_journal(path))
    if wants_json:
        as_json({"ok": not report.faults, "faults": report.faults, "lines": report.lines})
    for fault in report.faults:
        tell(fault)
    if not report.faults and not wants_json:
        show(
            f"{report.lines} transitions of {report.runs} runs are legal; "
            f"{report.served} workers served, one at a time"
        )
    return 1 if report.faults else 0
