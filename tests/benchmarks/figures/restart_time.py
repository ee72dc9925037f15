"""How long a restart takes until it is verified."""

from __future__ import annotations

import time

from ..measuring import Figure, interleaved, ratio, summary
from ..place import Place, end, first_answer, place
from . import Scale
from .restarting import command_line

ROW = "`restart` to verified, against one bare `python -m uvicorn` start to first answer"
TARGET = "≤ 1.25 x"
LIMIT = 1.25

CALL = """
import time
began = time.monotonic()
from incumbent.lifecycle import restart
restart()
print((time.monotonic() - began) * 1000)
"""


def measure(scale: Scale) -> Figure:
    """Restart by a call, by the command line; start bare uvicorn."""
    with place() as here:
        environment = here.host()
        here.ensure(environment)
        port = here.new_port()
        samples = interleaved(
            scale.rounds(25, 4),
            {
                "call": lambda: float(here.answer(CALL, environment)),
                "command": lambda: here.spent(command_line("restart"), environment).wall,
                "uvicorn": lambda: uvicorn_start(here, environment, port),
            },
        )
    return Figure(
        checks=[ratio("`restart()`", samples["call"], samples["uvicorn"], LIMIT)],
        series={
            "`restart()`, with its imports": summary(samples["call"], "ms"),
            "`worker-service restart`, whole process": summary(samples["command"], "ms"),
            "bare uvicorn to first answer": summary(samples["uvicorn"], "ms"),
        },
    )


def uvicorn_start(here: Place, environment: dict[str, str], port: int) -> float:
    """Give the milliseconds from the spawn of bare uvicorn to its first good answer."""
    began = time.monotonic()
    process = here.uvicorn(environment, port)
    answered = first_answer(port)
    end(process)
    return (answered - began) * 1000
