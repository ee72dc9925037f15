"""Requests that fail in restarts under a load of every kind."""

from __future__ import annotations

from ..measuring import Check, Figure, summary
from ..place import place
from . import Scale
from .restarting import Respawned, of_ours, whys

ROW = (
    "requests failed in 20 restarts under 200 new connections/s, keep-alive clients, "
    "and one client with a 1 s request in flight"
)
TARGET = "0"


def measure(scale: Scale) -> Figure:
    """Restart ours and a respawned uvicorn in turn."""
    ours, respawned = [], []
    with place() as here:
        environment = here.host()
        here.ensure(environment)
        other = Respawned(here, environment)
        rounds = scale.rounds(20, 3)
        for number in range(rounds):
            ours.append(of_ours(here, environment, slow=True))
            if number % 4 == 0:
                respawned.append(other.under_load(slow=True))
        other.close()
    lost = sum(len(window.failed) for window in ours)
    return Figure(
        checks=[
            Check(f"failed of {sum(len(w.answers) for w in ours)}", lost, 0, "requests"),
            Check("restarts that were not verified", sum(w.code != 0 for w in ours), 0, ""),
            Check("restarts in which two served", sum(w.two_served for w in ours), 0, ""),
        ],
        series={
            "failed in a restart, ours": summary([len(w.failed) for w in ours], "requests"),
            "failed in a restart, kill-wait-spawn": summary(
                [len(w.failed) for w in respawned], "requests"
            ),
            "the restart, waiting for the request of 1 s": summary([w.took for w in ours], "ms"),
        },
        note=whys(ours),
    )
