"""What the parts of one hook share: its event, the signals that may end it, its talk."""

import os
import sys

from incumbent.lifecycle.about import command
from incumbent.lifecycle.client import deliver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from signal import SIG_DFL, SIG_IGN, SIGHUP, SIGINT, SIGTERM, getsignal, signal
    from types import FrameType

    from incumbent.lifecycle.client.spool import Claim
    from incumbent.lifecycle.settings import Worker
else:  # `signal` costs a hook the milliseconds of its enums; this is what it wraps
    from _signal import SIG_DFL, SIG_IGN, SIGHUP, SIGINT, SIGTERM, getsignal, signal

ENDING = (SIGTERM, SIGINT, SIGHUP)


def tell(sentence: str) -> None:
    """Say something to people; a hook goes on where nobody listens."""
    from incumbent.lifecycle.messages import printable  # a hook with nothing to tell does not pay

    try:
        print(printable(f"{command()}: {sentence}"), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


class Event:
    """One event on its way.

    `ended` says that the app has taken it, or that it is set aside; `answer` is what the app said
    to it. Once it is kept, `path` is where, until it is kept in vain `trouble` why.
    """

    __slots__ = ("_claim", "answer", "body", "ended", "path", "session_id", "trouble")

    def __init__(self, name: str, payload: bytes, session_id: object) -> None:
        self.body = deliver.envelope(deliver.new_id(), name, payload)
        self.session_id = session_id
        self.ended = False
        self.path = self.trouble = ""
        self.answer = b""
        self._claim: Claim | None = None

    def session(self) -> str:
        """Give the key of its session."""
        from incumbent.lifecycle.client.spool import session_key

        return session_key(self.session_id)

    def keep(self, folder: str) -> bool:
        """Write it into the spool in this folder; False where that can't be.

        Nobody else delivers it from there before `let_go`, or the end of this process.
        """
        from incumbent.lifecycle.client.spool import Spool
        from incumbent.lifecycle.errors import FilesError

        try:
            self._claim = Spool(folder).keep(self.body, self.session())
            self.path = self._claim.path
        except (OSError, FilesError) as error:
            why = error.strerror if isinstance(error, OSError) else ""
            self.trouble = f"can't keep it in {folder}: {why or error}"
        return self.path != ""

    def let_go(self) -> None:
        """Leave it to the worker, where it is kept."""
        if self._claim is not None:
            self._claim.let_go()

    def send(self, address: tuple[str, int], worker: "Worker", seconds: float) -> str:
        """Post it; give what became of it, and tell why if it was not taken."""
        if seconds <= 0:
            return deliver.UNDELIVERED
        word, why, answer = deliver.deliver(*address, worker.data_dir, self.body, seconds)
        if word == deliver.DELIVERED:
            self.ended, self.answer = True, answer
            if self.path:
                from incumbent.lifecycle.files import unlink

                unlink(self.path)
        elif word == deliver.REFUSED:
            self._set_aside(worker.path("spool"), why)
        elif word == deliver.FAILED:
            tell(why)
        return word

    def _set_aside(self, folder: str, why: str) -> None:
        from incumbent.lifecycle.client.spool import Spool

        self.ended = True
        try:
            if not self.path and not self.keep(folder):
                tell(f"{why}; the event is lost: {self.trouble}")
                return
            aside = Spool(folder).set_aside(os.path.basename(self.path), why)
        except OSError as error:
            tell(f"{why}; the event is in {self.path}: {error.strerror}")
            return
        tell(f"{why}; the event is set aside in {aside}: run `{command()} doctor`")


class _CutShort(BaseException):
    """A signal asks the hook to end."""


class Signals:
    """The signals by which a caller ends its hook: they cut a wait short, and nothing else."""

    def __init__(self) -> None:
        self.caught = False
        self._cuts = False
        self._before: dict[int, Callable[[int, FrameType | None], object] | int] = {}
        for number in ENDING:
            try:
                before = getsignal(number)
                if before is not SIG_IGN and before is not None:
                    signal(number, self._note)
                    self._before[number] = before
            except ValueError:  # signals are the main thread's
                return

    def during(self, act: "Callable[[], bool]") -> bool:
        """Do what takes time; False where a signal has cut it short."""
        try:
            self._cuts = True
            try:
                return not self.caught and act()
            finally:
                self._cuts = False
        except _CutShort:
            return False

    def shielded(self, act: "Callable[[], bool]") -> bool:
        """Do in the midst of `during` what must not be cut short."""
        self._cuts = False
        done = act()
        self._cuts = True
        if self.caught:
            self._cuts = False
            raise _CutShort
        return done

    def restore(self) -> None:
        """Let the signals do again what they did before."""
        for number, before in self._before.items():
            signal(number, before)

    def default(self) -> None:
        """Let them end this process, which is a child that owes the caller no answer."""
        for number in self._before:
            signal(number, SIG_DFL)

    def ignore(self) -> None:
        """Let them do nothing: the answer is given and the process ends."""
        for number in self._before:
            signal(number, SIG_IGN)

    def _note(self, *_: object) -> None:
        self.caught = True
        if self._cuts:
            self._cuts = False
            raise _CutShort


def nowhere_to_talk() -> None:
    """Open a stderr where the caller has closed it: `print` would turn to stdout."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
