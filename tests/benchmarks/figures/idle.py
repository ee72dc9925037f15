"""What a worker costs that nobody asks anything."""

from __future__ import annotations

import re
import time
from pathlib import Path

from ..measuring import Check, Figure, Samples, interleaved, ratio, summary
from ..place import end, first_answer, pid_on, place
from . import Scale

ROW = "idle CPU of the worker over 60 s; resident memory against bare uvicorn"
TARGET = "~0; ≤ 1.15 x"
MEMORY = 1.15
IDLE_PERCENT = 0.1  # of one core: 1 ms a second


def measure(scale: Scale) -> Figure:
    """Start both anew for each look at the memory; then leave both alone side by side."""
    if not Path("/proc/self/schedstat").exists():
        return Figure(skipped="there is no /proc here that tells")
    with place() as here:
        environment = here.host()
        port = here.new_port()
        own: Samples = {"ours": [], "uvicorn": []}

        def ours() -> float:
            here.stop(environment)
            here.ensure(environment)
            pid = pid_on(here.port)
            own["ours"].append(_kilobytes(pid, "Pss_Anon"))
            return _kilobytes(pid, "Rss")

        def uvicorn() -> float:
            process = here.uvicorn(environment, port)
            first_answer(port)
            own["uvicorn"].append(_kilobytes(process.pid, "Pss_Anon"))
            resident = _kilobytes(process.pid, "Rss")
            end(process)
            return resident

        here.ensure(environment)
        samples = interleaved(scale.rounds(9, 3), {"ours": ours, "uvicorn": uvicorn})
        process = here.uvicorn(environment, port)
        first_answer(port)
        pids = (pid_on(here.port), process.pid)
        time.sleep(2.0)  # what is left of their starts is over
        before = [_run_ms(pid) for pid in pids]
        idle = scale.rounds(60, 8)
        time.sleep(idle)
        percent = [
            (_run_ms(pid) - was) / (idle * 10) for pid, was in zip(pids, before, strict=True)
        ]
    return Figure(
        checks=[
            Check(f"idle processor time in {idle} s", percent[0], IDLE_PERCENT, "% of a core"),
            ratio("resident memory", samples["ours"], samples["uvicorn"], MEMORY),
        ],
        series={
            "idle, bare uvicorn": summary([percent[1]], "% of a core"),
            "resident, ours": summary([kb / 1024 for kb in samples["ours"]], "MB"),
            "resident, bare uvicorn": summary([kb / 1024 for kb in samples["uvicorn"]], "MB"),
            "of it its own, ours": summary([kb / 1024 for kb in own["ours"]], "MB"),
            "of it its own, bare uvicorn": summary([kb / 1024 for kb in own["uvicorn"]], "MB"),
        },
    )


def _kilobytes(pid: int, name: str) -> float:
    content = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(rf"^{name}:\s+(\d+) kB", content, re.MULTILINE)
    assert found, name
    return float(found[1])


def _run_ms(pid: int) -> float:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6
