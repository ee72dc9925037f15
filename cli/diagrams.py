"""Draws the machines from their tables, a restart from its trace."""

from __future__ import annotations

import argparse
import os

from incumbent.lifecycle.about import command
from incumbent.lifecycle.machines import MACHINES
from incumbent.lifecycle.settings import Worker

from . import mermaid, svg
from .journal import parsed
from .output import as_json, show, tell

RESTART_TRACE = "restart.trace.jsonl"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add where to, and whether only to look."""
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    parser.add_argument("dir", nargs="?", default="diagrams", metavar="DIR")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Write every diagram into the folder, or name those that are stale."""
    del worker
    drawn = drawings(_read(os.path.join(options.dir, RESTART_TRACE)))
    stale = [
        name
        for name, text in drawn.items()
        if _read(os.path.join(options.dir, name)) != text.encode()
    ]
    if not options.check:
        os.makedirs(options.dir, exist_ok=True)
        for name in stale:
            with open(os.path.join(options.dir, name), "w", encoding="utf-8") as file:
                file.write(drawn[name])
    failed = options.check and bool(stale)
    if options.json:
        as_json({"ok": not failed, "stale": stale})
    elif failed:
        tell(f"stale: {', '.join(stale)}; run `{command()} diagrams {options.dir}`")
    elif not options.check:
        show(f"{len(drawn)} diagrams in {options.dir}, {len(stale)} of them new")
    return 1 if failed else 0


def drawings(restart_trace: bytes) -> dict[str, str]:
    """Give every diagram by its file name."""
    drawn = {}
    for name in MACHINES:
        drawn[f"{name}.mmd"] = mermaid.machine(name)
        drawn[f"{name}.svg"] = svg.machine(name)
    if restart_trace:
        drawn["restart.mmd"] = mermaid.sequence(list(parsed(restart_trace)))
    return drawn


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""
