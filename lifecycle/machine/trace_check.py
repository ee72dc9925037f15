"""Tells whether a journal is one that the tables allow."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import NamedTuple

from . import states as s
from .old_trace import ROWS_THEN, in_words_of_today
from .tables import MACHINES

SERVICE_BEGINS = frozenset({"listen_ok", "socket_received"})
SERVICE_ENDS = frozenset({"pid_removed", "pid_removed_to_pass"})
SERVICE_RESUMES = ("app_up", s.RESUMING_PID_WRITTEN)
IN_SERVICE = s.SERVING_STATES | s.COMING_UP_STATES | {s.DRAINING, s.DRAINED, s.APP_DOWN}
IN_SERVICE |= {s.STOPPING, s.STOPPING_DRAINED, s.STOPPING_APP_DOWN}

CLOCK_SLACK_S = 0.01  # two processes may write in another order than they read the clock
_BEGINS = b'{"at": "'
_TEXTS = ("at", "machine", "run", "origin", "from", "event", "to")


class Report(NamedTuple):
    """What a check found: the faults, each a sentence that names its line."""

    faults: list[str]
    lines: int
    runs: int
    served: int


class _Line(NamedTuple):
    machine: str
    run: str
    pid: int
    mono: float
    entered: float  # when the run came into the state that it left here
    source: str
    event: str
    dest: str
    lost: bool  # lines of the run that came before could not be written
    old: bool  # written by the first edition


class _Run:
    """What is known of one run so far."""

    def __init__(self, line: _Line) -> None:
        self.pid, self.mono, self.state = line.pid, line.mono, line.dest
        self.last_row = (line.event, line.source, line.dest)


def check(older: bytes | None, current: bytes) -> Report:
    """Check a journal: the file before the last rotation, if there was one, then the current.

    Each line is a row of its machine; each run begins where its machine begins and goes on where
    it was, written by one process; nobody serves while another does. A run that just ends
    was killed: it must not come back. A last line without its end is still being written. What a
    full disk left is no fault: blanks, a line cut short, a run that says it lost lines. What a
    rotation lost, nobody can check: behind one a run may go on with what began before the
    oldest line.
    """
    checking = _Checking(cut=older is not None)
    for name, content in (("trace.jsonl.1", older or b""), ("trace.jsonl", current)):
        for number, text in enumerate(content.split(b"\n")[:-1], 1):
            if _is_left_by_full_disk(text):
                continue
            for fault in checking.faults_of(text):
                checking.faults.append(f"{name}, line {number}: {fault}")
    return Report(checking.faults, checking.lines, len(checking.runs), checking.served.count)


class _Checking:
    def __init__(self, cut: bool) -> None:
        self._cut = cut
        self._oldest = math.inf
        self.faults: list[str] = []
        self.lines = 0
        self.runs: dict[tuple[str, str], _Run] = {}
        self.served = _Served()

    def faults_of(self, text: bytes) -> Iterator[str]:
        """Give what is wrong with the next line."""
        try:
            line = _read(text)
        except ValueError as error:
            yield str(error)
            return
        self.lines += 1
        if self.lines == 1:
            self._oldest = line.mono
        rows, initials, _ = MACHINES[line.machine]
        row = (line.event, line.source, line.dest)
        if row not in rows and not (line.old and row in ROWS_THEN):
            yield f"{line.machine} has no row {line.event}: {line.source} -> {line.dest}"
        run = self.runs.get((line.machine, line.run))
        if run is not None:
            yield from _going_on(run, line)
        else:
            self.runs[line.machine, line.run] = _Run(line)
            cut = line.lost or (self._cut and self._began_before(line))
            if line.source not in initials and not cut:
                yield f"run {line.run} begins in {line.source}"
        if line.machine == "worker":
            yield from self.served.faults_of(line, first=run is None)

    def _began_before(self, line: _Line) -> bool:
        return line.entered <= self._oldest + CLOCK_SLACK_S


def _going_on(run: _Run, line: _Line) -> Iterator[str]:
    finals = MACHINES[line.machine][2]
    row = (line.event, line.source, line.dest)
    if run.state in finals:
        yield f"run {line.run} goes on after its end in {run.state}"
    elif run.state != line.source and not line.lost:
        yield f"run {line.run} was in {run.state}, not in {line.source}"
    elif row == run.last_row and line.source == line.dest:
        yield f"run {line.run} tells the same twice: {line.event} in {line.source}"
    if run.pid != line.pid:
        yield f"run {line.run} changes its pid from {run.pid} to {line.pid}"
    if line.mono < run.mono:
        yield f"run {line.run} goes back in time"
    run.state, run.mono, run.last_row = line.dest, line.mono, row


class _Served:
    """Who serves, line by line."""

    def __init__(self) -> None:
        self._holder: str | None = None
        self._displaced: set[str] = set()
        self._ever = False
        self.count = 0

    def faults_of(self, line: _Line, first: bool) -> Iterator[str]:
        """Give what is wrong with the next line of a worker."""
        held_before = first and line.source in IN_SERVICE
        if held_before and self._ever and not line.lost:
            yield f"two workers serve: run {line.run} served when another began"
        if line.run in self._displaced:
            self._displaced.discard(line.run)
            yield f"two workers serve: run {line.run} goes on after another began"
        if line.event in SERVICE_BEGINS:
            self.count += 1
        if (
            held_before
            or line.event in SERVICE_BEGINS
            or (line.event, line.source) == SERVICE_RESUMES
        ):
            if self._holder not in (None, line.run):
                self._displaced.add(str(self._holder))  # killed, unless it writes again
            self._holder, self._ever = line.run, True
        if self._holder == line.run and (
            line.event in SERVICE_ENDS or line.dest in MACHINES["worker"][2]
        ):
            self._holder = None


def _is_left_by_full_disk(text: bytes) -> bool:
    """Whether this is a part of a line, as a short write leaves it, or what was put over one."""
    words = text.strip(b" ")
    return bool(text) if not words else words.startswith(_BEGINS) and not words.endswith(b"}")


def _read(text: bytes) -> _Line:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("no JSON") from error
    if not isinstance(said, dict):
        raise ValueError("no JSON object")
    old = "format" not in said
    said = in_words_of_today(said)
    for key in _TEXTS:
        if not isinstance(said.get(key), str):
            raise ValueError(f"no {key}")
    pid = said.get("pid")
    if type(pid) is not int or pid <= 0:
        raise ValueError("no pid")
    mono, spent = _number(said, "mono"), _number(said, "ms")
    machine, run = said["machine"], said["run"]
    if machine not in MACHINES:
        raise ValueError(f"no machine {machine!r}")
    entered = mono - spent / 1000
    lost = bool(said.get("lost"))
    row = said["from"], said["event"], said["to"]
    return _Line(machine, run, pid, mono, entered, *row, lost, old)


def _number(said: dict[str, object], key: str) -> float:
    value = said.get(key)
    if type(value) not in (int, float) or not 0 <= value < 1e15:  # type: ignore[operator]  # the line before says which
        raise ValueError(f"no {key}")
    return float(value)  # type: ignore[arg-type]  # as above
