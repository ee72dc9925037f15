"""Guards against vacuity: what no exploration took is listed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from incumbent.lifecycle.machine import states

from .automaton import every_row
from .summary import Summary

INVARIANTS: Final[Mapping[str, str]] = {
    "I1": "at most one process accepts, at most one runs the app",
    "I2": "who writes the PID file or the app's state listens",
    "I3": "who failed to listen never serves, never writes",
    "I4": "one holder that has not overrun; no lock removed, no record changed by another",
    "I5": "one unborn child of a holder that has not overrun",
    "I6": "the PID file names the listener, a dead process, or is absent",
    "I7": "one recycle a run",
    "I8": "no spawn into a live port by a holder that has not overrun",
    "I9": "who runs the app holds the serve lock",
    "I10": "who serves is named in the serve lock",
    "I11": "numbers of launches are unique within a line, never above the file's highest",
    "I12": "no restart is verified by a launch numbered before it began",
    "I13": "a stop says done only when the port is dark and the serve lock free",
    "I14": "a forced run kills only the process that it judged, under the spawn lock",
    "I15": "an ensure never moves a worker, a restart at most one",
    "I16": "ensures and expiries never replace a working worker in a cycle",
    "I17": "a working install that is not rejected gets a worker within two runs",
    "I18": "an event that is kept takes effect once, in its session's order, or is still there",
    "L1": "every run ends by its deadline",
    "L2": "once faults stop, the next event comes to a current worker",
    "L3": "k versions cost at most k - 1 recycles",
    "V1": "no run ends with the lock",
    "V2": "no run ends, no lock is released with a child that is not settled",
    "V3": "who is verified was verified by the right worker",
    "V4": "the record calls good what was up, rejects what was at fault, and nothing else",
    "V5": "without a fault every run ends as it should",
    "V6": "no recycle replaces a newer worker by an older one",
    "V7": "restarts that meet coalesce",
    "V8": "no healthy answer before `up`",
    "V9": "what was spawned before a stop was verified never comes up",
    "V10": "a predecessor closes its copy of the port before it releases the lock",
}

# Rows that no exploration takes, each with the reason.
EXCEPTIONS: Final[Mapping[tuple[str, str, str, str], str]] = {
    ("worker", "pipe_closed", states.STANDBY, states.STOPPED): (
        "a standby that is importing can't hear its pipe; it does once it is ready"
    ),
    ("spawner", "moved_already", states.HANDING_OFF, states.FAILED): (
        "it takes a worker moved, another one at home that hands over and goes, a third elsewhere: "
        "beyond the processes of every world"
    ),
    ("worker", "data_held", states.IDLE, states.FAILED): (
        "a launcher looks at the serve lock before it spawns, and its child's token is compared "
        "first: only a worker run by hand comes so far"
    ),
    ("worker", "data_held", states.ADOPTED, states.FAILED): (
        "the serve lock comes with the socket: only a predecessor of the first edition has none"
    ),
}


def missing(reports: Iterable[Summary], beside: Iterable[str] = ()) -> list[str]:
    """Give a line for each row that was never taken and each invariant that was never at stake.

    `beside` are the invariants of worlds without drivers.
    """
    rows: set[tuple[str, tuple[str, str, str]]] = set()
    stakes = set(beside)
    for report in reports:
        rows |= report.rows
        stakes |= report.at_stake
    lines = []
    for machine, row in sorted(every_row()):
        excepted = (machine, *row) in EXCEPTIONS
        if ((machine, tuple(row)) in rows) == excepted:
            how = "taken although excepted" if excepted else "never taken"
            lines.append(f"{how}: {machine}: {row!r}")
    lines += [f"never at stake: {i} ({INVARIANTS[i]})" for i in INVARIANTS if i not in stakes]
    return lines
