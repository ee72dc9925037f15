"""Makes changes at random in the tables, the lock, the probe, the handover; tells what turns red.

`python -m tests.proof.random_changes --seed 1 --number 20`. Each change is one row, or one check
turned round, in a copy of the code. Cheap checks look first; the first to turn red is told.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from . import kill

TABLES = "lifecycle/machine/tables.py"
CHECKS = (
    "lifecycle/lock/spawn_lock.py",
    "lifecycle/lock/lock_files.py",
    "lifecycle/health.py",
    "lifecycle/client/probe.py",
    "lifecycle/drivers/spawner.py",
    "lifecycle/drivers/stopper.py",
    "lifecycle/drivers/worker.py",
    "lifecycle/drivers/coming_up.py",
    "lifecycle/drivers/judgement.py",
    "lifecycle/drivers/child_outcome.py",
)
TESTS = (
    "tests/spec tests/quick/lifecycle/lock/test_spawn_lock.py "
    "tests/quick/lifecycle/client/test_probe.py "
    "tests/quick/lifecycle/drivers/test_drivers.py tests/quick/server/test_worker.py "
    "tests/quick/lifecycle/test_record.py tests/quick/lifecycle/lock/test_lock_machine.py"
)
WORLDS = (
    "cold: the very first ensures",
    "cold: ensure and stop, 1 kill, 1 overrun",
    "seamless: a build that app fails",
    "rebind: a build that app fails",
    "seamless: 2 restarts, 1 kill",
    "seamless: ensure and stop, a foreign server",
    "seamless: restart and stop, 1 kill",
    "cold: 3 ensures, 1 kill, 1 overrun",
    "seamless: 2 ensures, 1 kill, 1 overrun",
    "seamless: ensure and restart, 1 overrun, 1 early deadline",
)


class Change(NamedTuple):
    """One change: where, what, and the edit."""

    where: str
    what: str
    file: str
    old: str
    new: str


def of_tables(text: str) -> Iterator[Change]:
    """Give every row left out, every row that leads elsewhere."""
    lines = text.splitlines()
    dests = sorted({line.rsplit(" ", 1)[1].rstrip("),") for line in lines if _is_row(line)})
    for number, line in enumerate(lines, 1):
        if not _is_row(line):
            continue
        where, row = f"{TABLES}:{number}", line.strip().removeprefix("Row").rstrip(",")
        yield Change(where, f"no row {row}", TABLES, f"{line}\n", "")
        dest = line.rsplit(" ", 1)[1].rstrip("),")
        for other in dests:
            if other != dest:
                changed = line[: line.rindex(dest)] + f"{other}),"
                yield Change(where, f"row {row} leads to {other}", TABLES, line, changed)


def _is_row(line: str) -> bool:
    return line.startswith('    Row("')


def of_checks(file: str, text: str) -> Iterator[Change]:
    """Give every condition turned round, in every function of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            test = node.test
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Compare | ast.BoolOp):
            test = node.value
        else:
            continue
        source = ast.get_source_segment(text, test)
        if source is None or isinstance(test, ast.Constant):
            continue
        where = f"{file}:{test.lineno}"
        yield Change(where, f"not ({' '.join(source.split())})", file, source, f"(not ({source}))")


def changed(root: Path, change: Change) -> None:
    """Make one change in a copy, at its line."""
    path = root / "incumbent" / change.file
    text = path.read_text()
    line = int(change.where.partition(":")[2])
    start = sum(len(one) + 1 for one in text.split("\n")[: line - 1])
    at = text.index(change.old, start)
    path.write_text(text[:at] + change.new + text[at + len(change.old) :])


def judged(change: Change) -> tuple[str, float]:
    """Give what turns red first; "" when nothing does."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="incumbent-change-") as place:
        root = Path(place)
        kill.lay_out(root)
        changed(root, change)
        level = kill.tested(root, TESTS)
        red = level.by or ("the tests do not even begin" if level.trouble else "")
        if not red:
            locks = [] if "lock" not in change.file else ["lock-2", "lock-3-crash", "lock-2-half"]
            found, _ = kill.explored(root, (*locks, *WORLDS), False)
            red = found.by or (found.trouble and "the explorer breaks off: " + found.trouble[:80])
        return red, time.monotonic() - began


def main(arguments: list[str]) -> int:
    """Make some changes; 1 when one survives."""
    parser = argparse.ArgumentParser(prog="tests.proof.random_changes", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    chance = random.Random(given.seed)
    rows = list(of_tables((kill.REPOSITORY / TABLES).read_text()))
    checks = [
        change
        for file in CHECKS
        for change in of_checks(file, (kill.REPOSITORY / file).read_text())
    ]
    half = given.number // 2
    chosen = chance.sample(rows, half) + chance.sample(checks, given.number - half)
    survivors = 0
    print(
        f"seed {given.seed}: {len(chosen)} of {len(rows)} changes of rows, {len(checks)} of checks"
    )
    for change in chosen:
        red, seconds = judged(change)
        survivors += not red
        if given.json:
            print(json.dumps({**change._asdict(), "red": red}), flush=True)
        else:
            print(f"{change.where:28} {change.what[:76]:76} {red or 'SURVIVES'} ({seconds:.0f} s)",
                  flush=True)  # fmt: skip
    print(f"{survivors} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
