"""Looks at the journal: whether every transition in it is one of the tables."""

from __future__ import annotations

from collections.abc import Iterator

from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.journal import read_journal
from incumbent.lifecycle.machine.trace_check import check

from .finding import Finding


def trace(place: DataDir) -> Iterator[Finding]:
    """Tell of faults in the journal."""
    try:
        report = check(*read_journal(place.trace))
    except FilesError as error:
        yield Finding("trace", str(error), f"run `chmod 600 {place.trace}`")
        return
    if report.faults:
        count = len(report.faults)
        yield Finding(
            "trace",
            f"the journal has {count} fault{'s' * (count > 1)}: {report.faults[0]}",
            f"run `{command()} trace --check`",
        )
