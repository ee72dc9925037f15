"""Ends this process when its event loop stands still, with all stacks in its log.

The interpreter's own timer does it, a thread of C: it needs neither the loop nor the interpreter's
lock, so a handler that blocks, a busy loop and C code that never lets go are all found. The loop
puts the end off with every tick.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
from collections.abc import Callable
from typing import TypeVar

from incumbent.lifecycle.machine import states as s
from incumbent.lifecycle.posix.hung import ASK_FOR_STACKS

T = TypeVar("T")

TICK_S = 0.5  # by then the loop has put the end off; what is gone is noticed within a second
SPARE_S = 2.0  # for what ends a late process otherwise: its watchdog, its parent, a cancellation
LOG_FD = 2  # wherever the log is rotated to, it is on this number

COMING_UP = s.COMING_UP_STATES | s.RESUMED_STATES | {s.IDLE, s.STANDBY, s.READY}
# What a drain would cut off, and the app's end.
ENDING_THE_APP = frozenset({s.DRAINING, s.DRAINED, s.STOPPING, s.STOPPING_DRAINED})


class HangWatch:
    """What ends a process whose loop stands still for longer than a worker in its state may.

    `timeout` is for one that serves, 0 for never; an import, or an app's start, may block the loop
    for the whole `start_timeout`, what is in flight and an app's end for `drain_timeout`. All in
    seconds.
    """

    def __init__(self, timeout: float, start_timeout: float, drain_timeout: float) -> None:
        self._timeout = timeout
        self._start, self._end = start_timeout + SPARE_S, drain_timeout + SPARE_S
        self._limit = 0.0
        self._forks = 0
        if timeout:
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=self._after_fork,
                after_in_child=self._in_child,
            )

    def enter(self, state: str) -> None:
        """Watch by what is right for this state, from now on."""
        limit = self._limit_of(state)
        if limit != self._limit:
            self._limit = limit
            self.tick()

    def tick(self) -> None:
        """Put the end off; to be called by the loop every `TICK_S` seconds."""
        if self._limit and not self._forks:
            with contextlib.suppress(RuntimeError, MemoryError):  # no thread for it: the next tick
                faulthandler.dump_traceback_later(self._limit, exit=True, file=LOG_FD)

    def _limit_of(self, state: str) -> float:
        if not self._timeout:
            return 0.0
        if state in COMING_UP:
            return self._start
        serving = self._timeout + TICK_S  # a hang begins at any moment between two ticks
        return min(serving, self._end) if state in ENDING_THE_APP else serving

    def _before_fork(self) -> None:
        """Leave no timer with the child: it would wait at its end for a thread that it has not."""
        self._forks += 1
        faulthandler.cancel_dump_traceback_later()

    def _after_fork(self) -> None:
        self._forks -= 1
        self.tick()

    def _in_child(self) -> None:
        self._limit = 0.0


def write_stacks_when_asked() -> None:
    """Write all stacks to the log at the signal with which a launcher asks for them; go on."""
    faulthandler.register(ASK_FOR_STACKS, file=LOG_FD, all_threads=True, chain=False)


def end_if_the_loop_stands_still_longer_than_hang_timeout(program: Callable[[], T]) -> T:
    """Run the program. The stacks that a watch writes hold names alone: this one says why."""
    return program()
