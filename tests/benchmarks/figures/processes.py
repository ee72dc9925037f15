"""Whole processes compared: by the clock, by the processor, by instructions where those count."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from ..measuring import Check, Samples, Summary, interleaved, ratio, summary
from ..place import Place

PASS = [sys.executable, "-c", "pass"]
IMPORTS = [sys.executable, "-c", "import socket, json"]
COLLECTED = re.compile(r"Collected : (\d+)")
CALLGRIND = ("--tool=callgrind", "--callgrind-out-file=/dev/null")


def compared(
    place: Place,
    environment: Mapping[str, str],
    commands: Mapping[str, Sequence[str]],
    rounds: int,
    said: str = "",
) -> tuple[Samples, Samples]:
    """Give the milliseconds of the clock, of the processor of each command, measured in turn."""
    cpu: Samples = {name: [] for name in commands}

    def run(name: str) -> float:
        spent = place.spent(commands[name], environment, said)
        if spent.code:
            raise RuntimeError(f"exit {spent.code} from {name}")
        cpu[name].append(spent.cpu)
        return spent.wall

    for name in commands:
        run(name)  # writes the caches that the next runs read
    cpu = {name: [] for name in commands}
    wall = interleaved(rounds, {name: partial(run, name) for name in commands})
    return wall, cpu


def series_of(wall: Samples, cpu: Samples) -> dict[str, Summary]:
    """Give both clocks of each command."""
    found = {}
    for name in wall:
        found[name] = summary(wall[name], "ms")
        found[f"{name}, processor"] = summary(cpu[name], "ms")
    return found


def checks_of(what: str, name: str, wall: Samples, limit: float) -> list[Check]:
    """Give the check against the bare interpreter."""
    return [ratio(what, wall[name], wall["python -c pass"], limit)]


def instructions(
    environment: Mapping[str, str], commands: Mapping[str, Sequence[str]], said: str = ""
) -> dict[str, int]:
    """Give how many instructions each command takes; nothing where valgrind is not."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        return {}
    counted = {}
    for name, argv in commands.items():
        with open(said or os.devnull, "rb") as stdin:
            done = subprocess.run(
                [valgrind, *CALLGRIND, *argv],
                env=dict(environment) | {"PYTHONHASHSEED": "0"},
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        found = COLLECTED.search(done.stderr)
        if done.returncode or found is None:
            return {}
        counted[name] = int(found[1])
    return counted


def instructions_note(counted: Mapping[str, int]) -> str:
    """Give the second opinion in words."""
    if not counted:
        return ""
    base = counted["python -c pass"]
    told = [f"{name} {count / base:.2f} x" for name, count in counted.items() if count != base]
    return f"In instructions (callgrind), against `python -c pass`: {', '.join(told)}."
