"""The longest time without a good answer around a restart."""

from __future__ import annotations

import statistics

from ..measuring import Check, Figure, summary
from ..place import place
from . import Scale
from .restarting import Respawned, of_nothing, of_ours, whys

ROW = "longest gap between two good answers in a restart, median / worst of 20"
TARGET = "≤ 10 ms / ≤ 30 ms"
MEDIAN_MS = 10
WORST_MS = 30


def measure(scale: Scale, at_import: str = "") -> Figure:
    """Restart ours, a respawned uvicorn, nothing at all in turn."""
    ours, quiet, respawned = [], [], []
    with place() as here:
        environment = here.host(at_import=at_import)
        here.ensure(environment)
        other = Respawned(here, environment)
        for number in range(scale.rounds(20, 3)):
            ours.append(of_ours(here, environment))
            quiet.append(of_nothing(here, here.port))
            if number % 4 == 0:
                respawned.append(other.under_load())
        other.close()
    gaps = [window.gap for window in ours]
    return Figure(
        checks=[
            Check("median gap", statistics.median(gaps), MEDIAN_MS, "ms"),
            Check("worst gap", max(gaps), WORST_MS, "ms"),
            Check("requests failed", sum(len(w.failed) for w in ours), 0, ""),
            Check("restarts that were not verified", sum(w.code != 0 for w in ours), 0, ""),
        ],
        series={
            "gap in a restart, ours": summary(gaps, "ms"),
            "of it from the last answer of one worker to the first of the next": summary(
                [w.change for w in ours], "ms"
            ),
            "gap without a restart, one connection every 5 ms": summary(
                [w.gap for w in quiet], "ms"
            ),
            "gap in a restart, kill-wait-spawn": summary([w.gap for w in respawned], "ms"),
        },
        note=whys(ours),
    )
