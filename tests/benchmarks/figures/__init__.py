"""One module for each figure that is promised, in the order of the table.

A module has `ROW` (the figure), `TARGET` (its target in words), `measure(scale)`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

ORDER: Final = (
    "failures",
    "gap",
    "gap_slow_import",
    "broken_build",
    "restart_time",
    "hot_process",
    "hook",
    "hot_call",
    "cold",
    "crowd",
    "throughput",
    "idle",
    "killed",
    "gap_kinds",  # last: it installs what the apps of its clients need
)


PEERS: Final = "peers"  # measured beside the figures, promised by nobody


class Scale(NamedTuple):
    """How much to measure."""

    short: bool
    peers: bool = False

    def rounds(self, whole: int, short: int) -> int:
        """Give one of the two numbers."""
        return short if self.short else whole
