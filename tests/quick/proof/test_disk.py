"""The simulator's files follow the real kernel's rules: one little script runs in both."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from ...isolation import Sandbox
from ...proof.lock_world import Bounds, Disk

NAMES = "AB"

# (who, what they do, what comes of it)
Script = tuple[tuple[str, str, object], ...]

SCRIPTS: dict[str, Script] = {
    "the second to create loses": (
        ("A", "create", True),
        ("B", "create", False),
        ("A", "write one", None),
        ("B", "look", "one"),
    ),
    "a file is empty between creation and writing": (
        ("A", "create", True),
        ("B", "look", ""),
        ("A", "write one", None),
        ("B", "look", "one"),
    ),
    "after a removal there is nothing, and anybody may create": (
        ("A", "create", True),
        ("A", "write one", None),
        ("B", "unlink", None),
        ("A", "look", None),
        ("B", "create", True),
        ("B", "write two", None),
        ("A", "look", "two"),
    ),
    "a rename replaces what stood there": (
        ("A", "create", True),
        ("A", "write one", None),
        ("B", "temporary two", None),
        ("A", "look", "one"),
        ("B", "rename", None),
        ("A", "look", "two"),
        ("A", "create", False),
    ),
    "a file kept open is never taken for the one that follows": (
        ("A", "create", True),
        ("A", "is it mine", True),
        ("B", "unlink", None),
        ("B", "create", True),
        ("A", "is it mine", False),
        ("B", "is it mine", True),
    ),
    "a file replaced is no longer the one kept open": (
        ("A", "create", True),
        ("B", "temporary two", None),
        ("B", "rename", None),
        ("A", "is it mine", False),
        ("B", "is it mine", True),
    ),
    "one has the guard, until it gives it back": (
        ("A", "guard", True),
        ("B", "guard", False),
        ("A", "unguard", None),
        ("B", "guard", True),
        ("A", "guard", False),
    ),
    "death gives the guard back, and leaves the files": (
        ("A", "create", True),
        ("A", "write one", None),
        ("A", "guard", True),
        ("B", "guard", False),
        ("A", "die", None),
        ("B", "guard", True),
        ("B", "look", "one"),
        ("B", "create", False),
    ),
}


class RealDisk:
    """Two owners of descriptors on a real file system."""

    def __init__(self, folder: Path) -> None:
        self._lock, self._folder = folder / "lock", folder
        self._kept: dict[str, int] = {}
        self._guards: dict[str, int] = {}

    def do(self, who: str, what: str) -> object:
        """Take one step and give what came of it."""
        verb, _, text = what.partition(" ")
        if verb == "create":
            with suppress(FileExistsError):
                self._kept[who] = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
                return True
            return False
        if verb == "look":
            return self._lock.read_text() if self._lock.exists() else None
        if verb == "guard":
            return self._guard(who)
        if verb == "is":
            mine, there = os.fstat(self._kept[who]), os.stat(self._lock)
            return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
        if verb == "write":
            os.write(self._kept[who], text.encode())
        elif verb == "unlink":
            self._lock.unlink()
        elif verb == "temporary":
            self._kept[who] = os.open(self._folder / who, os.O_RDWR | os.O_CREAT, 0o600)
            os.write(self._kept[who], text.encode())
        elif verb == "rename":
            os.replace(self._folder / who, self._lock)
        elif verb == "unguard":
            os.close(self._guards.pop(who))
        elif verb == "die":
            self._forget(who)
        return None

    def _guard(self, who: str) -> bool:
        fd = os.open(self._folder / "guard", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._guards[who] = fd
        return True

    def _forget(self, who: str) -> None:
        for held in (self._kept, self._guards):
            if who in held:
                os.close(held.pop(who))

    def close(self) -> None:
        """Close what is open."""
        for who in NAMES:
            self._forget(who)


class SimulatedDisk:
    """The same steps by the rules under the explored lock."""

    def __init__(self) -> None:
        self._disk = Disk(Bounds("script", len(NAMES), crashes=1))
        self._disk.ignored = frozenset({"I4", "I4r"})
        self._state = self._disk.initial([0] * len(NAMES))
        self._kept: dict[str, int] = {}

    def do(self, who: str, what: str) -> object:
        """Take one step and give what came of it."""
        verb, _, text = what.partition(" ")
        if verb == "create":
            inode = self._call(who, "create")
            if inode is not None:
                self._kept[who] = inode
            return inode is not None
        if verb == "look":
            inode = self._call(who, "open")
            return None if inode is None else self._call(who, "read", inode)[2].decode()
        if verb == "guard":
            return self._call(who, "flock", False)
        if verb == "is":
            inode = self._call(who, "open")
            self._call(who, "close", inode)
            return bool(inode == self._kept[who])
        if verb == "write":
            self._call(who, "write", self._kept[who], text.encode())
        elif verb == "temporary":
            self._kept[who] = self._call(who, "open_temp")
            self._call(who, "write", self._kept[who], text.encode())
        elif verb == "die":
            self._state = self._disk.crash(self._state, NAMES.index(who))
        else:
            self._call(who, "unlock" if verb == "unguard" else verb)
        return None

    def _call(self, who: str, *call: object) -> Any:
        done = self._disk.perform(self._state, NAMES.index(who), call)
        assert done is not None, "the call blocks"
        answer, self._state = done
        return answer

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(params=["real", "simulated"])
def disk(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[RealDisk | SimulatedDisk]:
    real = request.param == "real"
    with closing(RealDisk(sandbox.home) if real else SimulatedDisk()) as made:
        yield made


@pytest.mark.parametrize("name", SCRIPTS)
def test_files_do_in_both_worlds_what_the_script_says(
    disk: RealDisk | SimulatedDisk, name: str
) -> None:
    for number, (who, what, expected) in enumerate(SCRIPTS[name]):
        assert disk.do(who, what) == expected, (number, who, what)
