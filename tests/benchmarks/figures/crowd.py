"""What fifty callers at once cost where there is no worker."""

from __future__ import annotations

import json
import sys
import time

from ..measuring import Check, Figure, interleaved, ratio, summary
from ..place import Place, place
from . import Scale
from .hot_process import HOT

ROW = "50 cold callers at once: total, against one cold caller plus 50 bare interpreters on 2 cores"
TARGET = "≤ 1.5 x; one spawn; 0 failures"
LIMIT = 1.5
CALLERS = 50
FIRST_STEPS = ("listen_ok", "listen_lost", "token_gone")  # of any worker that is spawned


def measure(scale: Scale) -> Figure:
    """Let fifty go, let one go, let fifty bare interpreters go."""
    failed = spawned = 0
    with place() as here:
        environment = here.host()
        here.ensure(environment)
        trace = here.data_dir / "trace.jsonl"

        def crowd() -> float:
            nonlocal failed, spawned
            here.stop(environment)
            before = len(trace.read_bytes().splitlines())
            took, codes = at_once(here, environment, HOT)
            lines = [json.loads(line) for line in trace.read_bytes().splitlines()[before:]]
            failed += sum(code != 0 for code in codes)
            spawned += len({line["pid"] for line in lines if line["event"] in FIRST_STEPS}) - 1
            return took

        def one() -> float:
            here.stop(environment)
            return here.python(HOT, environment).wall

        samples = interleaved(
            scale.rounds(12, 2),
            {
                "crowd": crowd,
                "one": one,
                "bare": lambda: at_once(here, environment, "pass")[0],
            },
        )
    reference = [one + bare for one, bare in zip(samples["one"], samples["bare"], strict=True)]
    return Figure(
        checks=[
            ratio("total", samples["crowd"], reference, LIMIT),
            Check("spawns beyond the one", spawned, 0, ""),
            Check("callers that failed", failed, 0, ""),
        ],
        series={
            "50 cold callers": summary(samples["crowd"], "ms"),
            "one cold caller": summary(samples["one"], "ms"),
            "50 bare interpreters": summary(samples["bare"], "ms"),
        },
    )


def at_once(here: Place, environment: dict[str, str], code: str) -> tuple[float, list[int]]:
    """Give the milliseconds until the last of fifty processes has exited, with all exit codes."""
    began = time.perf_counter()
    callers = [here.begin([sys.executable, "-c", code], environment) for _ in range(CALLERS)]
    codes = [caller.wait() for caller in callers]
    took = time.perf_counter() - began
    for caller in callers:
        here.forget(caller)
    return took * 1000, codes
