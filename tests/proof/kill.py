"""Seeds every fault into a copy of the code; tells which checks kill it.

Each fault is looked for twice: by an exhaustive exploration, then by one ordinary test.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from .coverage import INVARIANTS
from .mutants import FAULTS, Fault
from .mutants.fault import seed

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PAGE = REPOSITORY / "docs" / "kill-table.md"
AT_ONCE = 2
EXPLORER_S = 240.0
TEST_S = 180.0
HOME = "home-of-the-copy"  # no test has a folder of this name
PACKAGES = ("lifecycle", "server", "cli")
UNMUTATED = "none (the code as it is)"


class Level(NamedTuple):
    """What one level of checks said of one fault."""

    killed: bool
    by: str
    seconds: float
    trouble: str = ""


class Outcome(NamedTuple):
    """What became of one fault; `killers` are all invariants that saw it."""

    fault: Fault
    explorer: Level
    test: Level
    killers: tuple[str, ...] = ()


# A copy of the code.


def lay_out(root: Path) -> None:
    """Copy the code to a folder of its own, as the package `incumbent` beside its tests."""
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, root / "incumbent" / package, ignore=ignored)
    shutil.copytree(REPOSITORY / "tests", root / "tests", ignore=ignored)
    for name in ("pyproject.toml", "diagrams", "docs"):
        place = REPOSITORY / name
        if place.is_dir():
            shutil.copytree(place, root / name)
        else:
            shutil.copy(place, root / name)
    (root / HOME).mkdir()


def environment(root: Path) -> dict[str, str]:
    """Give an environment in which the copy is what is imported, and no home is touched."""
    kept = ("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ} | {
        "PYTHONPATH": str(root),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(root / HOME),
        "INCUMBENT_DATA_DIR": str(root / HOME / "data"),
        "INCUMBENT_PORT": "26999",
    }


def ran(root: Path, arguments: list[str], within: float) -> tuple[int | None, str, float]:
    """Run Python in a copy; give its exit code, or None when it took too long, and its words."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=root,
        env=environment(root),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        return None, said, time.monotonic() - began
    return process.returncode, said, time.monotonic() - began


# The two levels.


def explored(
    root: Path, configurations: tuple[str, ...], every: bool
) -> tuple[Level, tuple[str, ...]]:
    """Explore a copy; give who saw something first, and all who did if `every` is asked."""
    if not configurations:
        return Level(False, "", 0.0), ()
    order = json.dumps({"configurations": configurations, "every": every})
    code, said, seconds = ran(root, ["-m", "tests.proof.kill_one", order], EXPLORER_S)
    seen: list[dict[str, Any]] = []
    for line in said.splitlines():
        if line.startswith("{"):
            seen.append(json.loads(line))
    found = [told for told in seen if told["invariant"]]
    trouble = "" if code == 0 else f"the explorer exited {code}: {said[-400:]}"
    unfinished = [t["configuration"] for t in seen if not t["invariant"] and not t["exhausted"]]
    if unfinished and not found:
        trouble = trouble or f"not exhausted: {seen[-1]['what'] or ', '.join(unfinished)}"
    if not found:
        return Level(False, "", seconds, trouble), ()
    first = min(found, key=lambda told: told["depth"])
    by = f"{first['invariant']} at depth {first['depth']} in {first['configuration']}"
    return Level(True, by, seconds), tuple(sorted({told["invariant"] for told in found}))


def tested(root: Path, selector: str) -> Level:
    """Run the second level on a copy."""
    if not selector:
        return Level(False, "", 0.0)
    arguments = ["-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider"]
    arguments += ["-p", "no:unraisableexception"]  # `-x` leaves a scandir open behind it
    code, said, seconds = ran(root, [*arguments, *selector.split()], TEST_S)
    failed = [line.split()[1] for line in said.splitlines() if line.startswith("FAILED ")]
    if code == 0:
        return Level(False, "", seconds)
    if code == 1 and failed:
        return Level(True, failed[0].partition(" ")[0], seconds)
    return Level(False, "", seconds, f"pytest exited {code}: {said[-600:]}")


def judged(fault: Fault, every: bool) -> Outcome:
    """Seed one fault, let both levels look for it."""
    with tempfile.TemporaryDirectory(prefix="incumbent-kill-") as place:
        root = Path(place)
        lay_out(root)
        seed(fault, root)
        explorer, killers = explored(root, fault.configurations, every)
        return Outcome(fault, explorer, tested(root, fault.test), killers)


def unmutated(faults: Iterable[Fault], but: Iterable[str] = ()) -> Outcome:
    """Let both levels look at the code as it is: neither may see anything.

    `but` names the worlds that were searched already.
    """
    chosen, known = list(faults), set(but)
    names = dict.fromkeys(name for f in chosen for name in f.configurations if name not in known)
    tests = " ".join(dict.fromkeys(s.partition("::")[0] for f in chosen for s in f.test.split()))
    return judged(Fault(UNMUTATED, "nothing", "", (), (), tuple(names), tests), False)


# The table.


def part_of(fault: Fault, parts: int) -> int:
    """Give which part of the short run this fault belongs to, from its name alone."""
    return int.from_bytes(hashlib.sha256(fault.name.encode()).digest()[:4], "big") % parts + 1


def only_killers(outcomes: Iterable[Outcome]) -> dict[str, list[str]]:
    """Give, for each invariant that saw anything, the faults that it alone saw."""
    alone: dict[str, list[str]] = {}
    for outcome in outcomes:
        for killer in outcome.killers:
            alone.setdefault(killer, [])
        if len(outcome.killers) == 1:
            alone[outcome.killers[0]].append(outcome.fault.name)
    return alone


def row(fault: Fault, explorer: str, test: str) -> str:
    """Give one line of the page."""
    return f"| {fault.name} | {fault.breaks} | {fault.source} | {explorer} | {test} |"


def page(outcomes: list[Outcome], clean: Outcome) -> str:
    """Give docs/kill-table.md."""
    lines = [
        "# Kill table",
        "",
        "Each fault is a small patch of the shipped code, seeded into a copy of it. Two levels "
        "look at the copy: an exhaustive exploration of the shipped drivers (or of the shipped "
        "lock, one system call at a time), then one ordinary test. A fault that lives below the "
        "drivers' verbs is marked *: there the explorer sees its twin in the simulator, the test "
        "sees the shipped code. `python -m tests.proof.kill --write` makes this page.",
        "",
        f"{len(outcomes)} faults; {sum(o.explorer.killed for o in outcomes)} killed by the "
        f"explorer, {sum(o.test.killed for o in outcomes)} by the second level, "
        f"{sum(not (o.explorer.killed or o.test.killed) for o in outcomes)} alive. The code as it "
        f"is: the explorer sees {clean.explorer.by or 'nothing'}, the tests fail "
        f"{clean.test.by or 'nowhere'}.",
        "",
        "| fault | what it breaks | from | killed by the explorer | killed by a test |",
        "|---|---|---|---|---|",
    ]
    for outcome in outcomes:
        fault = outcome.fault
        star = "*" if fault.twin else ""
        by = f"{outcome.explorer.by}{star}" if outcome.explorer.killed else "—"
        test = f"`{_short(outcome.test.by)}`" if outcome.test.killed else "—"
        lines.append(row(fault, by, test))
    survivors = [o for o in outcomes if not (o.explorer.killed and o.test.killed)]
    lines += ["", "## What a level does not see", ""]
    for outcome in survivors:
        levels = []
        if not outcome.explorer.killed:
            levels.append("the explorer")
        if not outcome.test.killed:
            levels.append("the second level")
        why = outcome.fault.why_alive or "not explained yet: a check is too weak"
        lines.append(f"- **{outcome.fault.name}**, not seen by {' and '.join(levels)}: {why}.")
    if not survivors:
        lines.append("Every fault is seen by both.")
    lines += ["", "## Does each invariant earn its place?", ""]
    lines += ["| invariant | faults that it alone sees |", "|---|---|"]
    alone = only_killers(outcomes)
    for invariant in sorted({*alone, *INVARIANTS}):
        told = ", ".join(alone.get(invariant, ())) or (
            "none: whatever it sees, another sees too"
            if invariant in alone
            else "none: no fault here is seen by it; it is at stake, and stays for what is not here"
        )
        lines.append(f"| {invariant} | {told} |")
    return "\n".join(lines) + "\n"


def _short(test: str) -> str:
    return test.removeprefix("tests/")


def stale(text: str) -> list[str]:
    """Give how the page's list of faults differs from the code's."""
    listed = {
        tuple(cell.strip() for cell in line.split("|")[1:4])
        for line in text.splitlines()
        if line.count("|") >= 6 and not line.startswith(("| fault |", "|---"))
    }
    faults = {(f.name, f.breaks, f.source) for f in FAULTS}
    missing = [f"the page does not list {name!r} as it is" for name, *_ in sorted(faults - listed)]
    return missing + [f"the page lists {name!r}, the code does not" for name, *_ in listed - faults]


def ill_fitting() -> list[str]:
    """Give every fault whose edits do not fit the code any more; runs nothing."""
    with tempfile.TemporaryDirectory(prefix="incumbent-kill-") as place:
        wrongs = []
        for fault in FAULTS:
            root = Path(place) / hashlib.sha256(fault.name.encode()).hexdigest()[:16]
            for edit in (*fault.edits, *fault.twin):
                its = edit.file if edit.file.startswith("tests/") else f"incumbent/{edit.file}"
                if not (root / its).exists():
                    (root / its).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(REPOSITORY / edit.file, root / its)
            try:
                seed(fault, root)
            except ValueError as error:
                wrongs.append(str(error))
        return wrongs


def told(outcome: Outcome) -> str:
    """Give one line for people."""
    explorer, test = outcome.explorer, outcome.test
    words = f"{outcome.fault.name:44.44} {explorer.by or '-':40} {_short(test.by) or '-'}"
    words += f"  ({explorer.seconds:.0f} s + {test.seconds:.0f} s)"
    for trouble in (explorer.trouble, test.trouble):
        words += f"\n    ! {trouble}" if trouble else ""
    return words


def run(faults: list[Fault], every: bool, say: Callable[[str], None]) -> tuple[list[Outcome], bool]:
    """Judge these faults, two at a time; give what became of them, and whether all is well."""
    well = True
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(judged, fault, every) for fault in faults]
        outcomes = []
        for job in jobs:
            outcome = job.result()
            outcomes.append(outcome)
            say(told(outcome))
            seen = outcome.explorer.killed and outcome.test.killed
            well = well and (seen or bool(outcome.fault.why_alive))
    return outcomes, well


def main(arguments: list[str]) -> int:
    """Print the table, write it, or check that the page is up to date."""
    parser = argparse.ArgumentParser(prog="tests.proof.kill", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/kill-table.md")
    parser.add_argument("--check", action="store_true", help="is the page's list up to date?")
    parser.add_argument("--short", action="store_true", help="a part of the faults")
    parser.add_argument("--part", default="1/3", metavar="K/N", help="which part of how many")
    parser.add_argument("--only", action="append", default=[], metavar="WORDS")
    parser.add_argument("--clean", action="store_true", help="the code as it is, and no fault")
    given = parser.parse_args(arguments)
    if given.check:
        wrongs = ill_fitting() + (stale(PAGE.read_text()) if PAGE.exists() else ["no page"])
        for wrong in wrongs:
            print(f"{wrong}; run `python -m tests.proof.kill --write`", file=sys.stderr)
        return 1 if wrongs else 0
    faults = [f for f in FAULTS if not given.only or any(w in f.name for w in given.only)]
    if given.short:
        part, parts = (int(number) for number in given.part.split("/"))
        faults = [f for f in faults if part_of(f, parts) == part]
    well = True
    outcomes: list[Outcome] = []
    if not given.clean:
        outcomes, well = run(faults, given.write or not given.short, print)
    if given.short and not given.clean:
        return 0 if well else 1
    clean = unmutated(faults)
    print(told(clean))
    bad = clean.explorer.killed or clean.test.killed
    bad = bad or bool(clean.explorer.trouble or clean.test.trouble)
    for invariant, names in sorted(only_killers(outcomes).items()):
        print(f"{invariant}: alone sees {', '.join(names) or 'nothing'}")
    if given.write:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(outcomes, clean))
    return 0 if well and not bad else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
