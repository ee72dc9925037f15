"""Prints a link that opens the worker's page once."""

from __future__ import annotations

import argparse

from incumbent.lifecycle import status
from incumbent.lifecycle.about import command
from incumbent.lifecycle.client.http import literal
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.health import DARK
from incumbent.lifecycle.on_port import describe
from incumbent.lifecycle.page_access import link, session, wall_clock
from incumbent.lifecycle.posix.secret import token_now
from incumbent.lifecycle.settings import Worker

from ..output import as_json, show, tell
from ..waiting import answer_from, waits_told

EXIT_FAILED = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """Add for whom it is."""
    parser.add_argument(
        "--session", action="store_true", help="for a program: what goes behind `Bearer `, 12 h"
    )


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print the link, or what a program may read the journal and the metrics by."""
    with waits_told(lambda: answer_from(worker)):
        seen = status(worker)
    secret = token_now(DataDir(worker.data_dir).token)
    if seen.health is None or not seen.health.instance or not secret:
        what = "" if seen.kind == DARK else f", or ask `{command()} doctor`"
        sentence = f"no worker shows its page: {describe(seen, worker)}"
        tell(f"{sentence}; run `{command()} start`{what}")
        if options.json:
            as_json({"ok": False, "error": sentence, "event": ""})
        return EXIT_FAILED
    health = seen.health
    address = health.host or worker.host, health.port
    now = wall_clock()
    if options.session:
        said = {"session": session(secret, worker.data_dir, address, now)}
    else:
        path = link(secret, health.instance, address, now)
        said = {"link": f"http://{literal(address[0])}:{address[1]}{path}"}
    if options.json:
        as_json({"ok": True, **said})
    else:
        show(*said.values())
    return 0
