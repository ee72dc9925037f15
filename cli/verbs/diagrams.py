"""Draws the machines from their tables, a restart from its trace."""

from __future__ import annotations

import argparse
import os

from incumbent.lifecycle.about import command
from incumbent.lifecycle.journal import parsed
from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.settings import Worker

from .. import dot, mermaid, svg
from ..output import as_json, show, tell

RESTART_TRACE = "restart.trace.jsonl"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add where to, and whether only to look."""
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when stale")
    parser.add_argument("dir", nargs="?", default="diagrams", metavar="DIR")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Write every diagram into the folder, or name those that are stale."""
    del worker
    written = sources(_read(os.path.join(options.dir, RESTART_TRACE)))
    stale = [
        name
        for name, text in written.items()
        if _read(os.path.join(options.dir, name)) != text.encode()
    ]
    undrawn = [
        f"{name}.svg"
        for name in MACHINES
        if svg.drawn_from(_read(os.path.join(options.dir, f"{name}.svg")))
        != svg.digest(written[f"{name}.dot"])
    ]
    if options.check:
        return _checked(options, [*stale, *undrawn])
    os.makedirs(options.dir, exist_ok=True)
    for name in stale:
        _write(os.path.join(options.dir, name), written[name])
    engine = svg.engine()
    drawn, left = (undrawn, []) if engine else ([], undrawn)
    for name in drawn:
        drawing = svg.draw(written[name.replace(".svg", ".dot")], str(engine))
        _write(os.path.join(options.dir, name), drawing)
    if options.json:
        as_json({"ok": True, "stale": [*stale, *undrawn], "not_drawn": left})
    else:
        total = len(written) + len(MACHINES) - len(left)
        show(f"{total} diagrams in {options.dir}, {len(stale) + len(drawn)} of them new")
    if left:
        tell(
            f"not drawn, for want of Graphviz: {', '.join(left)}; "
            f"install it, then run `{command()} diagrams {options.dir}`"
        )
    return 0


def sources(restart_trace: bytes) -> dict[str, str]:
    """Give every text that is made from the tables or from the trace, by its file name."""
    written = {}
    for name in MACHINES:
        written[f"{name}.mmd"] = mermaid.machine(name)
        written[f"{name}.dot"] = dot.machine(name)
    if restart_trace:
        written["restart.mmd"] = mermaid.sequence(list(parsed(restart_trace)))
    return written


def _checked(options: argparse.Namespace, stale: list[str]) -> int:
    if options.json:
        as_json({"ok": not stale, "stale": stale})
    elif stale:
        tell(f"stale: {', '.join(stale)}; run `{command()} diagrams {options.dir}`")
    return 1 if stale else 0


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
