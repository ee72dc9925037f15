"""How soon there is an answer again after a worker was killed under load."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from ..measuring import Check, Figure, interleaved, ratio, summary
from ..place import pid_on, place
from ..traffic import under_load
from . import Scale
from .hot_process import HOT

ROW = (
    "worker SIGKILLed under load: first good answer after the next `ensure_running()`, "
    "against a cold start"
)
TARGET = "≤ 1.2 x"
LIMIT = 1.2


def measure(scale: Scale) -> Figure:
    """Kill, then call; stop, then call: both under the same load."""
    codes = []
    with place() as here:
        environment = here.host()
        here.ensure(environment)

        def until_answered(darken: Callable[[int], object]) -> float:
            called, gone = 0.0, 0

            def act() -> int:
                nonlocal called, gone
                gone = pid_on(here.port)
                darken(gone)
                called = time.monotonic()
                return here.python(HOT, environment, check=False).code

            window = under_load(here, here.port, act)
            codes.append(window.code)
            good = [a for a in window.answers if a.kind == "new" and not a.why]
            # The dead worker's last answers may be read after its death.
            return (min(a.done for a in good if a.pid != gone and a.done > called) - called) * 1000

        samples = interleaved(
            scale.rounds(15, 3),
            {
                "killed": lambda: until_answered(lambda pid: os.kill(pid, signal.SIGKILL)),
                "cold": lambda: until_answered(lambda _: here.stop(environment)),
            },
        )
    return Figure(
        checks=[
            ratio("first good answer", samples["killed"], samples["cold"], LIMIT),
            Check("calls that failed", sum(code != 0 for code in codes), 0, ""),
        ],
        series={
            "after SIGKILL": summary(samples["killed"], "ms"),
            "after a stop (a cold start)": summary(samples["cold"], "ms"),
        },
    )
