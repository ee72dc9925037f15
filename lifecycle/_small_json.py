"""Small JSON for the hot path, by the C code under `json` without the module around it.

`import json` takes a hook 4 ms for the regular expressions of its pure Python twin. Only
CPython has `_json`; elsewhere this is `json`.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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


def loads(content: bytes) -> object:
    """Give the value in these bytes; raises ValueError or RecursionError, as `json` does."""
    return _loads(content.decode())


def dumps_flat(values: "Mapping[str, str | int | float]") -> str:
    """Give one JSON object of texts and finite numbers."""
    parts = [
        f"{_quoted(name)}: {_quoted(value) if isinstance(value, str) else repr(value)}"
        for name, value in values.items()
    ]
    return "{" + ", ".join(parts) + "}"


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
