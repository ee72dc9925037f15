"""Finishes what is in flight, then lets every connection go, under a deadline.

A drain has three parts. While requests are in flight it goes on serving, since whoever connects
after the end of accepting waits for the last of them. In a quiet moment it stops accepting and ends
the streams, whose clients connect again by nature; should the app have to clean up after them, it
serves on meanwhile. What is left then has the rest of the time.

Whoever connects while nothing is accepted waits, so each of these looks takes milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

from .accepting import CLOSED_A_TURN, Accepting
from .leaving import HEAD_MOMENT_S, KEPT_LIMIT, Leaving
from .protocol import HttpConnection, Request
from .sessions import Session
from .traffic import Traffic, told

QUIET_SHARE = 0.5  # of a drain's time may be spent on waiting for a quiet moment
TRULY_QUIET_S = 0.25  # then a moment counts as quiet in which all that is in flight has just begun
JUST_BEGUN_S = 0.02
ENDS_AT_ONCE_S = 0.003  # what a stream may take to end while nothing is accepted
LOOK_S = 0.02  # how often a moment may become quiet although nothing ends
GOODBYE_S = 0.1  # for a client to take what it is sent at the end of its stream


class Drain:
    """One drain of one server's connections."""

    def __init__(self, traffic: Traffic, accepting: Accepting, leaving: Leaving) -> None:
        self._traffic, self._accepting, self._leaving = traffic, accepting, leaving

    async def run(self, keep: bool, timeout: float) -> list[str]:
        """Drain within `timeout` seconds; give what was ended or cut off, in sentences.

        With `keep`, some idle connections are kept: those that are too many are closed first.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        listener = self._accepting.listener
        said: list[str] = []
        ended: dict[asyncio.Task[None], Request | Session] = {}
        if keep:
            await self._close(list(self._traffic.idle())[KEPT_LIMIT:])
        while True:
            quiet = await self._quiet_moment(loop.time(), deadline - timeout * (1 - QUIET_SHARE))
            if not quiet:
                said += told("no quiet moment, others wait for", self._traffic.that_hold_up())
            self._accepting.stop()
            await self._accepting.all_arrived()  # from here on they count
            streams = self._end_streams()
            said += told("ended", streams.values())
            if await self._ended_at_once(streams, bool(ended)) or not quiet:
                break
            if listener is not None:
                self._accepting.start(listener)
            await asyncio.wait(streams, timeout=JUST_BEGUN_S)
            _cancel_unheard(streams)
            ended |= streams
        for task in ended:
            task.cancel()  # had its time to clean up, unless it is done
        self._traffic.when_idle = self._leaving.let_go
        for number, connection in enumerate(list(self._traffic.connections), 1):
            self._leaving.let_go(connection)
            if number % CLOSED_A_TURN == 0:
                await asyncio.sleep(0)  # what was closed gives its descriptor back
        try:
            await asyncio.wait_for(self._traffic.all_gone(), max(deadline - loop.time(), 0))
        except TimeoutError:
            said += told("cut off at the deadline:", self._traffic.in_flight.values())
            self._traffic.cut()
            await asyncio.sleep(0)
        return said

    async def _quiet_moment(self, began: float, deadline: float) -> bool:
        """Wait until nobody would have to wait for what is in flight; False when it is too late."""
        loop = asyncio.get_running_loop()
        if self._accepting.listener is None:
            return True
        while True:
            now = loop.time()
            oldest = min((request.since for request in self._traffic.that_hold_up()), default=now)
            heads = any(now - since < HEAD_MOMENT_S for since in self._traffic.half_open.values())
            patience = 0.0 if now - began < TRULY_QUIET_S else JUST_BEGUN_S
            if now - oldest <= patience and not (
                heads or self._accepting.arriving or self._traffic.are_sending()
            ):
                return True
            if now >= deadline:
                return False
            self._traffic.settled.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._traffic.settled.wait(), min(LOOK_S, deadline - now))

    def _end_streams(self) -> dict[asyncio.Task[None], Request | Session]:
        """End what would go on for ever; give the requests, whose apps may have to clean up."""
        ending = {t: r for t, r in self._traffic.in_flight.items() if r.is_stream or r.is_stalled}
        for request in ending.values():
            request.end()
            asyncio.get_running_loop().call_later(GOODBYE_S, request.connection.transport.abort)
        return ending

    async def _ended_at_once(
        self, streams: dict[asyncio.Task[None], Request | Session], again: bool
    ) -> bool:
        """Whether the apps have ended these; clients who were here before are heard no longer."""
        if streams:
            await asyncio.wait(streams, timeout=ENDS_AT_ONCE_S)
            if again:
                _cancel_unheard(streams)
                await asyncio.wait(streams, timeout=ENDS_AT_ONCE_S)
        return all(task.done() for task in streams)

    async def _close(self, connections: Iterable[HttpConnection]) -> None:
        """Close idle connections, some at a time."""
        for number, connection in enumerate(connections, 1):
            connection.shutdown()
            if number % CLOSED_A_TURN == 0:
                await asyncio.sleep(0)


def _cancel_unheard(streams: dict[asyncio.Task[None], Request | Session]) -> None:
    """Cancel responses that go on although nobody hears them; a websocket's app was told."""
    for task, request in streams.items():
        if isinstance(request, Request):
            task.cancel()
