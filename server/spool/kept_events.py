"""Says in the names of kept events what becomes of each, on disk before it happens."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection
from fcntl import LOCK_EX, LOCK_NB, flock
from typing import NamedTuple

from incumbent.lifecycle.client.spool import (
    GUARD,
    NO_SESSION,
    SUFFIX,
    Spool,
    claim,
    session_in,
    session_key,
)
from incumbent.lifecycle.private import open_file

# What stands before the suffix. In hand: the app may have it now. A process that dies leaves it so.
IN_HAND = "hand"
SUSPECT = "suspect"  # was in hand when a worker died: it is given alone
LAST_TIME = "last"  # a suspect in hand

EVENT_LIMIT_BYTES = 17_000_000  # no event that was kept is longer
RUN = 16  # events of one session that are taken in hand together, by one fsync
RUN_LIMIT_BYTES = 4_000_000  # unless one is longer
TRIES = 32  # with the pauses between them about a day
PAUSE_LIMIT_S = 3600.0


class Name(NamedTuple):
    """What a file's name says: which event, of which session, how often tried, where it is."""

    stem: str
    tries: int = 0
    mark: str = ""

    @property
    def file(self) -> str:
        """The name itself."""
        tries = f".{self.tries}" if self.tries else ""
        return f"{self.stem}{tries}{'.' * bool(self.mark)}{self.mark}{SUFFIX}"

    @property
    def session(self) -> str:
        """The session's key; empty in a name of 0.1.0."""
        return session_in(self.stem)


class Taken(NamedTuple):
    """An event in hand; of one of 0.1.0 the session is known by now."""

    name: Name
    session: str
    body: bytes


def parsed(file: str) -> Name:
    """Take a name apart; what we never wrote is one whole stem."""
    stem, *rest = file.removesuffix(SUFFIX).split(".")
    tries = int(rest.pop(0)) if rest and rest[0].isdecimal() and rest[0].isascii() else 0
    mark = rest.pop(0) if rest and rest[0] in (IN_HAND, SUSPECT, LAST_TIME) else ""
    name = Name(stem, tries, mark)
    return Name(file.removesuffix(SUFFIX)) if rest or name.file != file else name


def pause_after(tries: int) -> float:
    """Give for how many seconds an event waits that has failed so often: each time doubled."""
    return min(2.0 ** min(tries - 1, 20), PAUSE_LIMIT_S)


class KeptEvents:
    """The files of the events that wait; what changes them may block."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._guard = -1

    def begin(self) -> bool:
        """Be the only one that drains; False while a hook of 0.1 does."""
        if self._guard < 0:
            self._guard = open_file(os.path.join(self._spool.path, GUARD), os.O_RDWR)
        try:
            flock(self._guard, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without such locks
            return True
        return True

    def end(self) -> None:
        """Let others drain."""
        if self._guard >= 0:
            os.close(self._guard)
            self._guard = -1

    def recover(self) -> list[str]:
        """Judge what a process that died had in hand; give the sentences that say so.

        Once may be chance, or another event's fault that was in hand beside it. Twice, the second
        time alone, is the event's own.
        """
        sentences = []
        for name in self.waiting():
            if name.mark == IN_HAND:
                self._rename(name, name._replace(mark=SUSPECT))
            elif name.mark == LAST_TIME:
                why = "the worker died twice while the app had it"
                sentences.append(self._set_aside(name, why))
        return sentences

    def waiting(self) -> list[Name]:
        """Give the events that wait, in their order."""
        return [parsed(file) for file in self._spool.waiting()]

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        try:
            with os.scandir(self._spool.path) as found:
                return not any(entry.name.endswith(SUFFIX) for entry in found)
        except OSError:
            return True

    def stamp(self) -> int:
        """Give what differs when a file has come or gone."""
        try:
            return os.stat(self._spool.path).st_mtime_ns
        except OSError:
            return 0

    def take(
        self, names: list[Name], unclaimed: Collection[str]
    ) -> tuple[list[Taken], list[Name], list[str]]:
        """Take events of one session in hand, in their order: the app may be given them now.

        Gives them, those that a hook has claimed, and sentences on what can't be read. It ends at
        a claim that others of its session are behind, and at what is too long. The claims on the
        stems `unclaimed` hold no more.
        """
        taken: list[Taken] = []
        claimed: list[Name] = []
        sentences: list[str] = []
        length = 0
        for name in names[:RUN]:
            try:
                body = self._body(name, name.stem in unclaimed)
            except FileNotFoundError:  # its hook has brought it
                continue
            except _ClaimedError:
                claimed.append(name)
                if name.session != NO_SESSION:
                    break
                continue
            except OSError as error:
                if not _is_never_to_be_read(error):
                    raise
                why = f"it can't be read: {error.strerror}"
                sentences.append(self._set_aside(name, why))
                continue
            length += len(body)
            if taken and length > RUN_LIMIT_BYTES:
                break
            mark = LAST_TIME if name.mark in (SUSPECT, LAST_TIME) else IN_HAND
            in_hand = name._replace(mark=mark)
            if self._rename(name, in_hand):
                taken.append(Taken(in_hand, name.session or _session_of(body), body))
        if taken:
            self._sync()
        return taken, claimed, sentences

    def remove(self, event: Taken) -> None:
        """Remove an event that has taken effect."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(event.name))

    def give_back(self, event: Taken) -> None:
        """Let an event wait again that the app was not given, or did not come to answer."""
        mark = SUSPECT if event.name.mark == LAST_TIME else ""
        self._rename(event.name, event.name._replace(mark=mark))

    def refuse(self, event: Taken, why: str) -> str:
        """Set an event aside that the app will not have; give the sentence that says so."""
        return self._set_aside(event.name, why)

    def fail(self, event: Taken, why: str) -> tuple[int, str]:
        """Let an event wait for another try; give how many it had, 0 for no more, a sentence."""
        tries = event.name.tries + 1
        if tries >= TRIES:
            return 0, self._set_aside(event.name, f"{why}, {tries} times")
        waits = event.name._replace(tries=tries, mark="")
        self._rename(event.name, waits)
        return tries, f"a kept event waits for another try, in {self._path(waits)}: {why}"

    def _set_aside(self, name: Name, why: str) -> str:
        try:
            aside = self._spool.set_aside(name.file, why)
        except FileNotFoundError:
            return f"a kept event is gone ({why})"
        return f"a kept event is set aside in {aside}: {why}"

    def _body(self, name: Name, is_unclaimed: bool) -> bytes:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
        fd = os.open(self._path(name), flags)
        try:
            if not claim(fd) and not is_unclaimed:
                raise _ClaimedError
            content = b""
            while more := os.read(fd, EVENT_LIMIT_BYTES - len(content)):
                content += more
            return content
        finally:
            os.close(fd)

    def _rename(self, name: Name, other: Name) -> bool:
        try:
            os.rename(self._path(name), self._path(other))
        except FileNotFoundError:
            return False
        return True

    def _sync(self) -> None:
        folder = os.open(self._spool.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        except OSError:  # a file system that syncs no folders
            return
        finally:
            os.close(folder)

    def _path(self, name: Name) -> str:
        return os.path.join(self._spool.path, name.file)


class _ClaimedError(Exception):
    """The event's hook lives, and may deliver it itself."""


def _session_of(body: bytes) -> str:
    """Give the session that an envelope's payload names."""
    import json

    try:
        said = json.loads(body)
        payload = said.get("payload") if isinstance(said, dict) else None
    except (ValueError, RecursionError):
        return NO_SESSION
    return session_key(payload.get("session_id") if isinstance(payload, dict) else None)


def _is_never_to_be_read(error: OSError) -> bool:
    """Whether what stands there is nothing that we have written."""
    return error.errno in (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENXIO)
