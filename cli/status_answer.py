"""What a probe saw, as one JSON answer with an exit code."""

from __future__ import annotations

from incumbent.lifecycle import health as h
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.machine.states import SERVING_STATES
from incumbent.lifecycle.on_port import describe
from incumbent.lifecycle.posix.process_usage import usage
from incumbent.lifecycle.settings import Worker

EXIT_RUNNING = 0
EXIT_NOT_RUNNING = 3
EXIT_UNHEALTHY = 4


def exit_code(seen: ProbeResult) -> int:
    """Give what `status` exits with for what a probe saw."""
    if seen.kind == h.DARK:
        return EXIT_NOT_RUNNING
    if seen.health is not None and seen.health.state in SERVING_STATES:
        return EXIT_RUNNING
    return EXIT_UNHEALTHY


def as_answer(seen: ProbeResult, worker: Worker, code: int) -> dict[str, object]:
    """Give what a probe saw as one JSON object."""
    said: dict[str, object] = dict.fromkeys(("state", "pid", "version", "uptime", "workerPath"))
    said |= {
        "running": code == EXIT_RUNNING,
        "seen": seen.kind,
        "detail": describe(seen, worker),
        "host": worker.host,
        "port": worker.port,
    }
    if seen.health is not None:
        said |= seen.health.to_json()
        said["host"] = seen.health.host or worker.host
        taken = usage(seen.health.pid)
        if taken is not None:
            said |= {"memory": taken.memory, "processor": taken.processor}
    return said
