"""Brings one event from an agent's hook to the worker, whatever stands in the way."""

import os
from time import monotonic

from incumbent.lifecycle.about import command
from incumbent.lifecycle.client import deliver

from .arguments import places
from .firing import Event, Signals, nowhere_to_talk, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from incumbent.lifecycle.health import ProbeResult
    from incumbent.lifecycle.settings import Worker

TIMEOUT_VARIABLE = "INCUMBENT_HOOK_TIMEOUT"
TIMEOUT_S = 10.0  # an agent waits for its hooks
RESERVE = 0.05  # of that, for what comes before the first line and after the last try
FIRST_S = 0.1  # for the first question: who does not answer it may be silent, so keep the event

# Every host goes on at this, and takes it for every event; one marks a hook failed for more.
ANSWER = b"{}\n"
# Of these the host reads stdout as something else, such as the path of a worktree.
STDOUT_IS_DATA = frozenset({"WorktreeCreate"})
HOSTS = ("claude", "codex", "gemini")

_READ_BYTES = 1 << 20
_PIPE_BYTES = 1 << 16


def quick(
    given: dict[str, str], rest: list[str], make: "Callable[..., Worker]", last: bool = False
) -> int:
    """Do what `[--data-dir D] [--port P] [--json] hook EVENT [--for HOST]` asks; give 0.

    `given` and `rest` are what `split` makes of the words. A hook's caller takes exit code 2 as an
    order to block: so a usage error is told on stderr only, and stdout has its one object all the
    same. `last` says that the process ends with it.
    """
    began = monotonic()
    signals = Signals()
    nowhere_to_talk()
    answer = b""
    try:
        answer = _fire(given, rest, make, began, signals)
    except _UnusableError as error:
        tell(str(error))
    except BaseException as error:  # a hook never breaks its caller
        tell(f"the event is lost: {type(error).__name__}: {error}")
    try:
        if STDOUT_IS_DATA.isdisjoint(rest):
            os.write(1, answer or ANSWER)
    except OSError:
        pass  # nobody reads it
    if last:
        signals.ignore()
    else:
        signals.restore()
    return 0


class _UnusableError(Exception):
    """There is nothing that could be delivered; the sentence says why."""


def _fire(
    given: dict[str, str],
    rest: list[str],
    make: "Callable[..., Worker]",
    began: float,
    signals: Signals,
) -> bytes:
    """Bring one event to its end, or keep it; give the line that the app answered the host, if any.

    Raises _UnusableError.
    """
    usage = f"usage: {command()} hook EVENT [--for HOST], with one JSON object on stdin"
    if "trouble" in given:
        raise _UnusableError(f"{given['trouble']}; the event is lost. {usage}")
    host = _host(rest) if len(rest) > 2 else ""
    if len(rest) != 2 or rest[0] != "hook" or rest[1][:1] in ("", "-"):
        raise _UnusableError(usage)
    deadline = began + _budget() * (1 - RESERVE)
    stdin = _Stdin()
    stdin.read(deadline, signals)
    if signals.caught and not stdin.received:
        raise _UnusableError("ended before an event had come")
    event = _event(rest[1], stdin)
    try:
        worker = make(**places(given))
    except Exception as error:
        folder = _spool_beside(error)
        if event is None or not folder:
            raise _UnusableError(f"{error}; the event is lost: it was not kept") from error
        tell(str(error))
        _told_where(event, folder)
        event.let_go()
        return b""
    done = signals.during(lambda: _brought(worker, event, deadline, signals))
    if event is not None:
        if not done and not event.ended:
            _told_where(event, worker.path("spool"))
        event.let_go()
        if b'"hook"' in event.answer and host in ("", *HOSTS):
            from . import hook_answer  # most apps have nothing to say

            return hook_answer.printed(event.answer, rest[1], host)
    return b""


def _host(rest: list[str]) -> str:
    """Take `--for HOST` out of the words; give the host, "" for none. An unknown one is told."""
    for place, word in enumerate(rest):
        option, equals, host = word.partition("=")
        if option == "--for":
            host = host if equals else " ".join(rest[place + 1 : place + 2])
            del rest[place : place + (1 if equals else 2)]
            if host not in HOSTS:
                tell(f"--for takes {', '.join(HOSTS)}, not {host!r}: the answer is {{}}")
            return host or "?"
    return ""


def _spool_beside(error: Exception) -> str:
    """Give the spool of a data dir that is ours, where only its settings can't be read; else ""."""
    from incumbent.lifecycle.errors import SettingsFileError

    if not isinstance(error, SettingsFileError):
        return ""
    return os.path.join(os.path.dirname(error.path), "spool")


def _event(name: str, stdin: "_Stdin") -> Event | None:
    said, text, trouble = _payload(stdin)
    if trouble:
        tell(trouble)
    if said is None:
        return None
    if len(name) > deliver.NAME_LIMIT:
        tell(f"an event's name has 1 to {deliver.NAME_LIMIT} letters; nothing is delivered")
        return None
    return Event(name, text, said.get("session_id"))


def _brought(worker: "Worker", event: Event | None, deadline: float, signals: Signals) -> bool:
    """Give whether the event found its end; what is in the way is told."""
    try:
        return _delivered(worker, event, deadline, signals)
    except Exception as error:  # no process to be had, no descriptor: the event need not be lost
        from incumbent.lifecycle.errors import AnotherServiceError
        from incumbent.lifecycle.shortage import shortage

        if isinstance(error, AnotherServiceError) and event is not None:
            raise _UnusableError(f"{error}; the event is lost: it was not kept") from error
        tell(shortage(error) or f"{type(error).__name__}: {error}")
        return False


def _delivered(worker: "Worker", event: Event | None, deadline: float, signals: Signals) -> bool:
    had, seen = _first_look(worker, deadline)
    if had and event is None:
        return True
    if had and event is not None and not _is_held_up(worker, event):
        word = event.send((worker.host, worker.port), worker, deadline - monotonic())
        if word != deliver.UNDELIVERED:
            return event.ended
        had = False
    from .by_spool import BySpool

    return BySpool(worker, event, deadline, signals).bring(seen, had)


def _is_any_kept(folder: str) -> bool:
    """Whether there may be kept events: whoever finds none does without the spool's module."""
    try:
        with os.scandir(folder) as found:
            return any(entry.name.endswith(".json") for entry in found)
    except OSError:
        return False


def _is_held_up(worker: "Worker", event: Event) -> bool:
    """Whether it has to queue behind kept events of its session."""
    if not _is_any_kept(worker.path("spool")):
        return False
    from incumbent.lifecycle.client.spool import Spool

    return Spool(worker.path("spool")).holds_up(event.session())


def _first_look(worker: "Worker", deadline: float) -> "tuple[bool, ProbeResult | None]":
    """Give whether a worker is there to be content with, and what was seen; waits for nothing."""
    from incumbent.lifecycle.client.fast_path import FastPath

    fast_path = FastPath(worker, "hook")
    had = fast_path.health(0.0, min(FIRST_S, max(deadline - monotonic(), 0.01))) is not None
    if had and os.access(worker.path("silent"), os.F_OK):
        from incumbent.lifecycle.client.silence import forget

        forget(worker)
    return had, fast_path.seen


def _told_where(event: Event, folder: str) -> None:
    """Say where an event is that was not delivered, after keeping it if it is not kept yet."""
    if not event.path and not event.keep(folder):
        tell(f"the event is lost: {event.trouble}")
    elif os.path.exists(event.path):  # or the worker has it
        next_step = f"for the worker to deliver; run `{command()} doctor`"
        tell(f"the event is kept in {event.path} {next_step}")


class _Stdin:
    """What comes on stdin: one JSON object, complete when it parses, or the bytes up to the end."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.said: object = None
        self.too_much = False

    def read(self, deadline: float, signals: Signals) -> None:
        """Read until the object is whole, or stdin's end, or the deadline; a signal is an end too.

        A signal ends the wait, never the reading: what has come already is taken.
        """
        ending = b""
        try:
            while signals.during(lambda: _more_within(deadline)) or (
                signals.caught and _more_within(0.0)
            ):
                more = os.read(0, _READ_BYTES)
                if not more or (self.received and monotonic() >= deadline):
                    return  # whoever writes without end is not waited for
                if self.too_much or len(self.received) + len(more) > deliver.PAYLOAD_LIMIT_BYTES:
                    self.too_much = True  # read on: whoever writes must not find the pipe broken
                    continue
                self.received += more
                ending = more.rstrip()[-1:] or ending
                if (
                    ending == b"}"
                    and (len(more) < _PIPE_BYTES or not _more_within(0.0))
                    and self.parsed() == ""
                ):
                    return
        except OSError:
            return  # closed by the caller

    def text(self) -> bytes:
        """Give the object's text; a byte order mark is no JSON."""
        return bytes(self.received).removeprefix(b"\xef\xbb\xbf").strip()

    def parsed(self) -> str:
        """Take what has come as JSON; give what is wrong with it."""
        from incumbent.lifecycle._small_json import loads

        try:
            self.said = loads(self.text())
        except (ValueError, RecursionError) as error:
            return str(error)
        return ""


def _more_within(deadline: float) -> bool:
    """Whether stdin has something before the deadline, its end too; one that is past asks now."""
    from select import select

    return bool(select([0], [], [], max(deadline - monotonic(), 0))[0])


def _payload(stdin: "_Stdin") -> tuple[dict[str, object] | None, bytes, str]:
    """Give the object to deliver, if there is one, its text, and the sentence of trouble."""
    if stdin.too_much:
        trouble = f"stdin is over {deliver.PAYLOAD_LIMIT_BYTES} bytes; nothing is delivered"
        return None, b"", trouble
    text = stdin.text()
    if not text:
        return {}, b"{}", "stdin was empty; the event goes without a payload"
    trouble = "" if stdin.said is not None else stdin.parsed()
    if trouble:
        return None, b"", f"stdin is no JSON ({trouble}); nothing is delivered"
    if not isinstance(stdin.said, dict):
        return None, b"", "stdin is JSON, but no object; nothing is delivered"
    return stdin.said, text, ""


def _budget() -> float:
    text = os.environ.get(TIMEOUT_VARIABLE)
    if not text:
        return TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0 < seconds < 1e6:
        return seconds
    tell(f"{TIMEOUT_VARIABLE} is {text!r}, expected a positive number of seconds")
    return TIMEOUT_S
