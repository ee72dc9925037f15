"""Runs the figures on the installation whose interpreter runs this."""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from . import peers, plot, rendering
from .figures import ORDER, PEERS, Scale
from .measuring import Figure


def main() -> int:
    """Measure, print, write; 0 when every target that was measured is met."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", required=True)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    scale = Scale(options.short, options.peers)
    figures: list[dict[str, Any]] = []
    for name in options.only:
        began, load = time.monotonic(), round(os.getloadavg()[0], 1)
        print(f"{name} ...", file=sys.stderr, flush=True)
        if name == PEERS:
            keep(options.json, {PEERS: peers.measure(scale)})
        else:
            module = importlib.import_module(f"{__package__}.figures.{name}")
            figure = module.measure(scale)
            figures.append(figure_json(name, module, figure, scale) | {"load": load})
            print(rendering.figure_text(figures[-1]), flush=True)
            keep(options.json, {"figures": {name: figures[-1]}})
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    missed = [figure["name"] for figure in figures if figure["met"] is False]
    if missed:
        print(f"not met: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


def figure_json(name: str, module: Any, figure: Figure, scale: Scale) -> dict[str, Any]:
    """Give one figure as it goes into the JSON."""
    if figure.skipped:
        print(f"SKIPPED {name}: {figure.skipped}", file=sys.stderr, flush=True)
    return {
        "name": name,
        "row": module.ROW,
        "target": module.TARGET,
        "met": None if figure.skipped else all(check.met for check in figure.checks),
        "short": scale.short,
        "floor": getattr(module, "FLOOR", ""),
        "skipped": figure.skipped,
        "checks": [check._asdict() | {"met": check.met} for check in figure.checks],
        "series": {what: series._asdict() for what, series in figure.series.items()},
        "note": figure.note,
    }


def machine() -> dict[str, Any]:
    """Give what the figures were measured on, in words that name no particular machine."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "cores": os.cpu_count(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def keep(path: Path | None, measured: dict[str, Any]) -> None:
    """Put figures in the place of their former ones; the points of a plot go to another file."""
    if path is None:
        return
    said = json.loads(path.read_text("utf-8")) if path.exists() else {}
    figures = {figure["name"]: figure for figure in said.get("figures", [])}
    figures |= measured.pop("figures", {})
    if PEERS in measured:
        restarts = measured[PEERS]["restarts"]
        plot.points_of(path).write_text(json.dumps(restarts) + "\n", "utf-8")
        measured[PEERS]["restarts"] = plot.without_points(restarts)
    said |= {"machine": machine()} | measured
    said["figures"] = [figures[name] for name in ORDER if name in figures]
    path.write_text(json.dumps(said, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
