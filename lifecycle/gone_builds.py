"""Takes the builds that can't be spawned any more off the record."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .record import Build, Record


def without_gone(record: Record, exists: Callable[[Build], bool]) -> tuple[Record, list[str]]:
    """Give the record without the builds that can't be spawned any more, and which those were."""
    builds = (record.recorded, record.good, record.earlier)
    gone = [build for build in builds if build is not None and not exists(build)]
    recorded, good, earlier = (None if build in gone else build for build in builds)
    kept = record._replace(
        recorded=recorded or good or earlier,
        good=good or earlier,
        earlier=earlier if good else None,
        pinned="" if record.recorded in gone else record.pinned,
    )
    return kept, sorted({build.version for build in gone})
