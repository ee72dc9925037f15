"""Measures for how long a worker has been silent without a launch or handover under way."""

from __future__ import annotations

import time


class Patience:
    """How long one run waits for a port that accepts and does not answer, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since = 0.0

    def silent(self, under_way: bool) -> None:
        """Count from the first silence on; one of a launch or handover has its own budgets."""
        if under_way or not self._since:
            self._since = time.monotonic()

    def answered(self) -> None:
        """Begin anew with the next silence."""
        self._since = 0.0

    def is_over(self, spare: float) -> bool:
        """Whether it will be over when another `spare` seconds have passed."""
        return bool(self._since) and time.monotonic() - self._since + spare >= self.seconds
