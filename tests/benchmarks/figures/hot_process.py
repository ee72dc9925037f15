"""What a process costs that finds the worker healthy."""

from __future__ import annotations

import sys

from ..measuring import Figure
from ..place import place
from . import Scale
from .processes import (
    IMPORTS,
    PASS,
    checks_of,
    compared,
    instructions,
    instructions_note,
    series_of,
)

ROW = (
    "hot `ensure_running()`, whole process, against `python -c pass` "
    "(same venv; `import socket, json` alone is 1.9 x)"
)
TARGET = "≤ 1.6 x"
LIMIT = 1.6
HOT = "from incumbent.lifecycle import ensure_running; ensure_running()"


def measure(scale: Scale) -> Figure:
    """Run the three processes in turn."""
    with place() as here:
        environment = here.host()
        here.ensure(environment)
        commands = {
            "python -c pass": PASS,
            "import socket, json": IMPORTS,
            "ensure_running()": [sys.executable, "-c", HOT],
        }
        wall, cpu = compared(here, environment, commands, scale.rounds(150, 20))
        counted = {} if scale.short else instructions(environment, commands)
    return Figure(
        checks=checks_of("`ensure_running()`", "ensure_running()", wall, LIMIT),
        series=series_of(wall, cpu),
        note=instructions_note(counted),
    )
