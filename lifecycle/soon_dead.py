"""Counts the workers that died before they were settled, until their build counts as rejected."""

from __future__ import annotations

from binascii import crc32

from .record import (
    KEEP_REJECTIONS,
    PAUSES_S,
    SOON_DEAD,
    Build,
    Record,
    Rejection,
    environment_digest,
    set_back,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NamedTuple

    from .generation import Generation
else:
    from ._named_tuple import NamedTuple

SETTLED_S = 10.0  # of serving; an app that dies later does not hold up every event
WINDOW_S = 600.0  # between two deaths of one row; longer apart they are no loop
MOST_TRIES = SOON_DEAD + len(PAUSES_S) - 1  # beyond it no pause gets longer

UP = "up"
SETTLED = "settled"
LEFT = "left"  # it ended in order


class LastLaunch(NamedTuple):
    """What the serve lock says of the worker that had it last.

    `mark` is what that wrote of itself: of one that died, "" before it was up, then UP.
    """

    generation: Generation
    build: str
    mark: str


def build_key(build: Build) -> str:
    """Give a short text that names what a rejection is of: a content, in an environment."""
    said = (build.version, build.app, build.fingerprint, environment_digest(build))
    return f"{crc32(chr(0).join(said).encode(errors='surrogatepass')):08x}"


def counted(
    record: Record,
    own: Callable[[], Build | None],
    last: LastLaunch,
    last_output: Callable[[], str],
    now: float,
) -> Record:
    """Give the record after a look at the end of the last worker, each of which counts once.

    For a launcher that holds the spawn lock and found the serve lock free; `own` gives its build,
    `last_output` what the worker said last: neither is asked where nothing is to be counted.
    """
    line, number = last.generation
    if line != record.generation.line or number <= record.looked_at:
        return record
    record = record._replace(looked_at=number)
    if last.mark not in (UP, SETTLED):
        return record
    build = _launched(record, own, last.build)
    if build is None:
        return record
    before = [r for r in record.rejected if r.soon_dead and r.is_of(build)]
    others = tuple(r for r in record.rejected if r not in before)
    if last.mark == SETTLED:
        return record._replace(rejected=others)
    entry = _once_more(build, before, last_output(), now)
    record = record._replace(rejected=(*others, entry)[-KEEP_REJECTIONS:])
    return set_back(record, build, now) if entry.loops else record


def _launched(record: Record, own: Callable[[], Build | None], key: str) -> Build | None:
    """Give the build that a key names, of those on record or the launcher's own."""
    for build in (record.recorded, record.good, record.earlier):
        if build is not None and build_key(build) == key:
            return build
    build = own()
    return build if build is not None and build_key(build) == key else None


def _once_more(build: Build, before: list[Rejection], last_output: str, now: float) -> Rejection:
    row = [r.tries for r in before if r.loops or 0 <= now - r.at < WINDOW_S]
    tries = min(1 + max(row, default=0), MOST_TRIES)
    reason = f"died within {SETTLED_S:g} s of coming up, {tries} times in a row"
    reason += f": {last_output}" if last_output else ""
    return Rejection(
        build.version, build.app, build.fingerprint, reason, now, False,
        environment_digest(build), tries, True,
    )  # fmt: skip
