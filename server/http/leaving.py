"""Lets connections go when nothing is under way on them: closed, or kept for a successor."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from incumbent.lifecycle.messages import say

from .protocol import HttpConnection
from .traffic import Traffic

KEPT_LIMIT = 1000  # connections carried over a handover; more are closed politely
HEAD_MOMENT_S = 0.1  # a head that comes in two pieces is whole in less


class Leaving:
    """The leaving of one server; with `keep` idle connections are copied into `kept`."""

    def __init__(self, traffic: Traffic, keep: bool, kept: list[socket.socket]) -> None:
        self._traffic, self._keep, self._kept = traffic, keep, kept

    def let_go(self, connection: Any) -> None:
        """Close a connection, or keep a copy of it, once nothing is under way on it."""
        asyncio.get_running_loop().call_soon(self._traffic.settled.set)
        if connection not in self._traffic.connections or connection.transport.is_closing():
            return
        try:
            self._left(connection)
        except OSError as error:  # above all when there is no descriptor for a copy
            say([f"a connection is closed: {error.strerror}"])
            connection.shutdown()
        except Exception as error:  # one connection does not keep a worker from leaving
            say([f"a connection is cut off: {error!r}"])
            connection.transport.abort()

    def _left(self, connection: Any) -> None:
        if not isinstance(connection, HttpConnection):
            connection.shutdown()
        elif connection in self._traffic.half_open:
            loop = asyncio.get_running_loop()
            left = self._traffic.half_open[connection] + HEAD_MOMENT_S - loop.time()
            if left > 0:
                loop.call_later(left, self.let_go, connection)
            else:
                connection.refuse_head()
        elif not connection.is_answered:
            return  # comes back through `turned_idle`, or is cut off at the deadline
        elif self._keep and connection.is_idle and len(self._kept) < KEPT_LIMIT:
            transport = connection.transport
            transport.pause_reading()
            self._kept.append(transport.get_extra_info("socket").dup())
            transport.abort()  # closes this descriptor only: the connection lives on in the copy
        else:
            connection.shutdown()  # once all of the answer is taken
