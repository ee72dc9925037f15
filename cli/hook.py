"""Brings one event from an agent's hook to the worker, whatever stands in the way."""

from __future__ import annotations

import os
import sys
from time import monotonic, sleep

from incumbent.lifecycle import deliver
from incumbent.lifecycle.about import command
from incumbent.lifecycle.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from incumbent.lifecycle.settings import Worker

TIMEOUT_VARIABLE = "INCUMBENT_HOOK_TIMEOUT"
TIMEOUT_S = 10.0  # an agent waits for its hooks
RESERVE = 0.05  # of that, for what comes before the first line and after the last try
PAUSE_S = 0.02
PAUSE_LIMIT_S = 0.5

# Claude Code goes on, and shows the user nothing of it. Every event takes these two fields.
ANSWER = b'{"continue": true, "suppressOutput": true}\n'

_READ_BYTES = 1 << 20
_HAD = b"\0+"
_NOT_HAD = b"\0-"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the event's name."""
    parser.add_argument("event", metavar="EVENT", help="such as SessionStart")


def run(worker: Worker, options: argparse.Namespace) -> int:
    """Bring the event on stdin to this worker; 0 whatever happens."""
    return _answered(lambda: _fire(lambda: worker, str(options.event), monotonic()))


def quick(argv: list[str], make: Callable[..., Worker]) -> int:
    """Do what `[--data-dir D] [--port P] [--json] hook EVENT` asks; 0 whatever happens.

    A hook's caller takes exit code 2 as an order to block: so a usage error is told on stderr
    only, and stdout has its one object all the same.
    """
    began = monotonic()

    def ask() -> None:
        given, event = _words(argv)
        _fire(lambda: make(**given), event, began)

    return _answered(ask)


class _UnusableError(Exception):
    """There is nothing that could be delivered; the sentence says why."""


def _answered(act: Callable[[], None]) -> int:
    if sys.stderr is None:  # closed by the caller: `print` would turn to stdout
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    try:
        act()
    except _UnusableError as error:
        _tell(str(error))
    except BaseException as error:  # a hook never breaks its caller
        _tell(f"the event is lost: {type(error).__name__}: {error}")
    try:
        os.write(1, ANSWER)
    except OSError:
        return 0
    return 0


def _words(argv: list[str]) -> tuple[dict[str, str], str]:
    given: dict[str, str] = {}
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name in ("--data-dir", "--port"):
            given[name[2:].replace("-", "_")] = value if equals else next(words, "")
        elif word != "--json":
            rest.append(word)
    if len(rest) != 2 or rest[1].startswith("-"):
        raise _UnusableError(f"usage: {command()} hook EVENT, with one JSON object on stdin")
    return given, rest[1]


def _fire(make_worker: Callable[[], Worker], event: str, began: float) -> None:
    deadline = began + _budget() * (1 - RESERVE)
    payload, trouble = _payload(_read_stdin(deadline))
    if trouble:
        _tell(trouble)
    try:
        worker = make_worker()
    except Exception as error:
        raise _UnusableError(f"{error}; the event is lost") from error
    body = b""
    if payload is not None:
        if not 0 < len(event) <= deliver.NAME_LIMIT:
            _tell(f"an event's name has 1 to {deliver.NAME_LIMIT} letters; nothing is delivered")
        else:
            body = deliver.envelope(deliver.new_id(), event, payload)
    spool = Spool(worker.path("spool"))
    try:
        done = _delivered(worker, spool, body, deadline)
    except Exception as error:  # no process to be had, no descriptor: the event need not be lost
        _tell(f"{type(error).__name__}: {error}")
        done = False
    if body and not done:
        _keep(spool, body)


def _delivered(worker: Worker, spool: Spool, body: bytes, deadline: float) -> bool:
    """Give whether the event has found its end, as delivered or as refused for good."""
    pause = PAUSE_S
    while True:
        had, final = _reached(worker, deadline)
        if had:
            word, why = _sent(worker, spool, body, deadline)
            if word == deliver.REFUSED:
                _tell(f"the event is lost: {why}")
            if word != deliver.UNDELIVERED:
                return True
        elif final:
            return False
        if monotonic() + pause >= deadline:
            return False
        sleep(pause)
        pause = min(pause * 2, PAUSE_LIMIT_S)


def _sent(worker: Worker, spool: Spool, body: bytes, deadline: float) -> tuple[str, str]:
    def send(what: bytes) -> tuple[str, str]:
        remaining = deadline - monotonic()
        if remaining <= 0:
            return deliver.UNDELIVERED, "no time left"
        return deliver.deliver(worker.host, worker.port, what, remaining)

    if spool.waiting():
        stopped, sentences = spool.hand_over(send)
        for sentence in sentences:
            _tell(sentence)
        if stopped:
            return deliver.UNDELIVERED, ""
    return send(body) if body else (deliver.DELIVERED, "")


def _reached(worker: Worker, deadline: float) -> tuple[bool, bool]:
    """Give whether there is a worker, and if not, whether that is final."""
    from incumbent.lifecycle.glance import Glance

    glance = Glance(worker, "hook")
    try:
        if glance.health(deadline - monotonic()) is not None:
            return True, False
        had, final = _launched_apart(worker, deadline)
    finally:
        glance.close()
    worker.notices.clear()  # the launch has told them
    return had, final


def _keep(spool: Spool, body: bytes) -> None:
    try:
        path = spool.keep(body)
    except OSError as error:
        _tell(f"the event is lost: can't keep it in {spool.path}: {error.strerror}")
        return
    _tell(f"the event is kept in {path} for the next hook to deliver; run `{command()} doctor`")


# A launch may take longer than a hook can wait, and whoever has spawned a child must settle it:
# so the launch runs in a process of its own, which ends its work when the hook is gone.


def _launched_apart(worker: Worker, deadline: float) -> tuple[bool, bool]:
    from select import select

    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _launch(worker, deadline, theirs)
        finally:
            os._exit(0)
    os.close(theirs)
    said = b""
    while (remaining := deadline - monotonic()) > 0 and select([ours], [], [], remaining)[0]:
        more = os.read(ours, 65536)
        if not more:
            break
        said += more
    os.close(ours)
    os.waitpid(pid, os.WNOHANG)
    talk, mark, verdict = said.partition(b"\0")
    if talk:
        sys.stderr.write(talk.decode(errors="replace"))
    if not mark:
        _tell("no worker within the hook's time")
    return mark + verdict == _HAD, mark + verdict == _NOT_HAD


class _Pipe:
    """What stands in for stderr in the launch: nobody may be there to read it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, text: str) -> int:
        try:
            os.write(self._fd, text.encode())
        except OSError:
            return 0
        return len(text)

    def flush(self) -> None:
        return


def _launch(worker: Worker, deadline: float, fd: int) -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    talk = _Pipe(fd)
    sys.stderr = talk
    from incumbent.lifecycle import health as h
    from incumbent.lifecycle.errors import IncumbentError, NotVerifiedError
    from incumbent.lifecycle.runs import ensure

    had = False
    try:
        ensure(worker, timeout=max(deadline - monotonic(), 0.01), door="hook")
        had = True
    except NotVerifiedError as error:
        had = error.seen is not None and error.seen.kind in (h.SERVING, h.LEAVING)
        _tell(str(error))
    except IncumbentError as error:
        _tell(str(error))
    except Exception as error:
        _tell(f"{type(error).__name__}: {error}")
    talk.write((_HAD if had else _NOT_HAD).decode())


def _read_stdin(deadline: float) -> bytes | None:
    """Give what came on stdin until its end or the deadline; None when it is too much."""
    from select import select

    received = bytearray()
    too_much = False
    try:
        while select([0], [], [], max(deadline - monotonic(), 0))[0]:
            more = os.read(0, _READ_BYTES)
            if not more:
                break
            if too_much or len(received) + len(more) > deliver.PAYLOAD_LIMIT_BYTES:
                too_much = True  # read on: whoever writes must not find the pipe broken
                continue
            received += more
    except OSError:
        return b""
    return None if too_much else bytes(received)


def _payload(received: bytes | None) -> tuple[bytes | None, str]:
    """Give the text of the object to deliver, if there is one, with the sentence of trouble."""
    from incumbent.lifecycle.quickjson import loads

    if received is None:
        return None, f"stdin is over {deliver.PAYLOAD_LIMIT_BYTES} bytes; nothing is delivered"
    text = received.removeprefix(b"\xef\xbb\xbf").strip()  # a byte order mark is no JSON
    if not text:
        return b"{}", "stdin was empty; the event goes without a payload"
    try:
        said = loads(text)
    except (ValueError, RecursionError) as error:
        return None, f"stdin is no JSON ({error}); nothing is delivered"
    if not isinstance(said, dict):
        return None, "stdin is JSON, but no object; nothing is delivered"
    return text, ""


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
    _tell(f"{TIMEOUT_VARIABLE} is {text!r}, expected a positive number of seconds")
    return TIMEOUT_S


def _tell(sentence: str) -> None:
    from incumbent.lifecycle.messages import printable  # a hook with nothing to tell does not pay

    try:
        print(printable(f"{command()}: {sentence}"), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return  # nobody listens
