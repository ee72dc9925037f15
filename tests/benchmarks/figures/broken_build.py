"""What a restart costs on a build that does not import."""

from __future__ import annotations

import statistics

from ..measuring import Check, Figure, summary
from ..place import BROKEN_IMPORT, pid_on, place
from . import Scale
from .gap import MEDIAN_MS, WORST_MS
from .restarting import of_nothing, of_ours, whys

ROW = "a broken build: requests lost, gap"
TARGET = "0, no gap; exit 1"


def measure(scale: Scale) -> Figure:
    """Ask for the broken build again and again, beside nothing at all."""
    broken, quiet = [], []
    with place() as here:
        here.ensure(here.host())
        first = pid_on(here.port)
        environment = here.host("2.0.0", BROKEN_IMPORT)
        for _ in range(scale.rounds(10, 3)):
            broken.append(of_ours(here, environment))
            quiet.append(of_nothing(here, here.port))
        last = pid_on(here.port)
    gaps = [window.gap for window in broken]
    return Figure(
        checks=[
            Check("requests lost", sum(len(w.failed) for w in broken), 0, ""),
            Check("restarts that did not exit 1", sum(w.code != 1 for w in broken), 0, ""),
            Check("times the worker was replaced", first != last, 0, ""),
            Check("median gap", statistics.median(gaps), MEDIAN_MS, "ms"),
            Check("worst gap", max(gaps), WORST_MS, "ms"),
        ],
        series={
            "gap while the build fails": summary(gaps, "ms"),
            "gap without it, one connection every 5 ms": summary([w.gap for w in quiet], "ms"),
            "the restart, until it exits 1": summary([w.took for w in broken], "ms"),
        },
        note=whys(broken),
    )
