"""Shows what holds the port, or else the data dir."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from incumbent.lifecycle import status
from incumbent.lifecycle.about import command
from incumbent.lifecycle.amounts import duration, size
from incumbent.lifecycle.client.http import literal
from incumbent.lifecycle.health import SILENT, Health
from incumbent.lifecycle.on_port import after_silence, describe
from incumbent.lifecycle.posix.process_usage import usage
from incumbent.lifecycle.settings import Worker

from ..other_settings import other_settings, sentence
from ..output import as_json
from ..place import place
from ..status_answer import EXIT_NOT_RUNNING, EXIT_RUNNING, as_answer, exit_code
from ..table import BAD, DULL, GOOD, show_facts
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
        show_facts(
            f"Worker running ({health.state}){place(health, worker)}",
            GOOD,
            [*_facts(health, worker), *([("settings", sentence(others))] if others else [])],
        )
    elif code == EXIT_NOT_RUNNING:
        show_facts(f"Worker not running: {describe(seen, worker)}; run `{command()} start`", DULL)
    elif seen.kind == SILENT:
        show_facts(f"No healthy worker: {describe(seen, worker)}; {after_silence(worker)}", BAD)
    else:
        show_facts(f"No healthy worker: {describe(seen, worker)}", BAD)
    return code


def _facts(health: Health, worker: Worker) -> Iterator[tuple[str, str]]:
    """Give what people ask of a worker, by the words of the page and of `list`."""
    yield "pid", str(health.pid)
    yield "version", health.version
    yield "generation", str(health.generation.number)
    yield "uptime", duration(health.uptime)
    yield "address", f"http://{literal(health.host or worker.host)}:{health.port}"
    taken = usage(health.pid)
    if taken is not None:
        yield "memory", size(taken.memory)
        yield "processor", f"{duration(taken.processor)} since it began"
    yield "workerPath", health.worker_path
    yield "data dir", worker.data_dir
    if health.refusal:
        yield "refused", health.refusal
