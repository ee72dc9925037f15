"""Looks at the launch record: whether what it names can come up."""

from __future__ import annotations

import time
from collections.abc import Iterator

from incumbent.lifecycle import health as h
from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.health import Health, ProbeResult
from incumbent.lifecycle.posix.child_process import can_be_spawned
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.posix.presence import missing, why_gone
from incumbent.lifecycle.record import Build, NewerFormatError, Record, Rejection
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.versions import at_least, newer

from .finding import Finding

IMPORT_S = 2.0  # a doctor may take 3 s; an app that takes longer has the benefit of the doubt


def launch_record(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """Tell of a record that can't be read, of builds that can't come up or were rejected."""
    store = RecordStore(worker, [])
    try:
        record = store.checked()
    except FilesError as error:
        chmod = f"run `chmod 600 {store.path}`"
        yield Finding("record", f"can't read {store.path}: {error.reason}", chmod)
        return
    except NewerFormatError:
        what = f"{store.path} was written by a newer incumbent, whose format this one can't read"
        yield Finding("record", what, "upgrade this install, or use the newer one")
        return
    except ValueError as error:
        anew = f"the next launch sets it aside and registers its own: run `{command()} start`"
        yield Finding("record", f"{store.path} is corrupt: {error}", anew)
        return
    if record.recorded is not None and not can_be_spawned(record.recorded):
        yield _gone(record.recorded, missing(record.recorded))
    elif seen.kind == h.DARK:
        yield from _next_launch(worker, record)
    health = seen.health
    if health is not None and seen.kind == h.WORKER_SERVING:
        yield from _older(health, record)
    rejections = [found for found in record.rejected if _still_counts(record, found)]
    for rejection in rejections:
        yield Finding(
            "record",
            f"version {rejection.version} was rejected: {rejection.reason}",
            f"mend it, then run `{command()} restart`",
        )
    refusal = health.refusal if health is not None else ""
    if refusal and not any(rejection.reason in refusal for rejection in rejections):
        yield Finding(
            "worker",
            f"the worker refused its last handover: {refusal}",
            f"see {DataDir(worker.data_dir).log}, then run `{command()} restart`",
        )


def _older(health: Health, record: Record) -> Iterator[Finding]:
    recorded = record.recorded
    if recorded is not None and not at_least(health.version, recorded.version):
        yield Finding(
            "worker",
            f"version {health.version} serves, {recorded.version} is recorded",
            f"the next hook recycles it, or run `{command()} restart`",
        )


def _next_launch(worker: Worker, record: Record) -> Iterator[Finding]:
    """Tell why the build that the next launch tries could not come up, if it could not."""
    own, recorded = own_build(worker), record.recorded
    tried = recorded
    if tried is None or (newer(own.version, tried.version) and not record.pinned):
        tried = own
    why = why_gone(worker, tried, IMPORT_S)
    if not why:
        return
    if not tried.same_as(own) and not why_gone(worker, own, IMPORT_S):
        yield _gone(tried, why)
    else:
        yield Finding(
            "build",
            f"version {tried.version} ({tried.app}, by {tried.python}) can't come up: {why}",
            f"mend it, then run `{command()} restart`",
        )


def _gone(build: Build, why: str) -> Finding:
    return Finding(
        "record",
        f"the recorded version {build.version} ({build.app}, by {build.python}) is gone: {why}",
        f"the next launch registers its own instead: run `{command()} start`",
    )


def _still_counts(record: Record, rejection: Rejection) -> bool:
    """Whether a launcher would still refuse this build; what a newer one has overtaken is past."""
    if not rejection.counts(time.time()):
        return False
    return record.recorded is None or not newer(record.recorded.version, rejection.version)
