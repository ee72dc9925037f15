"""The longest time that one short request took around a restart, beside clients who stay."""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from tests.gap_apps import KINDS, Asking

from .. import install
from ..measuring import Check, Figure, summary
from ..place import Place, place
from . import Scale
from .restarting import command_line

ROW = "longest time that one short request took in a restart, beside each kind of client who stays"
TARGET = "≤ 10 ms / ≤ 30 ms; with 0.1.0 up to 5 s"
MEDIAN_MS, WORST_MS = 10, 30
NEEDS = ("a2wsgi", "django", "fastapi", "websockets")
BEFORE = (  # three restarts each, asked in the same way
    "Asked on a new connection every 3 ms. With 0.1.0, three restarts each, the worst was 5.0 to "
    "5.1 s beside every kind; in the median 5.0 s too, but for a2wsgi (40 ms)."
)


def measure(scale: Scale) -> Figure:
    """Restart beside each kind of client, some times."""
    constraints = str(install.CHECKOUT / "constraints.txt")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--constraint", constraints]
    install.run([*pip, *NEEDS])
    stalls: dict[str, list[float]] = {}
    failed = unverified = 0
    for kind in KINDS:
        with place() as here:
            environment = hosted(here, KINDS[kind][0])
            here.ensure(environment)
            stalls[kind] = []
            for _ in range(scale.rounds(5, 1)):
                stall, failures, code = one_restart(here, environment, kind)
                stalls[kind].append(stall)
                failed += failures
                unverified += code != 0
    return Figure(
        checks=[
            *(
                Check(f"beside {k}: {name}", figure(stalls[k]), limit, "ms")
                for k in KINDS
                for name, figure, limit in (
                    ("median", statistics.median, MEDIAN_MS),
                    ("worst", max, WORST_MS),
                )
            ),
            Check("requests failed", failed, 0, ""),
            Check("restarts that were not verified", unverified, 0, ""),
        ],
        series={f"beside {kind}": summary(stalls[kind], "ms") for kind in KINDS},
        note=BEFORE,
    )


def hosted(here: Place, source: str) -> dict[str, str]:
    """Write an app; give the environment of a launcher that wants it."""
    environment = here.host()
    (Path(environment["PYTHONPATH"]) / "hosted.py").write_text(source)
    return environment


def one_restart(here: Place, environment: dict[str, str], kind: str) -> tuple[float, int, int]:
    """Give the longest time of one request in ms, how many failed, what the restart exited with."""
    asking = Asking(here.port)
    asking.start()
    with KINDS[kind][1](here.port):
        code = here.spent(command_line("restart"), environment).code
        return asking.end() * 1000, len(asking.failures), code
