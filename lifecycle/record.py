"""The launch record: what should run, what last ran well, which builds were rejected."""

from __future__ import annotations

import json
import os

from .about import FORMAT
from .generation import Generation
from .versions import lower, newer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NamedTuple
else:
    from ._named_tuple import NamedTuple

LATE_REJECTION_S = 600.0  # a build that was late once may have met a busy machine
KEEP_REJECTIONS = 20


class Build(NamedTuple):
    """One thing that can be spawned, with the environment it gets."""

    version: str
    app: str
    python: str
    environment: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""
    strategies: tuple[str, ...] = ("rebind",)
    registered_at: str = ""
    registered_by: str = ""

    def same_as(self, other: Build | None) -> bool:
        """Whether both would load the same code, as far as the record can tell."""
        return other is not None and (
            (self.version, self.app, self.python, self.fingerprint)
            == (other.version, other.app, other.python, other.fingerprint)
        )


class Rejection(NamedTuple):
    """Why a build is not to be tried again; `at` is wall-clock seconds, `late` expires."""

    version: str
    app: str
    fingerprint: str
    reason: str
    at: float
    late: bool


class Record(NamedTuple):
    """Everything launch.json says; the empty record says that nothing was ever registered.

    `pinned` is the recorded version when a person chose it to stay, else "". `generation` is the
    highest number that a launch was given.
    """

    name: str
    recorded: Build | None = None
    good: Build | None = None
    rejected: tuple[Rejection, ...] = ()
    pinned: str = ""
    generation: Generation = Generation()


class NewerFormatError(Exception):
    """The record was written by a newer incumbent, in a format this one can't read."""


def lined(record: Record) -> Record:
    """Give the record with a line for its numbers: one that lost its own begins a new one."""
    if record.generation.line:
        return record
    return record._replace(generation=Generation(os.urandom(4).hex(), 0))


def numbered(record: Record) -> Record:
    """Give the record with the next launch numbered."""
    line, number = lined(record).generation
    return record._replace(generation=Generation(line, number + 1))


def without_gone(record: Record, exists: Callable[[Build], bool]) -> tuple[Record, list[str]]:
    """Give the record without the builds that can't be spawned any more, and which those were."""
    gone = [
        build for build in (record.recorded, record.good) if build is not None and not exists(build)
    ]
    kept = record._replace(
        recorded=None if record.recorded in gone else record.recorded,
        good=None if record.good in gone else record.good,
        pinned="" if record.recorded in gone else record.pinned,
    )
    if kept.recorded is None and kept.good is not None:
        kept = kept._replace(recorded=kept.good)
    return kept, sorted({build.version for build in gone})


def registered(
    record: Record, own: Build | None, restart: bool, now: float
) -> tuple[Record, Rejection | None]:
    """Give the record with the own build in it, if it is newer and not rejected.

    The rejection given back says why it was not registered; a restart clears it instead.
    """
    if own is None:
        return record, None
    if restart:
        record = record._replace(
            rejected=tuple(r for r in record.rejected if r.version != own.version)
        )
    standing = record.recorded
    if standing is not None and (record.pinned or not newer(own.version, standing.version)):
        return record, None
    rejection = rejection_of(record, own, now)
    if rejection is not None:
        return record, rejection
    return record._replace(recorded=own), None


def rejection_of(record: Record, build: Build, now: float) -> Rejection | None:
    """Give why this very build was rejected, if it was and that still counts."""
    for rejection in record.rejected:
        same = (rejection.version, rejection.app) == (build.version, build.app)
        if same and rejection.fingerprint == build.fingerprint:
            expired = rejection.late and not 0 <= now - rejection.at < LATE_REJECTION_S
            return None if expired else rejection
    return None


def marked_good(record: Record, build: Build) -> Record:
    """Give the record after this build was verified."""
    return record._replace(
        good=build,
        rejected=tuple(r for r in record.rejected if r.version != build.version),
    )


def rejected(record: Record, build: Build, reason: str, late: bool, now: float) -> Record:
    """Give the record after this build failed: set back to the last good one, the reason kept.

    The good build itself is never rejected; a build registered since stays recorded.
    """
    if build.same_as(record.good):
        return record
    if build.same_as(record.recorded):
        record = record._replace(recorded=record.good, pinned="")
    entry = Rejection(build.version, build.app, build.fingerprint, reason, now, late)
    others = tuple(r for r in record.rejected if r[:3] != entry[:3])
    return record._replace(rejected=(*others, entry)[-KEEP_REJECTIONS:])


def needed(record: Record, wanted: str, restart: bool) -> str:
    """Give the lowest version that satisfies a run that wanted `wanted`; "" is any."""
    if restart or not wanted:
        return wanted
    need = wanted
    if record.recorded is not None:
        need = lower(need, record.recorded.version)
    set_back = record.recorded is None or record.recorded.version != wanted
    if set_back and record.good is not None and any(r.version == wanted for r in record.rejected):
        need = lower(need, record.good.version)
    return need


def encoded(record: Record) -> bytes:
    """Give launch.json."""
    said: dict[str, object] = {"format": FORMAT, "name": record.name}
    said |= _build_json(record.recorded) or {"version": None}
    said["good"] = _build_json(record.good)
    said["rejected"] = [r._asdict() for r in record.rejected]
    said["pinned"] = record.pinned
    said["line"], said["generation"] = record.generation
    return json.dumps(said, indent=1).encode() + b"\n"


def decoded(content: bytes, name: str) -> Record:
    """Give the record in launch.json; raises ValueError for any bytes that are none.

    Raises NewerFormatError when a newer incumbent wrote it.
    """
    try:
        said = json.loads(content)
    except RecursionError as error:
        raise ValueError("nested without end") from error
    if not isinstance(said, dict) or type(said.get("format")) is not int:
        raise ValueError("not a launch record")
    if said["format"] > FORMAT:
        raise NewerFormatError(said["format"])
    if said.get("name") != name:
        raise ValueError("the record of another service")
    rejections = said.get("rejected", [])
    if not isinstance(rejections, list):
        raise ValueError("rejections are no list")
    return Record(
        name,
        _build_from(said) if said.get("version") is not None else None,
        _build_from(said["good"]) if said.get("good") is not None else None,
        tuple(_rejection_from(entry) for entry in rejections),
        _text(said, "pinned", ""),
        _generation_from(said),
    )


def _generation_from(said: dict[str, object]) -> Generation:
    """Give the highest number; what is none begins a new line."""
    line, number = said.get("line"), said.get("generation")
    if isinstance(line, str) and line and type(number) is int and number >= 0:
        return Generation(line, number)
    return Generation()


def _build_json(build: Build | None) -> dict[str, object] | None:
    if build is None:
        return None
    return {
        "version": build.version,
        "app": build.app,
        "python": build.python,
        "environment": dict(build.environment),
        "fingerprint": build.fingerprint,
        "strategies": list(build.strategies),
        "registeredAt": build.registered_at,
        "registeredBy": build.registered_by,
    }


def _build_from(said: object) -> Build:
    if not isinstance(said, dict):
        raise ValueError("a build is no object")
    environment = said.get("environment", {})
    strategies = said.get("strategies", ["rebind"])
    if not isinstance(environment, dict) or not isinstance(strategies, list):
        raise ValueError("a build without environment")
    pairs = tuple(environment.items())
    if not all(isinstance(text, str) for text in (*strategies, *sum(pairs, ()))):
        raise ValueError("an environment that is no text")
    return Build(
        _text(said, "version"),
        _text(said, "app"),
        _text(said, "python"),
        pairs,
        _text(said, "fingerprint", ""),
        tuple(strategies),
        _text(said, "registeredAt", ""),
        _text(said, "registeredBy", ""),
    )


def _rejection_from(said: object) -> Rejection:
    if not isinstance(said, dict) or type(said.get("at")) not in (int, float):
        raise ValueError("a rejection is no object")
    return Rejection(
        _text(said, "version"),
        _text(said, "app"),
        _text(said, "fingerprint", ""),
        _text(said, "reason"),
        said["at"],
        said.get("late") is True,
    )


def _text(said: dict[str, object], key: str, default: str | None = None) -> str:
    value = said.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"no {key}")
    return value
