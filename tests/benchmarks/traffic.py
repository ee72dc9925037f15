"""What a load saw of a restart: requests that failed, gaps between good answers."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .place import Place

BEFORE_S = 0.4  # of quiet before the restart, after the load has found its pace
AFTER_S = 0.4
WARM_S = 0.2
PER_SECOND = 200
KEPT = 4
PAUSE_S = 0.02


class Answer(NamedTuple):
    """One request: when it was begun, when it ended, why it failed, who answered."""

    kind: str
    begun: float
    done: float
    why: str
    pid: int


class Window(NamedTuple):
    """What happened around one restart, in monotonic seconds; `code` is the restart's."""

    answers: Sequence[Answer]
    begin: float
    restart: tuple[float, float]
    end: float
    code: int

    @property
    def failed(self) -> list[Answer]:
        """The requests that got no good answer."""
        return [answer for answer in self.answers if answer.why]

    @property
    def gap(self) -> float:
        """The longest time without a good answer on a new connection, in milliseconds."""
        return longest_gap(self.answers, self.begin, self.end)

    @property
    def change(self) -> float:
        """The time from the last answer of one worker to the first of the next, in milliseconds."""
        return longest_change(self.answers)

    @property
    def two_served(self) -> bool:
        """Whether one process still answered after another had begun to."""
        return two_served(self.answers)

    @property
    def took(self) -> float:
        """How long the restart took, in milliseconds."""
        return (self.restart[1] - self.restart[0]) * 1000


def longest_gap(answers: Iterable[Answer], begin: float, end: float) -> float:
    """Give the longest time between two good answers on new connections, in milliseconds.

    The window's ends count as good answers: a service that never comes back has a gap too.
    """
    good = sorted(a.done for a in answers if a.kind == "new" and not a.why)
    within = [begin, *(moment for moment in good if begin < moment < end), end]
    return max(late - early for early, late in itertools.pairwise(within)) * 1000


def longest_change(answers: Iterable[Answer]) -> float:
    """Give the longest time between two good answers in a row that came from two pids."""
    good = sorted((a.done, a.pid) for a in answers if a.kind == "new" and not a.why)
    pairs = itertools.pairwise(good)
    changes = [late[0] - early[0] for early, late in pairs if late[1] != early[1]]
    return max(changes, default=0) * 1000


def two_served(answers: Iterable[Answer]) -> bool:
    """Whether the times of two pids' good answers overlap."""
    spans: dict[int, tuple[float, float]] = {}
    for answer in answers:
        if not answer.why and answer.kind == "new":
            first, last = spans.get(answer.pid, (answer.done, answer.done))
            spans[answer.pid] = min(first, answer.done), max(last, answer.done)
    ordered = sorted(spans.values())
    return any(later[0] < earlier[1] for earlier, later in itertools.pairwise(ordered))


def under_load(
    place: Place,
    port: int,
    restart: Callable[[], int],
    *,
    slow: bool = False,
    after: float = AFTER_S,
) -> Window:
    """Give what a load saw while `restart` ran, from some quiet before to some after."""
    out = place.root / "tmp" / f"load-{time.monotonic_ns()}"
    said = {
        "port": port,
        "out": str(out),
        "per_second": PER_SECOND,
        "kept": KEPT,
        "pause": PAUSE_S,
        "slow": slow,
    }
    script = str(Path(__file__).with_name("load.py"))
    load = place.begin(
        [sys.executable, script, json.dumps(said)],
        place.environment,
        stdout=subprocess.PIPE,
        stderr=None,
    )
    assert load.stdin is not None
    assert load.stdout is not None
    load.stdout.readline()
    time.sleep(WARM_S)
    begin = time.monotonic()
    time.sleep(BEFORE_S)
    began = time.monotonic()
    code = restart()
    ended = time.monotonic()
    time.sleep(after)
    end = time.monotonic()
    load.stdin.close()
    load.stdout.close()
    load.wait()
    answers = list(read(out))
    out.unlink()
    return Window(answers, begin, (began, ended), end, code)


def read(path: Path) -> Iterator[Answer]:
    """Give the answers in a load's file."""
    with open(path, encoding="ascii") as file:
        for line in file:
            kind, begun, done, why, pid = json.loads(line)
            yield Answer(kind, begun, done, why, pid)
