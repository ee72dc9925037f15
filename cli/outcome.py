"""Words what became of a worker that was replaced, or stopped."""

from __future__ import annotations

from incumbent.lifecycle.health import Health


def restarted(health: Health) -> str:
    """Give the proof of a restart, which scripts look for."""
    return f"Worker restart verified (pid={health.pid}, version={health.version})"


def stopped(found: bool) -> str:
    """Give whether there was a worker to stop."""
    return "Worker stopped" if found else "Worker was not running"
