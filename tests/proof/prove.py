"""Runs every engine in turn and prints one table, then the kill table; `--write` makes the pages.

`--short` is the form for CI: the smaller worlds, three launchers still among them, and a part of
the faults, another one each day.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from ..spin import runner
from ..spin import suite as spin
from . import kill, lock_world, page, spool_world
from .configurations import COSTS, NAMED, SHORT
from .coverage import missing
from .mutants import FAULTS
from .mutants.worlds import extra
from .summary import Summary, explore, explore_named

In = TypeVar("In")
Out = TypeVar("Out")

PARTS = 3
DRIVERS, LOCK, SPOOL, SPIN = "drivers", "lock", "spool", "SPIN"
LEVELS = (
    (
        "schedules by chance, the simulator against the kernel, conformance",
        (
            "tests/quick/proof/test_schedules.py",
            "tests/quick/lifecycle/lock/test_lock_machine.py",
            "tests/quick/proof/test_port.py",
            "tests/quick/proof/test_disk.py",
            "tests/quick/lifecycle/machine/test_trace_check.py",
            "tests/quick/lifecycle/machine/test_trace_check_of_schedules.py",
            "tests/quick/proof/test_replay_scripts.py",
        ),
    ),
    ("replays on real processes", ("tests/process/test_replay.py",)),
)


class Row(NamedTuple):
    """One line of the table."""

    engine: str
    configuration: str
    states: int
    depth: int
    exhausted: bool
    seconds: float
    broken: str = ""
    story: tuple[str, ...] = ()
    summary: Summary | None = None

    @property
    def ok(self) -> bool:
        """Whether everything was visited and nothing broke."""
        return self.exhausted and not self.broken

    @property
    def how_far(self) -> str:
        """Whether everything was visited; of the spool it is chance that draws the orders."""
        return "no" if not self.exhausted else "by chance" if self.engine == SPOOL else "yes"


class Seeded(NamedTuple):
    """What SPIN said of one seeded fault."""

    fault: str
    where: str
    broken: str


def main(arguments: list[str] | None = None) -> int:
    """Run all of it; 0 when everything was exhausted, nothing broke, every fault was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.prove", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form for CI")
    parser.add_argument("--part", type=int, help=f"which of {PARTS} parts of the faults (short)")
    parser.add_argument("--write", action="store_true", help="write docs/ from this run")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    troubles: list[str] = []
    replaying = None if given.short else _begun_to_replay()
    rows = _searched(given.short, given.jobs)
    troubles += [
        f"{r.engine}: {r.configuration}: {r.broken or 'limit hit'}" for r in rows if not r.ok
    ]
    beside = {"I18" for row in rows if row.engine == SPOOL}
    troubles += missing((row.summary for row in rows if row.summary is not None), beside)
    seeded, trouble = _seeded_in_spin(given.short, given.jobs)
    troubles += trouble
    outcomes, clean, trouble = _killed(given.short, given.part, given.write, rows)
    troubles += trouble
    levels = [] if given.short else [_tested(*level) for level in LEVELS]  # CI runs them before
    troubles += [f"{level.words}: {level.said}" for level in levels if not level.ok]
    counterexamples, trouble = _replayed(replaying) if replaying else ([], [])
    troubles += trouble
    seconds = time.perf_counter() - began
    states = sum(row.states for row in rows)
    print(f"\n{len(rows)} worlds, {states:,} states, {seconds:.0f} s, {len(troubles)} troubles")
    for each in troubles:
        print(each, file=sys.stderr)
    if given.write:
        kill.PAGE.write_text(kill.page(outcomes, clean))
        page.PAGE.write_text(page.page(rows, seeded, outcomes, levels, counterexamples, seconds))
    return 1 if troubles else 0


class Tested(NamedTuple):
    """What a run of ordinary tests said."""

    words: str
    ok: bool
    said: str
    seconds: float


def _tested(words: str, files: Sequence[str]) -> Tested:
    began = time.perf_counter()
    seed = int.from_bytes(os.urandom(4), "big")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    command += ["-p", "no:randomly", f"--hypothesis-seed={seed}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=kill.REPOSITORY)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    said = lines[-1] if lines else done.stderr[-300:]
    ok = done.returncode == 0
    print(f"\n{words}: {said}; the same again: --hypothesis-seed={seed}", flush=True)
    if not ok:
        print("\n".join(lines[-60:]))
    return Tested(words, ok, said, time.perf_counter() - began)


def _begun_to_replay() -> subprocess.Popen[str]:
    """Begin to replay the counterexamples: real processes wait more than they work."""
    command = [sys.executable, "-m", "tests.proof.replaying.counterexamples"]
    return subprocess.Popen(command, cwd=kill.REPOSITORY, stdout=subprocess.PIPE, text=True)


def _replayed(replaying: subprocess.Popen[str]) -> tuple[list[str], list[str]]:
    # A replay that broke off is told in several lines, of which the first begins with its name.
    told = replaying.communicate()[0].splitlines()
    lines = [line for line in told if line[:1].strip() and "  " in line.strip()]
    print("\ncounterexamples on the mutated code, with real processes")
    print("\n".join(lines))
    right = ("as predicted", "can't be expressed")
    wrong = [line for line in lines if not line.split("  ", 1)[1].strip().startswith(right)]
    return lines, [f"counterexample: {line}" for line in wrong]


# The searches.


def _searched(short: bool, jobs: int) -> list[Row]:
    """Search every world of every engine, the dearest first; print each as it ends."""
    work: list[tuple[float, str, str]] = []
    for name in NAMED:
        if name in SHORT or not short:
            work.append((COSTS.get(name, 1), DRIVERS, name))
    work += [(1, DRIVERS, world.name) for world in extra()]
    work += [(15 if b.name == "lock-3" else 2, LOCK, b.name) for b in lock_world.CONFIGURATIONS]
    work += [(5, SPOOL, bounds.name) for bounds in spool_world.CONFIGURATIONS]
    lacking = runner.missing()
    if lacking:
        _loudly(f"the second opinion is SKIPPED: no {lacking} here; apt-get install {lacking}")
    else:
        _loudly(f"SPIN's {', '.join(sorted(spin.BEHIND))} is of the first edition: SKIPPED")
        chosen = [c for c in spin.CONFIGURATIONS if c.model not in spin.BEHIND]
        chosen = [c for c in chosen if c.short or not short]
        work += [(10, SPIN, c.words) for c in chosen]
    print(f"{'engine':8} {'configuration':62} {'states':>9} {'depth':>6}  exhausted {'seconds':>7}")
    rows = []
    for row in _spread(_search, [one[1:] for one in sorted(work, key=lambda one: -one[0])], jobs):
        rows.append(row)
        print(told(row), flush=True)
        for line in row.story:
            print(f"    {line}")
    return rows


def _search(what: tuple[str, str]) -> Row:
    engine, name = what
    if engine in (LOCK, SPOOL):
        if engine == LOCK:
            [bounds] = [b for b in lock_world.CONFIGURATIONS if b.name == name]
            seen = lock_world.explore(bounds)
        else:
            [orders] = [b for b in spool_world.CONFIGURATIONS if b.name == name]
            seen = spool_world.explore(orders)
        broken = f"{seen.invariant} {seen.what}".strip()
        figures = (seen.states, seen.depth, seen.exhausted, seen.seconds)
        return Row(engine, name, *figures, broken, seen.story)
    if engine == SPIN:
        [where] = [c for c in spin.CONFIGURATIONS if c.words == name]
        found = runner.search(where.model, where.defines, cycles=where.cycles)
        figures = (found.states, found.depth, found.exhausted, round(found.seconds, 1))
        return Row(engine, name, *figures, found.broken, tuple(found.story))
    made = {world.name: world for world in extra()}
    told = explore(made[name]) if name in made else explore_named((name, (), None))
    broken = f"{told.invariant} {told.what}".strip()
    figures = (told.states + told.healed, told.depth, told.exhausted, told.seconds)
    return Row(engine, name, *figures, broken, told.story, None if name in made else told)


def told(row: Row) -> str:
    """Give one line of the table."""
    exhausted = row.how_far
    word = f"  {row.broken}" if row.broken else "" if row.exhausted else "  LIMIT HIT"
    return (
        f"{row.engine:8} {row.configuration:62} {row.states:>9,} {row.depth:>6}  "
        f"{exhausted:9} {row.seconds:>7.1f}{word}"
    )


def _seeded_in_spin(short: bool, jobs: int) -> tuple[list[Seeded], list[str]]:
    """Let SPIN look for every seeded fault that its model can express."""
    if runner.missing():
        return [], []
    faults = [
        n
        for n, fault in enumerate(spin.FAULTS)
        if fault.where.model not in spin.BEHIND and (fault.short or not short)
    ]
    print(f"\nSPIN, {len(faults)} seeded faults")
    seeded = []
    for one in _spread(_seed_in_spin, faults, jobs):
        seeded.append(one)
        print(f"{one.fault:52} {one.broken or 'ALIVE':64} {one.where}", flush=True)
    return seeded, [
        f"SPIN does not see {one.fault} in {one.where}" for one in seeded if not one.broken
    ]


def _seed_in_spin(number: int) -> Seeded:
    fault = spin.FAULTS[number]
    where = fault.where
    defines = {**where.defines, f"FAULT_{fault.name}": 1}
    found = runner.search(where.model, defines, cycles=where.cycles)
    return Seeded(fault.words, where.words, found.broken)


# The kill table.


def _killed(
    short: bool, part: int | None, every: bool, rows: Iterable[Row]
) -> tuple[list[kill.Outcome], kill.Outcome, list[str]]:
    """Seed every fault; that nothing sees the code as it is was searched before."""
    faults = list(FAULTS)
    if short:
        part = part or datetime.datetime.now(datetime.UTC).toordinal() % PARTS + 1
        faults = [fault for fault in faults if kill.part_of(fault, PARTS) == part]
        print(f"\nfaults, part {part} of {PARTS}; the same again: --short --part {part}")
    else:
        print(f"\n{len(faults)} faults")
    outcomes, well = kill.run(faults, every, lambda words: print(words, flush=True))
    troubles = [] if well else ["a fault lives that ought not to, or a check broke off: see above"]
    clean = kill.unmutated(faults, {row.configuration for row in rows})
    print(kill.told(clean), flush=True)
    if clean.explorer.killed or clean.test.killed or clean.explorer.trouble or clean.test.trouble:
        troubles.append("the code as it is is killed too, or a check broke off: see above")
    return outcomes, clean, troubles


# How.


def _spread(do: Callable[[In], Out], work: Sequence[In], jobs: int) -> Iterable[Out]:
    if jobs == 1 or len(work) < 2:
        yield from map(do, work)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, maxtasksperchild=4) as pool:
        yield from pool.imap_unordered(do, work, chunksize=1)


def _loudly(words: str) -> None:
    print(f"{'!' * 72}\n!! {words}\n{'!' * 72}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
