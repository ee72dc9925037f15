"""The number of a launch, by which a newer worker is told from an older one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from ._named_tuple import NamedTuple


class Generation(NamedTuple):
    """A launch's number within its line.

    The number rises each time a record is read to spawn from it. A record that was lost begins a
    new line, a random word; numbers compare within a line only. Number 0 is no launch: a worker
    of an edition that did not number them.
    """

    line: str = ""
    number: int = 0

    def after(self, noted: Generation) -> bool:
        """Whether this launch was numbered after `noted` was: another line is a later one."""
        if not self.number:
            return False
        return self.line != noted.line or self.number > noted.number

    def __str__(self) -> str:
        return f"{self.line}:{self.number}"


def generation_in(text: str) -> Generation:
    """Give the generation in what `str` made of it; no launch for any other text."""
    line, _, number = text.partition(":")
    if not line or not number.isascii() or not number.isdigit():
        return Generation()
    return Generation(line, int(number))
