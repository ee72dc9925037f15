"""One thing that a doctor finds wrong."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong: which part, what is wrong with it, what to do about it."""

    about: str
    what: str
    next: str

    def __str__(self) -> str:
        return f"{self.what}; {self.next}"


def another_owner(about: str, path: str, uid: int) -> Finding:
    """Give what is to be said of a path that belongs to the user `uid`."""
    what = f"{path} belongs to the user {uid}, not to you"
    return Finding(about, what, f"move it away: run `mv {path} {path}.old`")
