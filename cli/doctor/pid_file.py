"""Looks at the PID file: nothing goes by it, but it tells of a worker that was killed."""

from __future__ import annotations

from collections.abc import Iterator

from incumbent.lifecycle import health as h
from incumbent.lifecycle import status
from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.lock.process_identity import is_dead
from incumbent.lifecycle.pid_file import pid_file
from incumbent.lifecycle.settings import Worker

from .finding import Finding


def named_worker(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """Tell where the file names another process than the worker."""
    path = DataDir(worker.data_dir).pid_file
    said = pid_file(path)
    if said is None:
        return
    if seen.kind == h.DARK and is_dead(said.pid, said.start):
        yield Finding(
            "pid file",
            f"the worker {said.pid} was killed: {path} still names it",
            f"run `{command()} start`, which replaces it",
        )
    elif seen.kind == h.WORKER_SERVING and seen.health is not None and seen.health.pid != said.pid:
        again, said = status(worker), pid_file(path)  # a handover may have come between
        if again.health is not None and (said is None or said.pid != again.health.pid):
            named = "nobody" if said is None else f"pid {said.pid}"
            yield Finding(
                "pid file",
                f"{path} names {named}, the worker is pid {again.health.pid}",
                f"nothing goes by it; run `{command()} restart` to have it written anew",
            )
