"""Keeps events on disk until the app has taken them, each session's in their order."""

import os
from fcntl import LOCK_EX, LOCK_NB, flock
from time import time_ns

from .deliver import new_id

NO_SESSION = "0" * 16  # of events that name none: kept in order, and none holds up another
SUFFIX = ".json"
SET_ASIDE, WHY = ".set-aside", ".why"
REFUSED_BEFORE = ".refused"  # what was set aside by 0.1, which wrote no reason
GUARD = ".guard"  # locked by whoever drains; the hooks of 0.1 do

_DASHES = 6  # in `<order>-<session>-<uuid>.json`; one less in names of 0.1.0, without a session
_REASON_LIMIT = 2000


def session_key(session: object) -> str:
    """Give what stands for a session in a file's name: a hash, never its text."""
    if not isinstance(session, str) or not session:
        return NO_SESSION
    try:
        from _blake2 import blake2b  # `hashlib` costs a hook milliseconds
    except ImportError:  # not CPython
        from hashlib import blake2b
    return blake2b(session.encode(errors="surrogatepass"), digest_size=8).hexdigest()


def session_in(name: str) -> str:
    """Give the session in a file's name; empty in one of 0.1.0."""
    return name.split("-", 2)[1] if name.count("-") == _DASHES else ""


def has_failed(name: str) -> bool:
    """Whether the app could not take this event, once at least: the name has the number then."""
    tries, dot, _ = name.partition(".")[2].partition(".")
    return bool(dot) and tries.isdecimal()


def as_kept(aside: str) -> str:
    """Give the name under which an event that was set aside would wait again."""
    return aside.removesuffix(REFUSED_BEFORE).removesuffix(SET_ASIDE).removesuffix(SUFFIX) + SUFFIX


class Claim:
    """One event in the spool, which its hook may still deliver itself; until then nobody else does.

    The claim is a lock of the file: it ends with the hook, however that ends.
    """

    __slots__ = ("_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path, self._fd = path, fd

    def let_go(self) -> None:
        """Leave the event to the worker."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Spool:
    """The folder of kept events.

    A file's name begins with its order, which is the time it was kept, raised above every file of
    its session that still waits: a clock that goes back changes no order. Files of 0.1.0 name no
    session. They come first. What the worker makes of a name: `server/spool/kept_events.py`.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def waiting(self, session: str = "") -> list[str]:
        """Give the names of the events kept: those of 0.1.0, then each session's in their order.

        Of one session and those of 0.1.0 alone, where it is named: a hook takes none of the others
        apart, of which there may be thousands.
        """
        try:
            names = os.listdir(self.path)
        except OSError:
            return []
        if session:
            mark = f"-{session}-"
            names = [n for n in names if mark in n or n.count("-") != _DASHES]
        kept = [n for n in names if n.endswith(SUFFIX) and not n.startswith(".")]
        kept.sort(key=lambda name: (session_in(name) != "", name))
        return kept

    def holds_up(self, session: str) -> bool:
        """Whether an event of this session has to queue behind what is kept."""
        return any(session_in(name) in ("", session) for name in self.waiting(session))

    def is_first(self, path: str) -> bool:
        """Whether the event kept there is there still, with none of its session before it."""
        own = os.path.basename(path)
        session = session_in(own)
        before = (name for name in self.waiting(session) if session_in(name) in ("", session))
        return next(before, "") == own

    def keep(self, body: bytes, session: str = NO_SESSION) -> Claim:
        """Write one event, whole or not at all, with a claim on it; raises OSError, FilesError."""
        from ..files import make_own_folder, unlink, write_all  # not for a hook that keeps nothing
        from ..private import open_file

        make_own_folder(self.path)
        name = f"{self._next(session):020d}-{session}-{new_id()}{SUFFIX}"
        temporary, path = os.path.join(self.path, f".{name}.tmp"), os.path.join(self.path, name)
        fd = open_file(temporary, os.O_WRONLY | os.O_EXCL)
        try:
            claim(fd)
            write_all(fd, body)
            os.fsync(fd)
            os.rename(temporary, path)
        except BaseException:
            os.close(fd)
            unlink(temporary)
            raise
        return Claim(path, fd)

    def set_aside(self, name: str, why: str) -> str:
        """Take an event out of the queue for good, its reason beside it; give where it is then."""
        stem = os.path.join(self.path, name.partition(".")[0])
        _write_reason(stem + WHY, why[:_REASON_LIMIT])
        os.rename(os.path.join(self.path, name), stem + SET_ASIDE)
        return stem + SET_ASIDE

    def aside(self) -> list[tuple[str, str]]:
        """Give the path of each event that was set aside, with the reason, the oldest first."""
        try:
            names = sorted(os.listdir(self.path))
        except OSError:
            return []
        found = []
        for name in names:
            stem, suffix = os.path.splitext(os.path.join(self.path, name))
            if suffix in (SET_ASIDE, REFUSED_BEFORE):
                found.append((stem + suffix, _reason(stem + WHY) or "the app refused it"))
        return found

    def _next(self, session: str) -> int:
        last = 0
        for name in self.waiting(session):
            order = name.partition("-")[0]
            if session_in(name) == session and order.isdecimal():
                last = int(order)
        return max(last + 1, time_ns())


def _write_reason(path: str, why: str) -> None:
    from ..errors import FilesError
    from ..files import replace

    try:
        replace(path, why.encode(errors="replace"))
    except FilesError:  # no space left, say: the event is what counts
        return


def _reason(path: str) -> str:
    from ..errors import IncumbentError
    from ..files import read

    try:
        return (read(path) or b"").decode(errors="replace").strip()
    except IncumbentError:  # another user's, or not to be read
        return ""


def claim(fd: int) -> bool:
    """Lock an event's file for this process; False where somebody else has."""
    try:
        flock(fd, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without such locks
        return True
    return True
