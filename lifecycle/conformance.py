"""Tells whether a journal is one that the tables allow."""

from __future__ import annotations

import json
from typing import NamedTuple

from .machines import MACHINES

OFFICE_BEGINS = frozenset({"listen_ok", "baton"})
OFFICE_ENDS = "pid_removed"
OFFICE_RESUMES = ("app_up", "handing-off/resuming-listed")
_TEXTS = ("at", "machine", "run", "door", "from", "event", "to")


class Report(NamedTuple):
    """What a check found: the faults, each a sentence that names its line."""

    faults: list[str]
    lines: int
    runs: int
    offices: int


class _Line(NamedTuple):
    number: int
    machine: str
    run: str
    pid: int
    mono: float
    source: str
    event: str
    dest: str


class _Run:
    """What is known of one run so far."""

    def __init__(self, line: _Line) -> None:
        self.machine, self.pid = line.machine, line.pid
        self.state, self.mono, self.number = line.dest, line.mono, line.number


def check(content: bytes, cut: bool = False) -> Report:
    """Check a whole journal; a last line that is still being written is left out.

    Each line is a row of its machine; each run begins where its machine begins and goes on where
    it was; nobody is in office while another is. A run that just ends was killed: it must not
    come back. With `cut`, the journal's beginning is lost, so runs may begin in their middle.
    """
    faults: list[str] = []
    runs: dict[tuple[str, str], _Run] = {}
    offices = _Offices(faults)
    lines = 0
    for number, text in enumerate(content.split(b"\n")[:-1], 1):
        try:
            line = _read(number, text)
        except ValueError as error:
            faults.append(f"line {number}: {error}")
            continue
        lines += 1
        fault = _step(runs, line, cut)
        if fault:
            faults.append(f"line {number}: {fault}")
        if line.machine == "worker":
            offices.saw(line)
    return Report(faults, lines, len(runs), offices.count)


def _step(runs: dict[tuple[str, str], _Run], line: _Line, cut: bool) -> str:
    rows, initials, finals = MACHINES[line.machine]
    if (line.event, line.source, line.dest) not in rows:
        return f"{line.machine} has no row {line.event}: {line.source} -> {line.dest}"
    run = runs.get((line.machine, line.run))
    if run is None:
        runs[line.machine, line.run] = _Run(line)
        if line.source not in initials and not cut:
            return f"run {line.run} begins in {line.source}"
        return ""
    before, run.state, run.number = run.state, line.dest, line.number
    if before in finals:
        return f"run {line.run} goes on after its end in {before}"
    if before != line.source:
        return f"run {line.run} was in {before}, not in {line.source}"
    if run.pid != line.pid:
        return f"run {line.run} changes its pid from {run.pid} to {line.pid}"
    if line.mono < run.mono:
        return f"run {line.run} goes back in time"
    run.mono = line.mono
    return ""


class _Offices:
    """Who is in office, line by line."""

    def __init__(self, faults: list[str]) -> None:
        self._faults = faults
        self._holder: str | None = None
        self._gone: set[str] = set()
        self.count = 0

    def saw(self, line: _Line) -> None:
        if line.run in self._gone:
            self._faults.append(
                f"line {line.number}: two workers in office: run {line.run} "
                "goes on although another took office meanwhile"
            )
            self._gone.discard(line.run)
        if line.event in OFFICE_BEGINS or (line.event, line.source) == OFFICE_RESUMES:
            if self._holder not in (None, line.run):
                self._gone.add(str(self._holder))  # killed, or the next line of it tells
            self._holder = line.run
            self.count += line.event in OFFICE_BEGINS
        elif self._holder == line.run and (
            line.event == OFFICE_ENDS or line.dest in MACHINES["worker"][2]
        ):
            self._holder = None


def _read(number: int, text: bytes) -> _Line:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("no JSON") from error
    if not isinstance(said, dict):
        raise ValueError("no JSON object")
    for key in _TEXTS:
        if not isinstance(said.get(key), str):
            raise ValueError(f"no {key}")
    pid, mono = said.get("pid"), said.get("mono")
    if type(pid) is not int or pid <= 0:
        raise ValueError("no pid")
    if not isinstance(mono, (int, float)) or isinstance(mono, bool):
        raise ValueError("no mono")
    if said["machine"] not in MACHINES:
        raise ValueError(f"no machine {said['machine']!r}")
    return _Line(
        number, said["machine"], said["run"], pid, mono, said["from"], said["event"], said["to"]
    )
