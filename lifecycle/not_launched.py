"""Says why no build could be launched, with what helps this user."""

from __future__ import annotations

import time

from .about import command
from .data_dir import DataDir
from .posix.own_build import own_build
from .record import Record
from .settings import Worker


def nothing_to_try(record: Record) -> str:
    """Give why the record has nothing that could be launched now."""
    for last in reversed(record.rejected):
        if last.loops:
            wait = max(last.at + last.pause - time.time(), 1.0)
            return (
                f"version {last.version} {last.reason}; there is no other, the next try is in "
                f"{wait:.0f} s; mend it, then run `{command()} restart`, which tries at once"
            )
        if last.stands:
            return (
                f"version {last.version} was rejected ({last.reason}) and there is no other; "
                f"mend it, then run `{command()} restart`"
            )
    return f"nothing is recorded that could run; run `{command()} restart`"


def not_started(worker: Worker, record: Record | None, error: str) -> str:
    """Give which build could not be started, why, and what helps this user."""
    place = DataDir(worker.data_dir)
    recorded = record.recorded if record else None
    if recorded is None or recorded.same_as(own_build(worker)):
        return (
            f"the worker could not be started: it {error}; see {place.log}, "
            f"then run `{command()} restart`"
        )
    return (
        f"the recorded version {recorded.version} ({recorded.app}, by {recorded.python}) could not "
        f"be started: it {error}; see {place.log} and mend it, or remove "
        f"{place.record}; then run `{command()} start`"
    )


def reason_of(record: Record | None, version: str) -> str:
    """Give why this version was rejected, "" where it was not."""
    found = record.rejected if record else ()
    reasons = [r.reason for r in found if r.stands and r.version == version]
    return f"it {reasons[-1]}" if reasons else ""
