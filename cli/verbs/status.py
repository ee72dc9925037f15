"""Shows what holds the port, or else the data dir."""

from __future__ import annotations

import argparse

from incumbent.lifecycle import status
from incumbent.lifecycle.about import command
from incumbent.lifecycle.health import SILENT
from incumbent.lifecycle.on_port import after_silence, describe
from incumbent.lifecycle.settings import Worker

from ..other_settings import other_settings, sentence
from ..output import as_json, show
from ..place import place
from ..status_answer import EXIT_NOT_RUNNING, EXIT_RUNNING, as_answer, exit_code
from ..waiting import answer_from, waits_told


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `status` has no arguments of its own."""


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Print what was seen; the exit code says it too."""
    with waits_told(lambda: answer_from(worker)):
        seen = status(worker)
    code = exit_code(seen)
    others = other_settings(worker, seen)
    if options.json:
        as_json(as_answer(seen, worker, code) | {"otherSettings": others})
    elif code == EXIT_RUNNING and seen.health is not None:
        health = seen.health
        show(f"Worker running ({health.state}){place(health, worker)}")
        show(f"  pid         {health.pid}")
        show(f"  version     {health.version}")
        show(f"  uptime      {health.uptime:.1f} s")
        show(f"  workerPath  {health.worker_path}")
        if health.refusal:
            show(f"  refused     {health.refusal}")
        if others:
            show(f"  {sentence(others)}")
    elif code == EXIT_NOT_RUNNING:
        show(f"Worker not running: {describe(seen, worker)}; run `{command()} start`")
    elif seen.kind == SILENT:
        show(f"No healthy worker: {describe(seen, worker)}; {after_silence(worker)}")
    else:
        show(f"No healthy worker: {describe(seen, worker)}")
    return code
