"""Leaves nothing of the worker with a child that its app forks.

Close-on-exec does nothing for a fork without exec (`multiprocessing`, a process pool, `os.fork`):
such a child would hold the port after the worker has gone. And by the loop's way to wake at a
signal, which both would share, a signal sent to the child would reach the worker.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterable
from typing import Any

_interrupt = signal.default_int_handler


def leave_children(host: str, port: int, others: Callable[[], Iterable[Any]]) -> None:
    """From now on a forked child has no socket on this address, and none of `others`."""
    os.register_at_fork(after_in_child=lambda: _leave(host, port, others()))


def _leave(host: str, port: int, others: Iterable[Any]) -> None:
    signal.set_wakeup_fd(-1)
    for received, usual in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, _interrupt)):
        if _is_of_the_loop(signal.getsignal(received)):
            signal.signal(received, usual)
    numbers = {other.fileno() for other in others} | set(_on(host, port))
    numbers.discard(-1)
    if not numbers:
        return
    # Whoever has the object closes the number once more: it must not be free meanwhile.
    first = numbers.pop()
    with contextlib.suppress(OSError):
        os.close(first)
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for number in numbers:
            os.dup2(nothing, number, inheritable=False)
        if nothing != first:
            os.dup2(nothing, first, inheritable=False)
            os.close(nothing)


def _is_of_the_loop(handler: Any) -> bool:
    return str(getattr(handler, "__module__", "")).startswith(("asyncio.", "uvloop."))


def _on(host: str, port: int) -> Iterable[int]:
    """Give the descriptors of sockets on this address: the listener, accepted connections."""
    for number in _open_descriptors():
        try:
            found = socket.socket(fileno=number)
        except OSError:
            continue  # no socket, or the one that listed them
        try:
            if found.getsockname()[:2] == (host, port):
                yield number
        except OSError:
            continue
        finally:
            found.detach()


def _open_descriptors() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        return []
