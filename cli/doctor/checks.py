"""Looks at everything a worker leans on, in order."""

from __future__ import annotations

import os
from collections.abc import Iterator

from incumbent.lifecycle import health as h
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import AnotherServiceError
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.service import check_service
from incumbent.lifecycle.settings import Worker

from .data_dir import data_dir, private_files
from .finding import Finding
from .lock import guard, lock
from .pid_file import named_worker
from .port import port
from .record import launch_record
from .serve_lock import serve_lock
from .spool import spool
from .trace import trace


def findings(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """Give everything that is wrong around this worker, whose port was `seen` just now."""
    place = DataDir(worker.data_dir)
    for notice in worker.notices:
        yield Finding("settings", notice, f"mend {place.settings}")
    yield from port(worker, seen)
    if not os.path.lexists(worker.data_dir):
        return  # the first launch makes it
    usable = True
    for finding in data_dir(place.path):
        usable = usable and finding.about != "data dir"
        yield finding
    if not os.path.isdir(worker.data_dir) or not os.access(worker.data_dir, os.R_OK | os.X_OK):
        return
    yield from private_files(place)
    try:
        check_service(worker)
    except AnotherServiceError as error:
        yield Finding("service", f"{error.path}: {error.reason}", error.advice)
        return
    yield from serve_lock(worker, seen)
    yield from guard(place)
    yield from lock(place)
    yield from launch_record(worker, seen)
    yield from spool(place, usable and seen.kind == h.WORKER_SERVING)
    yield from named_worker(worker, seen)
    yield from trace(place)
