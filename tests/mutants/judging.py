"""Tells which test sees a mutant, or that none does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

from ..proof.kill import REPOSITORY
from .operators import Mutant, mutants_of
from .place import Place
from .selection import folder_of, stages
from .survivors import SURVIVORS

LIMIT_S = 30.0  # one test; the slowest of a clean run takes a third on an idle machine
QUICK_LIMIT_S = 15.0  # one of those that start no workers
FINE = (0, 5)  # every test passed, or none was chosen
# A mistake in these could end every process of this user, of whatever program.
SIGNALLING = ("lifecycle/posix/session.py",)
SEERS = 12  # so many tests that saw the last mutants of a folder look first at the next
SLOWER = 4.0  # how much slower than a clean run all of a stage may be


class Verdict(NamedTuple):
    """What became of a mutant: who saw it, "" for nobody; `trouble` where nothing can be said."""

    mutant: Mutant
    by: str
    seconds: float
    trouble: str = ""

    @property
    def reason(self) -> str:
        """Why nobody need see it, as the list of survivors says; "" where it says nothing."""
        return SURVIVORS.get(self.mutant.key, "")

    @property
    def is_alive(self) -> bool:
        """Whether it asks for a test, or for a reason."""
        return not self.by and not self.reason


class Judge:
    """Runs tests on mutants, one at a time; the code as it is once a stage, for its time.

    `quick` leaves out the stages that start workers, and the searches.
    """

    def __init__(self, place: Place, quick: bool = False) -> None:
        self._place, self._quick = place, quick
        self._marks = "not slow" if quick else ""
        self._clean: dict[tuple[str, ...], float] = {}
        self._seers: dict[str, list[str]] = {}  # of a folder's mutants so far, the latest first

    def judged(self, mutant: Mutant) -> Verdict:
        """Give which test sees the mutant first."""
        if mutant.path in SIGNALLING and not self._place.apart:
            return Verdict(mutant, "", 0.0, "not tried: there is no `unshare` to keep it in")
        began = time.monotonic()
        seers = self._seers.setdefault(folder_of(mutant.path), [])
        known = [tuple(seers[:SEERS])] if seers else []
        for stage in (*known, *stages(mutant.path, self._place.repository / "tests")):
            if self._quick and stage[0].startswith("tests/process/"):
                continue
            limit = LIMIT_S if stage[0].startswith("tests/process/") else QUICK_LIMIT_S
            whole = limit + SLOWER * self._seconds(stage)
            with self._place.holding(mutant):
                code, said = self._place.run(stage, limit, whole, self._marks)
            by = seen_by(code, said)
            if by:
                self._remember(seers, by)
                return Verdict(mutant, by, time.monotonic() - began)
            if code not in FINE:
                trouble = f"pytest exited {code}: {said[-600:]}"
                return Verdict(mutant, "", time.monotonic() - began, trouble)
        return Verdict(mutant, "", time.monotonic() - began)

    def _remember(self, seers: list[str], by: str) -> None:
        """Let what has seen a mutant look first at the next one of its folder."""
        test = by.partition("[")[0]  # of a name with blanks pytest's words hold a part
        if "::" in test and not test.startswith("tests/process/"):
            if test in seers:
                seers.remove(test)
            seers.insert(0, test)

    def _seconds(self, stage: tuple[str, ...]) -> float:
        """Give how long a stage takes on the code as it is; raises RuntimeError when it fails."""
        if "::" in stage[0]:
            return LIMIT_S / SLOWER
        if stage not in self._clean:
            began = time.monotonic()
            code, said = self._place.run(stage, 4 * LIMIT_S, 40 * LIMIT_S, self._marks)
            if code not in FINE:
                raise RuntimeError(f"the code as it is fails {' '.join(stage)}: {said[-1500:]}")
            self._clean[stage] = time.monotonic() - began
        return self._clean[stage]


def seen_by(code: int | None, said: str) -> str:
    """Give which test saw something, from pytest's exit code and its words; "" for none."""
    if code is None:
        return "the time limit"
    words = [line.split() for line in said.splitlines()]
    failed = [line[1] for line in words if len(line) > 1 and line[0] in ("FAILED", "ERROR")]
    failed = [name for name in failed if name.startswith("tests/")]  # a log has such words too
    if code in (1, 2, 4) and failed:  # 2 and 4: it could not even be imported
        return failed[0]
    if code == 3:  # the time limit struck between two tests, or hit pytest itself
        return "the end of pytest"
    if code in (2, 4) and ("Error" in said):
        return "the import of the tests"
    return ""


def modules(only: list[str]) -> list[str]:
    """Give every module that has behaviour, below one of the paths `only` if there are any."""
    found = [
        str(path.relative_to(REPOSITORY))
        for package in ("lifecycle", "server", "cli")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        if path.name != "__init__.py" and "__pycache__" not in path.parts
    ]
    chosen = [path for path in found if not only or any(path.startswith(word) for word in only)]
    return [path for path in chosen if mutants_of(path, (REPOSITORY / path).read_text())]


def mutants_in(path: str) -> list[Mutant]:
    """Give every mutant of a module of the repository."""
    return mutants_of(path, Path(REPOSITORY / path).read_text())
