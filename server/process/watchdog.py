"""Ends this process when it is not up within its own start budget, whatever it hangs in."""

from __future__ import annotations

import contextlib
import os
import select
import threading
from collections.abc import Callable

from incumbent.lifecycle.drivers.ports import EXIT_LATE


class Watchdog:
    """A thread that acts when the budget is over and nobody called it off."""

    def __init__(self, budget: float, last_act: Callable[[], None]) -> None:
        self._off = threading.Event()
        self._budget, self._last_act = budget, last_act

    def start(self) -> None:
        """Start to count, in seconds from now."""
        self._off.clear()
        threading.Thread(target=self._watch, args=(self._off,), daemon=True).start()

    def call_off(self) -> None:
        """Stop counting."""
        self._off.set()
        self._off = threading.Event()

    def _watch(self, off: threading.Event) -> None:
        if off.wait(self._budget):
            return
        try:
            self._last_act()
        finally:
            try:
                last_words(f"incumbent: not up within {self._budget:g} s\n")
            finally:
                os._exit(EXIT_LATE)


def last_words(text: str) -> None:
    """Write to stderr if that can be done now; a full disk, a closed file, a full pipe hear none.

    Past `sys.stderr`, whose lock may be held by what hangs.
    """
    with contextlib.suppress(OSError, ValueError):
        if select.select([], [2], [], 0)[1]:
            os.write(2, text.encode())
