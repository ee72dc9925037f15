"""Tells which settings of the running worker are not what this caller would give it."""

from __future__ import annotations

from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.health import WORKER_SERVING, ProbeResult
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.record import NewerFormatError, differing
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.versions import same

SHOWN = 8  # names in one sentence; as many as may differ between two terminals


def other_settings(worker: Worker, seen: ProbeResult) -> list[str]:
    """Give the variables that a restart typed here would change, by name, never by value."""
    if seen.kind != WORKER_SERVING or seen.health is None:
        return []
    try:
        record = RecordStore(worker, []).read()
    except (FilesError, NewerFormatError):
        return []
    for build in (record.good, record.recorded):  # the good one is what came up last
        if build is not None and same(build.version, seen.health.version):
            return differing(build, own_build(worker))
    return []


def sentence(names: list[str]) -> str:
    """Give what to do about them."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    listed = ", ".join(names[:SHOWN])
    return f"running with other settings: run `{command()} restart` ({listed}{more})"
