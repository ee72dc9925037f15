"""What a process costs that delivers one event."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ...proving import proved
from ..measuring import Figure
from ..place import Place, place
from . import Scale
from .processes import PASS, checks_of, compared, instructions, instructions_note, series_of

ROW = "`hook` delivering one event, whole process, against `python -c pass`"
TARGET = "≤ 2.3 x"
LIMIT = 2.3
EVENT = {"session_id": "a", "tool_name": "Bash", "tool_input": {"command": "make test"}}
SCRIPT = os.path.join(os.path.dirname(sys.executable), "worker-service")


def measure(scale: Scale) -> Figure:
    """Run the installed command, the module, the bare interpreter in turn."""
    with place() as here:
        environment = here.environment  # the built-in worker, which records events
        here.ensure(environment)
        event = here.root / "tmp" / "event.json"
        event.write_text(json.dumps(EVENT))
        why = _no_hook(here, str(event))
        if why:
            return Figure(skipped=why)
        commands = {
            "python -c pass": PASS,
            "worker-service hook": [SCRIPT, "hook", "PostToolUse"],
            "python -m incumbent.cli hook": [
                sys.executable,
                "-m",
                "incumbent.cli",
                "hook",
                "PostToolUse",
            ],
        }
        before = _recorded(here)
        wall, cpu = compared(here, environment, commands, scale.rounds(150, 20), str(event))
        delivered = _recorded(here) - before
        sent = 2 * (len(wall["python -c pass"]) + 1)
        counted = {} if scale.short else instructions(environment, commands, str(event))
    if delivered != sent:
        raise RuntimeError(f"{delivered} of {sent} events were recorded")
    return Figure(
        checks=checks_of("`worker-service hook`", "worker-service hook", wall, LIMIT),
        series=series_of(wall, cpu),
        note=instructions_note(counted),
    )


def _no_hook(here: Place, event: str) -> str:
    with open(event, "rb") as stdin:
        done = subprocess.run(
            [SCRIPT, "hook", "PostToolUse"],
            stdin=stdin,
            env=here.environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == 0 and _recorded(here) == 1:
        return ""
    return f"`worker-service hook` delivers nothing: {done.stderr.strip()[:200]}"


def _recorded(here: Place) -> int:
    after = count = 0
    while True:
        target = f"/api/events?after={after}&limit=1000"
        status, page = proved(here.port, here.data_dir, "GET", target)
        if status != 200 or not page["events"]:
            return count
        count += len(page["events"])
        after = page["next"]
