"""How many requests a second a hosted app answers."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from .. import traffic
from ..measuring import Figure, interleaved, ratio, summary
from ..place import Place, first_answer, place
from . import Scale

ROW = "requests/s of a hosted app, against the same app under bare uvicorn"
TARGET = "≥ 0.97"
LIMIT = 0.97
CLIENTS = 8
WINDOW_S = 2.0


def measure(scale: Scale) -> Figure:
    """Load one, then the other, as fast as eight clients can that keep their connections."""
    with place() as here:
        environment = here.host()
        here.ensure(environment)
        port = here.new_port()
        here.uvicorn(environment, port)
        first_answer(port)
        samples = interleaved(
            scale.rounds(16, 3),
            {
                "ours": lambda: per_second(here, here.port),
                "uvicorn": lambda: per_second(here, port),
            },
        )
    return Figure(
        checks=[ratio("requests/s", samples["ours"], samples["uvicorn"], LIMIT, at_least=True)],
        series={
            "our worker": summary(samples["ours"], "requests/s", more_is_better=True),
            "bare uvicorn": summary(samples["uvicorn"], "requests/s", more_is_better=True),
        },
    )


def per_second(here: Place, port: int) -> float:
    """Give the good answers per second in one window."""
    out = here.root / "tmp" / f"load-{time.monotonic_ns()}"
    said = {
        "port": port,
        "out": str(out),
        "per_second": 0,
        "kept": CLIENTS,
        "pause": 0,
        "slow": False,
    }
    script = str(Path(traffic.__file__).with_name("load.py"))
    load = here.begin(
        [sys.executable, script, json.dumps(said)], here.environment, stdout=subprocess.PIPE
    )
    assert load.stdout is not None
    load.stdout.readline()
    time.sleep(traffic.WARM_S)
    begin = time.monotonic()
    time.sleep(WINDOW_S)
    end = time.monotonic()
    assert load.stdin is not None
    load.stdin.close()
    load.stdout.close()
    load.wait()
    answers = list(traffic.read(out))
    out.unlink()
    if any(answer.why for answer in answers):
        raise RuntimeError("requests failed without a restart")
    return sum(begin <= answer.done < end for answer in answers) / (end - begin)
