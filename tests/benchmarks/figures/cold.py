"""How long it takes to bring a worker up where there is none."""

from __future__ import annotations

from ..measuring import Figure, interleaved, ratio, summary
from ..place import place
from . import Scale
from .restart_time import uvicorn_start

ROW = "cold `ensure_running()` to verified, against bare uvicorn to first answer"
TARGET = "≤ 1.1 x"
LIMIT = 1.1

CALL = """
import time
began = time.monotonic()
from incumbent.lifecycle import ensure_running
ensure_running()
print((time.monotonic() - began) * 1000)
"""


def measure(scale: Scale) -> Figure:
    """Bring ours up, then bare uvicorn."""
    with place() as here:
        environment = here.host()
        here.ensure(environment)
        port = here.new_port()

        def ours() -> float:
            here.stop(environment)
            return float(here.answer(CALL, environment))

        samples = interleaved(
            scale.rounds(25, 4),
            {"ours": ours, "uvicorn": lambda: uvicorn_start(here, environment, port)},
        )
    return Figure(
        checks=[ratio("`ensure_running()`", samples["ours"], samples["uvicorn"], LIMIT)],
        series={
            "cold `ensure_running()`, with its imports": summary(samples["ours"], "ms"),
            "bare uvicorn to first answer": summary(samples["uvicorn"], "ms"),
        },
    )
