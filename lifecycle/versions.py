"""The order of versions, as Python packaging defines it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from packaging.version import Version


DIGITS = 1000  # more than Python takes for one number is the parser's to refuse


def parse(text: str) -> "Version":
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
    have, wanted = plain(version), plain(need)
    if have and wanted:
        return have >= wanted
    try:
        return parse(version) >= parse(need)
    except ValueError:
        return False


def plain(text: str) -> list[int]:
    """Give the numbers of a version that is nothing else; [] for any other.

    Most are: they need no parser, whose regular expressions take 15 ms to import.
    """
    parts = text.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < DIGITS for part in parts):
        return []
    numbers = [int(part) for part in parts]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return numbers


def same(version: str, other: str) -> bool:
    """Whether two texts name one version, in whatever spelling."""
    return at_least(version, other) and at_least(other, version)


def newer(version: str, than: str) -> bool:
    """Whether `version` is strictly newer; what is no version is newer than nothing."""
    return at_least(version, than) and not at_least(than, version)


def lower(one: str, other: str) -> str:
    """Give the older of two versions."""
    return one if at_least(other, one) else other
