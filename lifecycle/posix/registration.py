"""Registers the caller's own build; takes off the record what can't come up any more."""

from __future__ import annotations

import time

from .. import health as h
from ..about import command
from ..errors import FilesError
from ..gone_builds import without_gone
from ..health import ProbeResult
from ..record import (
    Build,
    NewerFormatError,
    Record,
    Rejection,
    lined,
    registered,
    rejection_of,
)
from ..record_store import RecordStore
from ..settings import Worker
from ..versions import newer
from .child_process import can_be_spawned
from .own_build import own_build
from .presence import missing, why_gone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Registration:
    """What one run writes into the record besides its launches; `notices` tell of it."""

    def __init__(self, worker: Worker, store: RecordStore, notices: list[str]) -> None:
        self._worker, self._store, self._notices = worker, store, notices
        self._tried: tuple[Build | None, ...] = ()

    def register(
        self, restart: bool, person: bool = False, seen: ProbeResult | None = None
    ) -> Record | None:
        """Register the own build if it is newer; give the record, None where it can't be read.

        A `person` typed for the run; `seen` is what is on the port of one that may leave it alone.
        """
        own = own_build(self._worker)
        gone: list[str] = []
        rejection: Rejection | None = None

        def change(record: Record) -> Record:
            nonlocal gone, rejection
            standing, gone = without_gone(record, can_be_spawned)
            counts = person and (seen is None or _gives_way(seen, standing.recorded))
            after, rejection = registered(standing, own, restart, time.time(), counts)
            return lined(after)

        try:
            before, after = self._store.change(change)
        except NewerFormatError:
            self._notices.append(
                f"{self._store.path} was written by a newer incumbent; "
                "using whatever worker there is"
            )
            return None
        self._tried = after.recorded, after.good
        whys = {build.version: missing(build) for build in (before.recorded, before.good) if build}
        for version in gone:
            self._notices.append(_gone_sentence(version, whys[version]))
        if rejection is not None:
            self._notices.append(_rejected_sentence(rejection.version, rejection.reason))
        replaced = before.recorded
        if (
            replaced is not None
            and replaced.version not in gone
            and own.same_as(after.recorded)
            and not own.same_as(replaced)
            and not newer(own.version, replaced.version)
        ):
            self._notices.append(_replaced_sentence(replaced, own))
        return after

    def give_way(self) -> bool:
        """Take off the record what can't come up any more, if the own build could stand in.

        Gives whether it is worth to launch again. To be called when a launch has failed: only
        then is it worth the time that an import takes.
        """
        own = own_build(self._worker)
        try:
            before = self._store.read()
            builds = {build for build in (before.recorded, before.good) if build is not None}
            if before.recorded is not None and before.recorded not in self._tried:
                return True  # somebody else has found out meanwhile
            others = [build for build in builds if not build.same_as(own)]
            if len(others) < len(builds) or rejection_of(before, own, time.time()) is not None:
                return False
            gone = {build: why for build in others if (why := why_gone(self._worker, build))}
            if len(gone) < len(builds) or why_gone(self._worker, own):
                return False
            if gone:
                self._take_off(gone)
        except (FilesError, NewerFormatError):
            return False
        return True

    def fell_back(self) -> bool:
        """Take off the record what failed in this run and is gone; give whether anything was.

        To be called when a worker came up that was not the first choice.
        """
        try:
            record = self._store.read()
            failed = [
                build
                for build in {build for build in self._tried if build is not None}
                if any(rejection.is_of(build) for rejection in record.rejected)
            ]
            gone = {build: why for build in failed if (why := why_gone(self._worker, build))}
            if gone:
                self._take_off(gone)
        except (FilesError, NewerFormatError):
            return False
        return bool(gone)

    def _take_off(self, gone: Mapping[Build, str]) -> None:
        versions: list[str] = []

        def change(record: Record) -> Record:
            nonlocal versions
            after, versions = without_gone(record, lambda build: build not in gone)
            return after

        self._store.change(change)
        whys = {build.version: why for build, why in gone.items()}
        for version in versions:
            self._notices.append(_gone_sentence(version, whys[version]))

    def why_older(self, version: str, wanted: str) -> list[str]:
        """Give why a run that wanted one version is content with another, if it is."""
        if not wanted or version == wanted:
            return []
        try:
            record = self._store.read()
        except (FilesError, NewerFormatError):
            return []
        return [
            _rejected_sentence(rejection.version, rejection.reason)
            for rejection in record.rejected
            if rejection.version == wanted
        ]


def _gives_way(seen: ProbeResult, recorded: Build | None) -> bool:
    """Whether a start brings up a worker: none is there, or one that leaves, or an older one."""
    if seen.kind != h.WORKER_SERVING or seen.health is None:
        return seen.kind in (h.DARK, h.WORKER_LEAVING)
    return recorded is not None and newer(recorded.version, seen.health.version)


def _replaced_sentence(replaced: Build, own: Build) -> str:
    return (
        f"the recorded version {replaced.version} ({replaced.app}, by {replaced.python}) "
        f"gives way to version {own.version} of this install"
    )


def _gone_sentence(version: str, why: str) -> str:
    return f"the recorded version {version} is gone from this machine: {why}"


def _rejected_sentence(version: str, reason: str) -> str:
    return (
        f"version {version} was rejected ({reason}); using the worker there is. "
        f"Mend it, then run `{command()} restart`"
    )
