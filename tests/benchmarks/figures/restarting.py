"""Restarts under load, as the figures about failures or gaps need them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping

from ..place import SOON_S, Place, end, first_answer, uvicorn_command
from ..traffic import AFTER_S, Window, under_load

QUIET_S = 0.3  # about as long as a restart takes


def command_line(*words: str) -> list[str]:
    """Give the command line of `worker-service`."""
    return [sys.executable, "-m", "incumbent.cli", *words]


def of_ours(place: Place, environment: Mapping[str, str], slow: bool = False) -> Window:
    """Restart our worker by the command line."""
    argv = command_line("restart")
    return under_load(
        place, place.port, lambda: place.spent(argv, environment).code, slow=slow, after=AFTER_S
    )


def of_nothing(place: Place, port: int, slow: bool = False) -> Window:
    """Let the same time pass without a restart: what the machine does by itself."""

    def wait() -> int:
        time.sleep(QUIET_S)
        return 0

    return under_load(place, port, wait, slow=slow)


class Respawned:
    """Bare uvicorn, restarted as a script would: kill, wait, spawn."""

    def __init__(self, place: Place, environment: Mapping[str, str]) -> None:
        self._place, self._environment = place, environment
        self.port = place.new_port()
        self._process = self._spawned()
        first_answer(self.port)

    def _spawned(self) -> subprocess.Popen[bytes]:
        return self._place.begin(uvicorn_command(self.port), self._environment)

    def restart(self, within: float = SOON_S) -> int:
        """Kill, wait, spawn; 0 when it answers within these seconds."""
        end(self._process)
        self._process = self._spawned()
        first_answer(self.port, within=within)
        return 0

    def under_load(self, slow: bool = False) -> Window:
        """Restart it under load."""
        return under_load(self._place, self.port, self.restart, slow=slow)

    def close(self) -> None:
        """End it."""
        end(self._process)


def whys(windows: list[Window]) -> str:
    """Give what the failures were, for a note."""
    counts: dict[str, int] = {}
    for window in windows:
        for answer in window.failed:
            word = f"{answer.kind}: {answer.why}"
            counts[word] = counts.get(word, 0) + 1
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
