"""The worker's process, from its first line to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.tenure import Tenure

from .birth import Birth
from .logs import Output
from .office import Office


def main(by_hand: bool) -> int:
    """Run the worker in this process and give its exit code."""
    try:
        worker = Worker()
        birth = Birth(by_hand, _registered(worker) if by_hand else None)
        output = Output(worker.path("logs", "worker.log"), birth.early, worker.log_level)
    except IncumbentError as error:
        print(f"incumbent: {error}", file=sys.stderr)
        return 1
    code = asyncio.run(_serve(worker, birth, output))
    sys.stdout.flush()
    sys.stderr.flush()
    if not by_hand:
        os._exit(code)  # a normal exit of the interpreter takes 25 ms, and a stuck thread for ever
    return code


def _registered(worker: Worker) -> Build:
    """Register a worker run by hand as a launcher would."""
    from incumbent.lifecycle.launching import PosixLauncher, run_blocking
    from incumbent.lifecycle.runs import bootstrap, say

    bootstrap(worker)
    launcher = PosixLauncher(worker, "spawner", "cli")
    run_blocking(launcher.begin(restart=False))
    say([*worker.notices, *launcher.notices])
    return launcher.own_build()


async def _serve(worker: Worker, birth: Birth, output: Output) -> int:
    office = Office(worker, birth, output)
    office.hear_signals()
    tenure = Tenure(office, birth.understudy, worker.version)
    office.state = tenure.state
    ticking = asyncio.ensure_future(_tick(office, output))
    try:
        await tenure.run()
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        await office.release()
    return tenure.exit_code


async def _tick(office: Office, output: Output) -> None:
    while True:
        await asyncio.sleep(1.0)
        office.tick()
        output.rotate()
