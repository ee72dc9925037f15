"""The journal of transitions as it is read: as a whole, or as it grows."""

from __future__ import annotations

import json
import math
import os
from typing import NamedTuple

from .growing_file import GrowingFile, open_for_certain, rest
from .machine.old_trace import in_words_of_today

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NoReturn

Line = dict[str, object]


class Journal(NamedTuple):
    """What is in the two files now; `older` is None when the journal was never rotated."""

    older: bytes | None
    current: bytes


class Follower:
    """The lines appended since this object was made, or all of them, also across a rotation."""

    def __init__(self, path: str, whole: bool = False) -> None:
        self._file = GrowingFile(path, whole)

    def new_lines(self) -> Iterator[Line]:
        """Give each whole line since the last call; what is no JSON is passed over."""
        return _objects(self._file.new_lines())

    def close(self) -> None:
        """Let the file go."""
        self._file.close()


def read_journal(path: str) -> Journal:
    """Give both files as they are at one moment; raises FilesError."""
    current = open_for_certain(path)
    older = open_for_certain(f"{path}.1")
    try:
        if current is None or older is None or not os.path.sameopenfile(current, older):
            return Journal(
                None if older is None else rest(older, 0),
                b"" if current is None else rest(current, 0),
            )
        return Journal(b"", rest(current, 0))  # rotated between the two: that is all of it
    finally:
        for fd in (current, older):
            if fd is not None:
                os.close(fd)


def parsed(content: bytes) -> Iterator[Line]:
    """Give every whole line that is a JSON object; what is none is passed over."""
    return _objects(content.split(b"\n")[:-1])


def _objects(lines: Iterable[bytes]) -> Iterator[Line]:
    for line in lines:
        try:
            said = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            yield in_words_of_today(said)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        _refuse(text)
    return number


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")
