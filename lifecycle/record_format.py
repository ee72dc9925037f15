"""The launch record as the bytes of launch.json."""

from __future__ import annotations

from ._small_json import dumps, loads
from .about import FORMAT
from .generation import Generation
from .record import AnothersRecordError, Build, NewerFormatError, Record, Rejection


def encoded(record: Record) -> bytes:
    """Give launch.json."""
    said: dict[str, object] = {"format": FORMAT, "name": record.name}
    said |= _build_json(record.recorded) or {"version": None}
    said["good"] = _build_json(record.good)
    said["earlier"] = _build_json(record.earlier)
    said["rejected"] = [r._asdict() for r in record.rejected]
    said["pinned"] = record.pinned
    said["line"], said["generation"] = record.generation
    said["lookedAt"] = record.looked_at
    return dumps(said, indent=True).encode() + b"\n"


def decoded(content: bytes, name: str) -> Record:
    """Give the record in launch.json; raises ValueError for any bytes that are none.

    Raises NewerFormatError when a newer incumbent wrote it, AnothersRecordError when it is another
    service's.
    """
    try:
        said = loads(content)
    except RecursionError as error:
        raise ValueError("nested without end") from error
    if not isinstance(said, dict) or type(said.get("format")) is not int:
        raise ValueError("not a launch record")
    if said["format"] > FORMAT:
        raise NewerFormatError(said["format"])
    service = said.get("name")
    if not isinstance(service, str):
        raise ValueError("the record of no service")
    if service != name:
        raise AnothersRecordError(service)
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
        _build_from(said["earlier"]) if said.get("earlier") is not None else None,
        looked if type(looked := said.get("lookedAt")) is int else 0,
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
        _text(said, "environment", ""),
        tries if type(tries := said.get("tries", 1)) is int and tries > 0 else 1,
        said.get("soon_dead") is True,
    )


def _text(said: dict[str, object], key: str, default: str | None = None) -> str:
    value = said.get(key, default)
    if not isinstance(value, str):
        raise ValueError(f"no {key}")
    return value
