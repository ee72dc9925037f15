"""Says where a worker is that is not at its own address."""

from __future__ import annotations

from incumbent.lifecycle.client.http import literal
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.settings import Worker


def place(health: Health, worker: Worker) -> str:
    """Give the words that say so, to be put behind a sentence; "" for one that is."""
    if health.is_at(worker.host, worker.port):
        return ""
    there = f"{literal(health.host)}:{health.port}"
    return f" at {there}, not at {literal(worker.host)}:{worker.port}"
