"""Keeps installed builds of a worker, each in a folder that never changes."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from incumbent.lifecycle import files
from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.private import make_folder, open_file
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.versions import same

from ..output import tell
from .content import compile_for, digest, label_of, remove_tree, seal, write_dev_module
from .error import ReleaseError

KEEP = 3  # the one that runs, the one before, one more to go back to
LABEL = "incumbent-release.json"  # in each release: what it is
_ABANDONED_S = 86_400.0


class Release(NamedTuple):
    """One installed build; `digest` tells its content from any other."""

    version: str
    app: str
    path: str
    digest: str


class Releases:
    """The releases in one data dir."""

    def __init__(self, worker: Worker) -> None:
        self.path = DataDir(worker.data_dir).releases

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
                f"for the version of this install run `{command()} restart`"
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
        content = digest(folder)
        if dev:
            label = label_of(version, content)
            version, app = version + label, write_dev_module(folder, app, version, label)
        release = Release(version, app, os.path.join(self.path, version), content)
        standing = self._standing(version)
        if standing is not None:
            if (standing.digest, standing.app) != (content, app):
                raise ReleaseError(
                    f"release {version} is installed already, with other content; give the "
                    f"project a new version, or run `{command()} build-and-sync --dev`"
                )
            return standing, False
        if os.path.lexists(release.path):
            raise ReleaseError(f"{release.path} is no release; remove it, then try again")
        said = {"version": version, "app": app, "digest": content, "python": sys.executable}
        files.replace(os.path.join(folder, LABEL), json.dumps(said).encode() + b"\n")
        compile_for(folder, release.path)
        seal(folder)
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
