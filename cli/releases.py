"""Keeps installed builds of a worker, each in a folder that never changes."""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import hashlib
import json
import os
import py_compile
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from incumbent.lifecycle import files, runs
from incumbent.lifecycle.about import command
from incumbent.lifecycle.errors import IncumbentError, NotVerifiedError
from incumbent.lifecycle.health import DARK, WORKER_SERVING, Health, ProbeResult
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.posix.child_process import can_be_spawned, environment_of, strategies
from incumbent.lifecycle.private import make_folder, open_file
from incumbent.lifecycle.record import Build, NewerFormatError, Record, rejection_of, without_gone
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.versions import newer, same

from .output import tell

KEEP = 3  # the one that runs, the one before, one more to go back to
LABEL = "incumbent-release.json"  # in each release: what it is
DEV_MODULE = "incumbent_dev_release"  # in each release of `--dev`: adds the label to the version
HASH_LETTERS = 8
_ABANDONED_S = 86_400.0

_DEV_SOURCE = '''"""Tells the version of a build that has none of its own: {version}."""

import sys

import {module} as _module

_said = getattr(_module, "__version__", None)
_top = sys.modules[_module.__name__.partition(".")[0]]
__version__ = (_said or getattr(_top, "__version__", None) or {base!r}) + {label!r}
app = _module.{attribute}
'''


class ReleaseError(IncumbentError):
    """A release could not be made, or must not be used; the first row says what to do."""

    def __init__(self, *rows: str) -> None:
        super().__init__(*rows)
        self.rows = rows

    def __str__(self) -> str:
        return "\n".join(self.rows)


class Release(NamedTuple):
    """One installed build; `digest` tells its content from any other."""

    version: str
    app: str
    path: str
    digest: str


class Releases:
    """The releases in one data dir."""

    def __init__(self, worker: Worker) -> None:
        self.path = worker.path("releases")

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Let one process at a time change what is installed."""
        files.make_own_folder(self.path)
        fd = open_file(os.path.join(self.path, ".guard"), os.O_RDWR)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                tell("another build-and-sync is under way; waiting for it")
                fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def new_folder(self) -> Iterator[str]:
        """Give a fresh folder beside the releases; it is gone if no release became of it."""
        path = os.path.join(self.path, f".new-{os.getpid()}-{time.monotonic_ns()}")
        make_folder(path)
        try:
            yield path
        finally:
            if os.path.isdir(path):
                remove_tree(path)

    def find(self, version: str) -> Release:
        """Give an installed release; raises ReleaseError when there is none."""
        standing = self._standing(version)
        if standing is None:
            there = ", ".join(release.version for release in self.all()) or "none"
            raise ReleaseError(
                f"no release {version} is installed (there is: {there}); "
                f"run `{command()} build-and-sync`"
            )
        return standing

    def all(self) -> list[Release]:
        """Give every installed release, the last installed first."""
        found = []
        with contextlib.suppress(OSError):
            for name in os.listdir(self.path):
                if not name.startswith("."):
                    with contextlib.suppress(ReleaseError, OSError):
                        release = self._labelled(name)
                        found.append((os.stat(release.path).st_mtime, release))
        return [release for _, release in sorted(found, reverse=True)]

    def _standing(self, version: str) -> Release | None:
        return next((found for found in self.all() if same(found.version, version)), None)

    def _labelled(self, version: str) -> Release:
        path = os.path.join(self.path, version)
        try:
            said = json.loads(files.read(os.path.join(path, LABEL)) or b"")
            return Release(said["version"], said["app"], path, said["digest"])
        except (ValueError, KeyError, TypeError) as error:
            raise ReleaseError(f"{path} is no release") from error

    def install(self, folder: str, version: str, app: str, dev: bool) -> tuple[Release, bool]:
        """Make the installed tree in `folder` a release; give whether it is a new one.

        Raises ReleaseError when this version is there already with other content.
        """
        digest = _digest(folder)
        if dev:
            label = f"{'.' if '+' in version else '+'}{digest[:HASH_LETTERS]}"
            _write_dev_module(folder, app, version, label)
            version, app = version + label, f"{DEV_MODULE}:app"
        release = Release(version, app, os.path.join(self.path, version), digest)
        standing = self._standing(version)
        if standing is not None:
            if (standing.digest, standing.app) != (digest, app):
                raise ReleaseError(
                    f"release {version} is installed already, with other content; give the "
                    f"project a new version, or run `{command()} build-and-sync --dev`"
                )
            return standing, False
        if os.path.lexists(release.path):
            raise ReleaseError(f"{release.path} is no release; remove it, then try again")
        said = {"version": version, "app": app, "digest": digest, "python": sys.executable}
        files.replace(os.path.join(folder, LABEL), json.dumps(said).encode() + b"\n")
        compileall.compile_dir(
            folder,
            quiet=2,
            stripdir=folder,
            prependdir=release.path,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        _seal(folder)
        os.rename(folder, release.path)
        return release, True

    def prune(self, needed: set[str]) -> list[str]:
        """Remove old releases, never one whose path is needed; give the versions removed."""
        removed = []
        for number, release in enumerate(self.all()):
            if number >= KEEP and release.path not in needed:
                remove_tree(release.path)
                removed.append(release.version)
        for name in os.listdir(self.path):
            path = os.path.join(self.path, name)
            if name.startswith(".new-") and time.time() - os.stat(path).st_mtime > _ABANDONED_S:
                remove_tree(path)
        return removed


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


def switch(
    worker: Worker,
    release: Release,
    pin: bool,
    timeout: float | None = None,
    watching: Callable[[], None] | None = None,
) -> Health:
    """Record the release, restart into it; put record and worker back when that fails.

    Without `pin` it only goes forward. Raises ReleaseError, NotVerifiedError.
    """
    own = worker_for(worker, release)
    build = build_of(own, release)
    before = _change(own, lambda record: _with(record, build, pin))
    try:
        health = runs.restart(own, timeout=timeout, origin="cli", watching=watching)
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
        top = worker.path("releases") + os.sep
        path = running.worker_path
        if path.startswith(top):
            needed.add(top + path.removeprefix(top).partition(os.sep)[0])
    return needed


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
    try:
        before, _ = RecordStore(worker, notices).change(change)
    except NewerFormatError as error:
        raise ReleaseError(
            f"{worker.path('launch.json')} was written by a newer incumbent; "
            f"run the `{command()}` that wrote it"
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


def _digest(folder: str) -> str:
    """Give the hash of what a build is made of, wherever and whenever it was installed."""
    said = hashlib.sha256()
    for top, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if top.endswith(".dist-info") and name != "METADATA":
                continue  # tells where it came from, not what it is
            path = os.path.join(top, name)
            said.update(f"{os.path.relpath(path, folder)}\0".encode())
            with open(path, "rb") as file:
                said.update(hashlib.file_digest(file, "sha256").digest())
    return said.hexdigest()


def _write_dev_module(folder: str, app: str, base: str, label: str) -> None:
    module, _, attribute = app.partition(":")
    source = _DEV_SOURCE.format(
        module=module, attribute=attribute, base=base, label=label, version=base + label
    )
    files.replace(os.path.join(folder, f"{DEV_MODULE}.py"), source.encode())


def _seal(folder: str) -> None:
    for top, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = os.path.join(top, name)
            if not os.path.islink(path):
                os.chmod(path, 0o444)
        os.chmod(top, 0o555)


def remove_tree(folder: str) -> None:
    """Remove a folder with all that is in it, also what is sealed."""
    for top, _, _ in os.walk(folder):
        os.chmod(top, 0o700)
    shutil.rmtree(folder)
