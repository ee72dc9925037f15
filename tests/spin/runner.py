"""Runs one model in one configuration through `spin`, to its end or to its first violation."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .generate import promela, tables

HERE = Path(__file__).parent
COMPILER = next((name for name in ("gcc", "cc", "clang") if shutil.which(name)), "")
SPIN = shutil.which("spin") or ""

MEMORY_MB = 4000
DEPTH = 300_000
PATIENCE_S = 180.0

_STORY = re.compile(
    r"^\s*((?:spawner|stop|worker|launcher|the lease|actor) ?[^:=]*[\d(].*|BROKEN.*)$"
)


class Outcome(NamedTuple):
    """What one search found; `story` is the way to the violation, `broken` its sentence."""

    states: int
    depth: int
    exhausted: bool
    seconds: float
    broken: str
    story: list[str]


def missing() -> str:
    """Give the package that this machine lacks; "" when it has all."""
    return "spin" if not SPIN else "" if COMPILER else "gcc"


def search(
    model: str, defines: Mapping[str, object], rows: str = "", cycles: bool = False
) -> Outcome:
    """Search every state of a model; `cycles` looks for executions without end instead.

    `rows` stands for the generated tables. A model that does not compile is a violation too.
    """
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder)
        (where / "rows.pml").write_text(rows or promela(tables()))
        shutil.copy(HERE / model, where / model)
        given = [f"-D{name}={value}" for name, value in defines.items()]
        begun = time.monotonic()
        said = _run(where, SPIN, *given, "-a", model)
        if not (where / "pan.c").exists() or "Error:" in said:
            return Outcome(0, 0, False, 0.0, _first_error(said), said.splitlines())
        options = ["-DNP", "-DNOFAIR"] if cycles else ["-DSAFETY"]
        options += ["-DCOLLAPSE", "-DVECTORSZ=2048", f"-DMEMLIM={MEMORY_MB}"]
        said = _run(where, COMPILER, "-O0", "-w", *options, "-o", "pan", "pan.c")
        if not (where / "pan").exists():
            return Outcome(0, 0, False, 0.0, "the verifier does not compile", said.splitlines())
        said = _run(where, "./pan", "-E", "-n", f"-m{DEPTH}", "-w22", *(["-l"] if cycles else []))
        return _outcome(where, said, time.monotonic() - begun)


def _outcome(where: Path, said: str, seconds: float) -> Outcome:
    states = re.search(r"(\d+) states, stored", said)
    depth = re.search(r"depth reached (\d+), errors: (\d+)", said)
    limits = ("max search depth too small", "out of memory", "timed out", "search not completed")
    whole = states is not None and depth is not None and not any(word in said for word in limits)
    broken, story = "", []
    if list(where.glob("*.trail")):
        replay = _run(where, "./pan", "-r", "-n")
        story = [match[1] for line in replay.splitlines() if (match := _STORY.match(line))]
        broken = next(
            (line.removeprefix("BROKEN: ") for line in story if line.startswith("BROKEN")),
            "an execution without end" if "cycle" in said else "a violation without a sentence",
        )
    elif depth is None or depth[2] != "0":
        broken = "" if "timed out" in said else "the verifier broke off: " + _first_error(said)
    return Outcome(
        int(states[1]) if states else 0,
        int(depth[1]) if depth else 0,
        whole and not broken,
        seconds,
        broken,
        story,
    )


def _run(where: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=where,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return (error.output or b"").decode(errors="replace") + "\ntimed out"
    return done.stdout.decode(errors="replace")


def _first_error(said: str) -> str:
    errors = [line for line in said.splitlines() if "rror" in line]
    return errors[0] if errors else said.strip()[-200:]
