"""What a page is made of, as a test gives it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.posix.process_usage import Usage
from incumbent.server.page.facts import Facts

NOON = 1767268800.0  # seconds since 1970
SERVING = "a1b2c3d4e5f6"  # its run: the beginning of its instance


def line(run: str, after: float, event: str, to: str = "x", **more: Any) -> dict[str, Any]:
    """Give a transition of a worker, so many seconds after noon."""
    at = datetime.fromtimestamp(NOON + after, UTC).isoformat()
    said = {"machine": "worker", "run": run, "pid": 7, "generation": 3, "event": event}
    return {**said, "to": to, "at": at, **more}


def asked(run: str, after: float, event: str, to: str, **more: Any) -> dict[str, Any]:
    """Give a transition of a launcher's run."""
    return line(run, after, event, to, machine="spawner", **{"origin": "cli", **more})


def health(state: str = states.VERIFIED, **more: Any) -> Health:
    """Give the report of the worker whose page it is."""
    return Health(
        pid=4711, version="1.2.3", state=state, generation=Generation("l", 3), uptime=90.0,
        instance=f"{SERVING}-and-more", service="marvel", data_dir="/d", host="127.0.0.1",
        port=20001, **more,
    )  # fmt: skip


def facts(
    lines: Sequence[dict[str, Any]] = (),
    after: float = 60.0,
    its: Health | None = None,
    **more: Any,
) -> Facts:
    """Give what there is to show so many seconds after noon."""
    plain: dict[str, Any] = {"rejected": (), "recorded": "1.2.3", "kept": 0, "findings": ()}
    usage = Usage(41_900_000, 2.5)
    return Facts(NOON + after, its or health(), usage, tuple(lines), **(plain | more))
