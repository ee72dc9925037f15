"""Answers the health question while the app's import keeps the main thread busy."""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Callable

QUESTION = b"GET /api/health HTTP/1."
PATIENCE_S = 0.2  # a client that says nothing this long is left for the server


class Porter:
    """A thread that answers health on the listener and sets every other connection aside."""

    def __init__(self, listener: socket.socket, report: Callable[[], dict[str, object]]) -> None:
        self._listener = listener.dup()
        self._report = report
        self._wake, self._told = socket.socketpair()
        self.aside: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._listener.setblocking(False)
        self._thread.start()

    def stop(self) -> list[socket.socket]:
        """Stop, and give the connections set aside."""
        self._told.close()
        self._thread.join()
        self._wake.close()
        self._listener.close()
        return self.aside

    def _serve(self) -> None:
        while True:
            readable, _, _ = select.select([self._listener, self._wake], [], [])
            if self._wake in readable:
                return
            try:
                connection, _ = self._listener.accept()
            except OSError:
                continue
            if not self._answered(connection):
                self.aside.append(connection)

    def _answered(self, connection: socket.socket) -> bool:
        connection.settimeout(PATIENCE_S)
        try:
            if connection.recv(len(QUESTION), socket.MSG_PEEK) != QUESTION:
                return False
            asked = b""
            while b"\r\n\r\n" not in asked and len(asked) < 8192:
                more = connection.recv(4096)
                if not more:
                    break
                asked += more
            body = json.dumps(self._report()).encode()
            head = (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            connection.sendall(head.encode() + body)
        except TimeoutError:
            return False
        except OSError:
            pass
        connection.close()
        return True
