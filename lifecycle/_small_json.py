"""JSON for whoever is in a hurry, by the C code under `json` without the module around it.

`import json` takes a hook 4 ms for the regular expressions of its pure Python twin. Only
CPython has `_json`; elsewhere this is `json`.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _constant(name: str) -> float:
    return float(name.replace("Infinity", "inf"))


try:
    from _json import encode_basestring_ascii as _quoted
    from _json import make_scanner
except ImportError:  # not CPython
    import json

    _quoted = json.dumps

    def _loads(text: str) -> object:
        return json.loads(text)
else:

    class _Context:
        """What the C scanner asks of a decoder."""

        strict = True
        object_hook = None
        object_pairs_hook = None
        parse_float = float
        parse_int = int
        parse_constant = staticmethod(_constant)
        memo: dict[str, str] = {}  # noqa: RUF012 - the scanner clears it after every use

    _scan = make_scanner(_Context)  # type: ignore[arg-type]  # typeshed wants a whole decoder

    def _loads(text: str) -> object:
        text = text.strip(" \t\n\r")
        try:
            said, end = _scan(text, 0)
        except (StopIteration, SystemError) as error:
            # 3.11's scanner fails so where it can't find the error of `json`, never imported.
            raise ValueError("no JSON") from error
        if end != len(text):
            raise ValueError("more than one JSON value")
        return said


def loads(content: bytes) -> "Any":
    """Give the value in these bytes; raises ValueError or RecursionError, as `json` does."""
    return _loads(content.decode())


def dumps(value: object, indent: bool = False) -> str:
    """Give a value as JSON, in ASCII: on one line, or each item on a line of its own.

    Raises TypeError for what is no object with texts as names, list, text, number, bool or None,
    ValueError for a number that is not finite.
    """
    return _written(value, "\n" if indent else "")


def _written(value: object, line: str) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        if value - value != 0:
            raise ValueError(f"{value} is no number of JSON")
        return float.__repr__(value)
    inner = line and line + " "
    if isinstance(value, dict):
        items = [f"{_name(key)}: {_written(one, inner)}" for key, one in value.items()]
        return _enclosed("{", items, "}", line)
    if isinstance(value, list | tuple):
        return _enclosed("[", [_written(one, inner) for one in value], "]", line)
    raise TypeError(f"no JSON for a {type(value).__name__}")


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"no name in JSON: {key!r}")
    return _quoted(key)


def _enclosed(opening: str, items: "list[str]", closing: str, line: str) -> str:
    if not items:
        return opening + closing
    if not line:
        return opening + ", ".join(items) + closing
    inner = line + " "
    return opening + inner + ("," + inner).join(items) + line + closing


def read_small(
    path: str, check_open: "Callable[[int, str], None]", limit: int = 4_000_000
) -> bytes:
    """Give a file's content up to `limit` bytes, in pieces that need no mapping of their own.

    `check_open` may refuse, by an error, what was opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not hold us up
    try:
        check_open(fd, path)
        content = os.read(fd, 65_536)
        while content and len(content) % 65_536 == 0 and len(content) < limit:
            more = os.read(fd, 65_536)
            if not more:
                break
            content += more
        return content
    finally:
        os.close(fd)
