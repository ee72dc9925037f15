"""The number of a launch, by which a newer worker is told from an older one."""

from __future__ import annotations


class Generation(tuple[str, int]):
    """A launch's number within its line.

    The number rises each time a record is read to spawn from it. A record that was lost begins a
    new line, a random word; numbers compare within a line only. Number 0 is no launch: a worker
    of an edition that did not number them.

    Not one of our named tuples, whose module a hook would pay for.
    """

    __slots__ = ()

    def __new__(cls, line: str = "", number: int = 0) -> Generation:
        """Give the number of a launch in a line."""
        return tuple.__new__(cls, (line, number))

    def __getnewargs__(self) -> tuple[str, int]:
        return self.line, self.number

    @property
    def line(self) -> str:
        """The line of numbers, "" for none."""
        return self[0]

    @property
    def number(self) -> int:
        """The number within the line, 0 for no launch."""
        return self[1]

    def after(self, noted: Generation) -> bool:
        """Whether this launch was numbered after `noted` was: another line is a later one."""
        if not self.number:
            return False
        return self.line != noted.line or self.number > noted.number

    def __str__(self) -> str:
        return f"{self.line}:{self.number}"

    def __repr__(self) -> str:
        return f"Generation({self.line!r}, {self.number})"


def generation_in(text: str) -> Generation:
    """Give the generation in what `str` made of it; no launch for any other text."""
    line, _, number = text.partition(":")
    if not line or not number.isascii() or not number.isdigit():
        return Generation()
    return Generation(line, int(number))
