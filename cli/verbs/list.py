"""Lists every worker of this user on this machine."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from incumbent.lifecycle import health as h
from incumbent.lifecycle import status
from incumbent.lifecycle.amounts import duration
from incumbent.lifecycle.client.http import literal
from incumbent.lifecycle.environment import without_ours
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.known_data_dirs import Known, forget, known
from incumbent.lifecycle.on_port import describe
from incumbent.lifecycle.service import service_of
from incumbent.lifecycle.settings import Worker

from ..output import as_json, show, tell
from ..status_answer import EXIT_NOT_RUNNING, EXIT_RUNNING, exit_code
from ..table import BAD, DULL, GOOD, MIDDLING, on_terminal, show_table
from ..waiting import waits_told

AT_ONCE = 8
TITLES = ("worker", "state", "pid", "version", "up", "address", "data dir")


class Listed(NamedTuple):
    """One data dir, what was seen of its worker, or why nobody looked."""

    name: str
    data_dir: str
    worker: Worker | None = None
    seen: ProbeResult = ProbeResult(h.DARK)
    refusal: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add nothing: `list` has no arguments of its own."""


def examine(make: Callable[..., Worker], options: argparse.Namespace) -> int:
    """Print each worker as it is now; forget data dirs that are gone."""
    there: list[Known] = []
    gone: list[Known] = []
    for one in known(os.environ):
        (there if os.path.isdir(one.data_dir) else gone).append(one)
    for one in gone:
        forget(one.entry)
    try:
        mine = make()
        if os.path.isdir(mine.data_dir) and all(mine.data_dir != o.data_dir for o in there):
            there.append(Known(mine.name, mine.data_dir))
    except IncumbentError:
        mine = None  # the others are no worse for it
    with waits_told(lambda: "an answer from each worker"), ThreadPoolExecutor(AT_ONCE) as pool:
        listed = list(pool.map(lambda one: _look(one, mine), there))
    if options.json:
        forgotten = [one.data_dir for one in gone]
        as_json({"ok": True, "workers": [_json(one) for one in listed], "forgotten": forgotten})
        return 0
    for one in gone:
        tell(f"forgot the worker {one.name}: its data dir {one.data_dir} is gone")
    if listed:
        states = [_state(one) for one in listed]
        show_table(TITLES, [_row(one) for one in listed], [_colour(state) for state in states])
    else:
        show("No worker of yours has run on this machine yet")
    return 0


def _look(one: Known, mine: Worker | None) -> Listed:
    if mine is not None and mine.data_dir == one.data_dir:
        return Listed(mine.name, one.data_dir, mine, status(mine))
    name = service_of(one.data_dir) or one.name
    try:
        worker = Worker(
            name,
            data_dir=one.data_dir,
            host=one.host or None,
            port=one.port or None,
            environ=without_ours(os.environ),
        )
        return Listed(worker.name, one.data_dir, worker, status(worker))
    except IncumbentError as error:
        return Listed(name, one.data_dir, refusal=str(error))


def _state(one: Listed) -> str:
    if one.refusal:
        return "refused"
    code, health = exit_code(one.seen), one.seen.health
    if code == EXIT_NOT_RUNNING:
        return "not running"
    if health is None:
        return str(one.seen.kind)
    return "running" if code == EXIT_RUNNING else health.status


def _colour(state: str) -> str:
    colours = {"running": GOOD, "not running": DULL, "refused": BAD, h.SILENT: BAD}
    return colours.get(state, MIDDLING)


def _row(one: Listed) -> tuple[str, ...]:
    health = one.seen.health
    if health is None or one.worker is None:
        refused = f": {one.refusal}" if one.refusal else ""
        return (one.name, _state(one), "", "", "", "", f"{_short(one.data_dir)}{refused}")
    where = f"{literal(health.host or one.worker.host)}:{health.port}"
    facts = (str(health.pid), health.version, duration(health.uptime), where)
    return (one.name, _state(one), *facts, _short(one.data_dir))


def _short(path: str) -> str:
    """Give a path as a shell would take it; programs and pipes get all of it."""
    home = os.path.join(os.path.expanduser("~"), "")
    return f"~/{path.removeprefix(home)}" if on_terminal() and path.startswith(home) else path


def _json(one: Listed) -> dict[str, object]:
    said: dict[str, object] = {"name": one.name, "dataDir": one.data_dir, "state": _state(one)}
    if one.worker is None:
        return said | {"detail": one.refusal}
    health = one.seen.health
    said["detail"] = describe(one.seen, one.worker)
    if health is not None:
        said |= {"pid": health.pid, "version": health.version, "uptime": health.uptime}
        said |= {"host": health.host or one.worker.host, "port": health.port}
    return said
