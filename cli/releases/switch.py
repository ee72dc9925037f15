"""Restarts a worker into a release, or leaves everything as it was."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from incumbent.lifecycle import runs
from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import IncumbentError, NotVerifiedError
from incumbent.lifecycle.gone_builds import without_gone
from incumbent.lifecycle.health import DARK, WORKER_SERVING, Health, ProbeResult
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.posix.child_environment import environment_of
from incumbent.lifecycle.posix.child_process import can_be_spawned, strategies
from incumbent.lifecycle.record import Build, NewerFormatError, Record, rejection_of
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.versions import newer, same

from ..output import tell
from .error import ReleaseError
from .store import Release


def switch(
    worker: Worker,
    release: Release,
    pin: bool,
    timeout: float | None = None,
    watching: Callable[[], None] | None = None,
    force: bool = False,
) -> Health:
    """Record the release, restart into it; put record and worker back when that fails.

    Without `pin` it only goes forward; `force` ends a worker that hangs. Raises ReleaseError,
    NotVerifiedError.
    """
    own = worker_for(worker, release)
    build = build_of(own, release)
    before = _change(own, lambda record: _with(record, build, pin))
    try:
        health = runs.restart(own, timeout=timeout, origin="cli", watching=watching, force=force)
        if not same(health.version, build.version):
            _check_superseded(own, build, pin, health)
    except BaseException as error:
        _change(own, lambda record: _without(record, build, before))
        if isinstance(error, NotVerifiedError) and error.seen and error.seen.kind == DARK:
            _bring_back(worker, before.recorded)
        raise
    if not pin:
        _change(own, lambda record: _unpinned(record, build))
    return health


def needed_paths(worker: Worker, running: Health | None) -> set[str]:
    """Give the releases that may not be removed: what runs, what is recorded, what was good."""
    record = RecordStore(worker, []).read()
    needed = {
        entry
        for build in (record.recorded, record.good)
        if build is not None
        for entry in dict(build.environment).get("PYTHONPATH", "").split(os.pathsep)
    }
    if running is not None:
        top = DataDir(worker.data_dir).releases + os.sep
        path = running.worker_path
        if path.startswith(top):
            needed.add(top + path.removeprefix(top).partition(os.sep)[0])
    return needed


def worker_for(worker: Worker, release: Release) -> Worker:
    """Give the worker that runs this release, on this interpreter."""
    environment = dict(worker.environ)
    before = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (release.path, before)))
    return Worker(
        worker.name,
        release.version,
        release.app,
        python=sys.executable,
        data_dir=worker.data_dir,
        host=worker.host,
        port=worker.port,
        log_level=worker.log_level,
        handover=worker.handover,
        start_timeout=worker.start_timeout,
        drain_timeout=worker.drain_timeout,
        lock_timeout=worker.lock_timeout,
        hang_timeout=worker.hang_timeout,
        timeout=worker.timeout,
        pass_env=worker.pass_env,
        mcp=worker.mcp,
        environ=environment,
    )


def build_of(worker: Worker, release: Release) -> Build:
    """Give the release as what the launch record holds."""
    return Build(
        release.version,
        release.app,
        worker.python,
        environment_of(worker),
        f"release-{release.digest[:16]}",
        strategies(),
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        f"pid {os.getpid()}",
    )


def _with(record: Record, build: Build, pin: bool) -> Record:
    standing = without_gone(record, can_be_spawned)[0].recorded
    if (
        not pin
        and standing is not None
        and newer(_public(standing.version), _public(build.version))
    ):
        raise ReleaseError(
            f"version {build.version} is older than the recorded {standing.version}; "
            f"to go back, run `{command()} build-and-sync --pin`"
        )
    return record._replace(
        recorded=build,
        # Over a pin also what is to go forward holds the record until it is verified: should it
        # fail, the pin comes back to a record that nobody has moved meanwhile.
        pinned=build.version if pin or record.pinned else "",
        rejected=tuple(r for r in record.rejected if r.version != build.version),
    )


def _public(version: str) -> str:
    return version.partition("+")[0]  # the hashes of two --dev builds have no order


def _without(record: Record, build: Build, before: Record) -> Record:
    """Put back what was recorded, unless something else was registered meanwhile."""
    set_back = record.good is not None and record.good.same_as(record.recorded)
    if before.pinned or record.recorded is None or set_back or build.same_as(record.recorded):
        return record._replace(recorded=before.recorded, pinned=before.pinned)
    return record


def _unpinned(record: Record, build: Build) -> Record:
    return record._replace(pinned="") if build.same_as(record.recorded) else record


def _check_superseded(worker: Worker, build: Build, pin: bool, health: Health) -> None:
    """Raise NotVerifiedError unless another version serves because a newer one was registered.

    A newer version satisfies every restart: also one that is the last good build, brought back.
    """
    record = RecordStore(worker, []).read()
    rejection = rejection_of(record, build, time.time())
    if pin or rejection is not None:
        reason = rejection.reason if rejection is not None else "it was replaced"
        raise NotVerifiedError(
            "another_version",
            f"version {build.version} was not verified: {reason}; version {health.version} "
            f"serves with pid {health.pid}; mend it, then try again",
            ProbeResult(WORKER_SERVING, health),
        )


def _change(worker: Worker, change: Callable[[Record], Record]) -> Record:
    """Change the record under the guard and give what it was."""
    notices: list[str] = []
    store = RecordStore(worker, notices)
    try:
        before, _ = store.change(change)
    except NewerFormatError as error:
        raise ReleaseError(
            f"{store.path} was written by a newer incumbent; run the `{command()}` that wrote it"
        ) from error
    say(notices)
    return before


def _bring_back(worker: Worker, build: Build | None) -> None:
    if build is None:
        return
    old = Worker(
        worker.name,
        build.version,
        build.app,
        python=build.python,
        data_dir=worker.data_dir,
        host=worker.host,
        port=worker.port,
        environ=worker.environ,
    )
    try:
        runs.ensure(old, origin="cli")
    except IncumbentError as error:
        tell(f"version {build.version} could not be brought back: {error}")
