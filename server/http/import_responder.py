"""Tells how the worker is while the app's import keeps the main thread busy."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from incumbent.lifecycle.client.proof import NONCE_BYTES

from .admission import Admission
from .peers import Peers
from .proving import Headers, question, told

HEALTH = b"GET /api/health HTTP/1."
READINESS = b"GET /api/readiness HTTP/1."
HEAD_LIMIT_BYTES = 8192
PATIENCE_S = 0.2  # a client that says nothing this long is left for the server
MOMENT_S = 0.001  # what has come already is read in less


class ImportResponder:
    """A thread that answers for the gate on the listener, setting aside what it can't answer.

    To it the worker is never ready. Like the gate, it lets in who speaks under one of `hosts`.
    """

    def __init__(
        self,
        listener: socket.socket,
        hosts: frozenset[bytes],
        report: Callable[[], dict[str, object]],
        secret: Callable[[], str],
    ) -> None:
        self._listener = listener.dup()
        self._peers = Peers()
        self._admission, self._report, self._secret = Admission(hosts), report, secret
        self._wake, self._told = socket.socketpair()
        self.aside: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._listener.setblocking(False)
        self._peers.begin(self._listener)
        self._thread.start()

    def stop(self) -> list[socket.socket]:
        """Stop, and give the connections set aside."""
        self._told.shutdown(socket.SHUT_RDWR)  # a child that the import forked has a copy
        self._told.close()
        self._thread.join()
        self._wake.close()
        self._listener.close()
        self._peers.end()
        return self.aside

    def _serve(self) -> None:
        while True:
            readable, _, _ = select.select([self._listener, self._wake], [], [])
            if self._wake in readable:
                return
            try:
                connection, address = self._listener.accept()
            except OSError:
                continue
            if not self._peers.admits(connection, address):
                connection.close()
            elif not self._answered(connection):
                self.aside.append(connection)

    def _answered(self, connection: socket.socket) -> bool:
        connection.settimeout(PATIENCE_S)
        try:
            begins = connection.recv(len(READINESS), socket.MSG_PEEK)
        except OSError:
            return False
        if not begins.startswith((HEALTH, READINESS)):
            return False
        with contextlib.suppress(OSError):
            asked = _head(connection, time.monotonic() + PATIENCE_S)
            if asked:
                connection.sendall(self._answer(asked, connection.getsockname()))
        connection.close()
        return True

    def _answer(self, asked: bytes, address: tuple[object, ...]) -> bytes:
        path = asked.split(b" ", 2)[1].decode()
        lines = [line.partition(b":") for line in asked.split(b"\r\n")[1:]]
        headers = [(name.lower(), value.strip()) for name, _, value in lines]
        refused = self._admission.refusal(path, headers)
        if refused is not None:
            return _response("403 Forbidden", {"error": refused.error, "code": refused.code})
        report = self._report()
        if not asked.startswith(HEALTH):
            said = {"ready": False, "state": report["state"]}
            return _response("503 Service Unavailable", said)
        asker = question(headers, self._secret(), address)
        said = told(report, asker)
        if asker is None:
            return _response("200 OK", said)
        ours = os.urandom(NONCE_BYTES).hex()
        return _response("200 OK", said, asker.proved(ours, address, json.dumps(said).encode()))


def _head(connection: socket.socket, deadline: float) -> bytes:
    """Give a request's head; empty when it is not whole by the deadline: no trickle holds us up."""
    asked = b""
    while b"\r\n\r\n" not in asked:
        connection.settimeout(max(deadline - time.monotonic(), MOMENT_S))
        more = connection.recv(4096)
        asked += more
        if not more or len(asked) > HEAD_LIMIT_BYTES or time.monotonic() > deadline:
            return b""
    return asked


def _response(status: str, said: dict[str, object], proof: Headers = ()) -> bytes:
    body = json.dumps(said).encode()
    head = b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n" % status.encode()
    head += b"".join(b"%s: %s\r\n" % header for header in proof)
    return b"%sContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (head, len(body), body)
