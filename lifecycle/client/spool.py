"""Keeps events on disk until the app has taken them, each session's in their order."""

import os
from fcntl import LOCK_EX, LOCK_NB, flock
from time import monotonic, time, time_ns

from .deliver import DELIVERED, FAILED, REFUSED, UNDELIVERED, new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Send = Callable[[bytes, float], tuple[str, str]]

LIMIT_BYTES = 17_000_000  # no event that was kept is longer
NO_SESSION = "0" * 16  # of events that name none: kept in order, and none holds up another

# What became of a round through the spool.
DONE = "done"  # each event has been sent, or has to wait behind one that failed
BUSY = "busy"  # another process does it
LATE = "late"  # the time was up before the last
STOPPED = "stopped"  # nobody took an event: the worker has gone

# An event that the app could not take is tried again after an eighth of the time it has waited:
# at once at first, some hundred times within a day.
_PAUSE_SHARE = 8
_PAUSE_LIMIT_S = 3600.0

_SUFFIX = ".json"
_DASHES = 6  # in `<order>-<session>-<uuid>.json`; one less in names of 0.1.0, without a session


def session_key(session: object) -> str:
    """Give what stands for a session in a file's name: a hash, never its text."""
    if not isinstance(session, str) or not session:
        return NO_SESSION
    try:
        from _blake2 import blake2b  # `hashlib` costs a hook milliseconds
    except ImportError:  # not CPython
        from hashlib import blake2b
    return blake2b(session.encode(errors="surrogatepass"), digest_size=8).hexdigest()


class Spool:
    """The folder of kept events.

    A file's name begins with its order, which is the time it was kept, raised above every file of
    its session that still waits: a clock that goes back changes no order. Files of 0.1.0 name no
    session. They come first.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def waiting(self) -> list[str]:
        """Give the names of the events kept: those of 0.1.0, then each session's in their order."""
        try:
            names = os.listdir(self.path)
        except OSError:
            return []
        kept = [n for n in names if n.endswith(_SUFFIX) and not n.startswith(".")]
        kept.sort(key=lambda name: (_session_in(name) != "", name))
        return kept

    def holds_up(self, session: str) -> bool:
        """Whether an event of this session has to queue behind what is kept."""
        return any(_session_in(name) in ("", session) for name in self.waiting())

    def keep(self, body: bytes, session: str = NO_SESSION) -> str:
        """Write one event, whole or not at all, and give its path; raises OSError, FilesError."""
        from ..files import make_own_folder, unlink, write_all  # not for a hook that keeps nothing
        from ..private import open_file

        make_own_folder(self.path)
        name = f"{self._next(session):020d}-{session}-{new_id()}{_SUFFIX}"
        temporary, path = os.path.join(self.path, f".{name}.tmp"), os.path.join(self.path, name)
        fd = open_file(temporary, os.O_WRONLY | os.O_EXCL)
        try:
            try:
                write_all(fd, body)
                os.fsync(fd)
            finally:
                os.close(fd)
            os.rename(temporary, path)
        except OSError:
            unlink(temporary)
            raise
        return path

    def hand_over(
        self, send: "Send", own_s: float, others_s: float, own: str = ""
    ) -> tuple[str, list[str]]:
        """Send what is kept, removing each event once the app has taken it.

        `send(body, seconds)` gives what became of one event, with the reason if it was not taken.
        The session `own` goes before the others and has `own_s` seconds, these `others_s`, both
        from now. An event that the app could not take holds up its session and nothing else. It
        is tried again after a pause; where it holds up `own`, at once. Gives what became of the
        round, with a sentence for each event that was not taken. A crash between sending and
        removing sends an event twice, under the same id.
        """
        from ..private import open_file

        try:
            guard = open_file(os.path.join(self.path, ".guard"), os.O_RDWR)
        except OSError as error:
            return DONE, [f"can't use {self.path}: {error.strerror}"]
        try:
            if not _locked(guard):
                return BUSY, []
            began = monotonic()
            return self._send_each(send, own, began + own_s, began + others_s)
        finally:
            os.close(guard)

    def _send_each(
        self, send: "Send", own: str, own_until: float, others_until: float
    ) -> tuple[str, list[str]]:
        from ..files import unlink

        sentences: list[str] = []
        held_up: set[str] = set()
        first = ("", own)
        for name in sorted(self.waiting(), key=lambda name: _session_in(name) not in first):
            until = own_until if _session_in(name) in first else others_until
            if monotonic() >= until:
                return LATE, sentences
            path = os.path.join(self.path, name)
            try:
                pausing = _is_pausing(path)
                session = _session_in(name) or _session_of(_read(path))
                if session in held_up:
                    continue
                if pausing and (session != own or own == NO_SESSION):
                    held_up.add(session)
                    held_up.discard(NO_SESSION)
                    continue
                word, why = send(_read(path), until - monotonic())
            except FileNotFoundError:
                continue
            except OSError as error:
                word, why = UNDELIVERED, error.strerror or str(error)
                if _is_never_to_be_read(error):
                    word = REFUSED
            if word == DELIVERED:
                unlink(path)
            elif word == REFUSED:
                sentences.append(f"a kept event was refused ({why}); it is in {path}.refused")
                _rename(path, f"{path}.refused")
            elif word == FAILED or monotonic() >= until:
                sentences.append(f"an event stays in {path} ({why})")
                _pause(path, name)
                held_up.add(session)
                held_up.discard(NO_SESSION)
            else:
                return STOPPED, sentences
        return DONE, sentences

    def _next(self, session: str) -> int:
        last = 0
        for name in self.waiting():
            order = name.partition("-")[0]
            if _session_in(name) == session and order.isdecimal():
                last = int(order)
        return max(last + 1, time_ns())


def _locked(fd: int) -> bool:
    try:
        flock(fd, LOCK_EX | LOCK_NB)
    except OSError:
        return False
    return True


def _session_in(name: str) -> str:
    """Give the session in a file's name; empty in one of 0.1.0."""
    return name.split("-", 2)[1] if name.count("-") == _DASHES else ""


def _session_of(body: bytes) -> str:
    """Give the session that an envelope's payload names."""
    from .._small_json import loads

    try:
        said = loads(body)
        payload = said.get("payload") if isinstance(said, dict) else None
    except (ValueError, RecursionError):
        return NO_SESSION
    return session_key(payload.get("session_id") if isinstance(payload, dict) else None)


def _is_pausing(path: str) -> bool:
    """Whether its next try lies ahead; one further ahead than any pause is a clock gone back."""
    return 0 < os.lstat(path).st_mtime - time() <= _PAUSE_LIMIT_S


def _pause(path: str, name: str) -> None:
    """Let the file's time say when it is tried again."""
    now = time()
    order = name.partition("-")[0]
    waited = now - int(order) / 1e9 if order.isdecimal() else _PAUSE_LIMIT_S
    pause = min(max(waited / _PAUSE_SHARE, 0.0), _PAUSE_LIMIT_S)
    try:
        os.utime(path, (now, now + pause), follow_symlinks=False)
    except OSError:
        return  # another has delivered it


def _is_never_to_be_read(error: OSError) -> bool:
    """Whether what stands there is nothing that we have written."""
    from errno import ELOOP  # a hook would pay for the whole list of numbers

    return isinstance(error, (PermissionError, IsADirectoryError)) or error.errno == ELOOP


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        content = b""
        while more := os.read(fd, LIMIT_BYTES - len(content)):
            content += more
        return content
    finally:
        os.close(fd)


def _rename(path: str, aside: str) -> None:
    try:
        os.rename(path, aside)
    except OSError:
        return
