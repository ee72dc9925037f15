"""Names of the explorer's configurations, as faults ask for them."""

from __future__ import annotations


def cold(*names: str) -> tuple[str, ...]:
    """Give worlds without a predecessor."""
    return tuple(f"cold: {name}" for name in names)


def seamless(*names: str) -> tuple[str, ...]:
    """Give worlds whose predecessors pass the listening socket."""
    return tuple(f"seamless: {name}" for name in names)


def rebind(*names: str) -> tuple[str, ...]:
    """Give worlds whose predecessors free the port."""
    return tuple(f"rebind: {name}" for name in names)


COLD = cold(
    "3 ensures, 1 kill, 1 overrun",
    "ensure and stop, 1 kill, 1 overrun",
    "a build that app fails",
    "a build that hangs",
)
