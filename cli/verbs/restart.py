"""Replaces the worker, showing every transition as it happens."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from incumbent.lifecycle.client.fast_note import noted_now
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.settings import Worker

from ..arguments import seconds
from ..outcome import restarted
from ..output import as_json, show


def configure(parser: argparse.ArgumentParser) -> None:
    """Add how long it may take, into what, and whether a worker that hangs is ended."""
    parser.add_argument("--timeout", type=seconds, metavar="S", help="seconds")
    parser.add_argument("--force", action="store_true", help="end a worker that does not answer")
    parser.add_argument("--version", metavar="V", help="an installed release, pinned from then on")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the trace, then the proof; raises NotVerifiedError, ReleaseError."""
    # Before anything slow is imported: restarts that are typed together cost one launch.
    noted = noted_now(worker)
    from incumbent.lifecycle.journal import Follower, Line
    from incumbent.lifecycle.runs import restart

    from ..trace_reader import narrow, narrow_header, of_this_restart
    from ..waiting import run_waits_told

    follower = Follower(DataDir(worker.data_dir).trace)
    shown: list[Line] = []

    def tell_new() -> None:
        fresh = [line for line in follower.new_lines() if of_this_restart(line)]
        if not options.json:
            titles = [narrow_header()] if fresh and not shown else []
            show(*titles, *(row for line in fresh for row in narrow(line)))
        shown.extend(fresh)

    try:
        with run_waits_told(worker):
            if options.version is not None:
                health = _into_release(worker, options, tell_new)
            else:
                health = restart(
                    worker,
                    timeout=options.timeout,
                    origin="cli",
                    noted=noted,
                    watching=tell_new,
                    person=True,
                    force=options.force,
                )
    finally:
        tell_new()
        follower.close()
    if options.json:
        as_json({"ok": True, "pid": health.pid, "version": health.version, "trace": shown})
    else:
        show(restarted(health))
    return 0


def _into_release(
    worker: Worker, options: argparse.Namespace, watching: Callable[[], None]
) -> Health:
    from incumbent.lifecycle.runs import bootstrap

    from ..releases.store import Releases  # a plain restart does not pay for it
    from ..releases.switch import switch

    bootstrap(worker)
    releases = Releases(worker)
    with releases.guarded():
        release = releases.find(options.version)
        return switch(
            worker,
            release,
            pin=True,
            timeout=options.timeout,
            watching=watching,
            force=options.force,
        )
