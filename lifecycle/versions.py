"""The order of versions, as Python packaging defines it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.version import Version


def parse(text: str) -> Version:
    """Give a comparable version; raises ValueError for what is none."""
    from packaging.version import InvalidVersion, Version

    try:
        return Version(text)
    except InvalidVersion as error:
        raise ValueError("a version such as 1.2.3") from error


def at_least(version: str, need: str) -> bool:
    """Whether `version` is `need` or newer; what is no version is older than everything."""
    if version == need:
        return True
    try:
        return parse(version) >= parse(need)
    except ValueError:
        return False


def same(version: str, other: str) -> bool:
    """Whether two texts name one version, in whatever spelling."""
    return at_least(version, other) and at_least(other, version)


def newer(version: str, than: str) -> bool:
    """Whether `version` is strictly newer; what is no version is newer than nothing."""
    return at_least(version, than) and not at_least(than, version)


def lower(one: str, other: str) -> str:
    """Give the older of two versions."""
    return one if at_least(other, one) else other
