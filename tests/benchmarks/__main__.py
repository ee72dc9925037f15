"""Measures every figure, says which targets are met: `python -m tests.benchmarks`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from . import install, plot, rendering
from .figures import ORDER, PEERS

RESULTS = Path(__file__).with_name("results.json")
PAGE = install.CHECKOUT / "docs" / "benchmarks.md"


def main() -> int:
    """Measure in an installation of its own, or render; 0 when every measured target is met."""
    options = _options()
    if options.render:
        results = Path(options.json or RESULTS)
        points = plot.points_of(results)
        rendering.render(_read(results), _read(points) if points.exists() else {}, PAGE)
        return 0
    names = options.only or [*ORDER, PEERS]
    words = [f"--only={name}" for name in names]
    words += ["--short"] if options.short else []
    words += ["--peers"] if options.peers else []
    words += ["--json", str(Path(options.json).resolve())] if options.json else []
    print("installing the checkout ...", file=sys.stderr, flush=True)
    with install.installed() as python:
        return subprocess.run(
            [python, "-m", "tests.benchmarks.suite", *words],
            env=install.compiling(),
            cwd=install.CHECKOUT,
            check=False,
        ).returncode


def _read(path: Path) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return said


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=[*ORDER, PEERS], metavar="NAME", help=", ".join(ORDER)
    )
    parser.add_argument("--short", action="store_true", help="few rounds: a smoke test")
    parser.add_argument("--peers", action="store_true", help="install the peers, measure them too")
    parser.add_argument(
        "--json", metavar="FILE", help="write the figures here, in the place of their former ones"
    )
    parser.add_argument(
        "--render",
        action="store_true",
        help="write the page in docs from the JSON, measure nothing",
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
