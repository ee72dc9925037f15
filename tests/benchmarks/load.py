"""The load on a worker, from a process of its own: each request's begin, end, success as a line.

Run as a script with one JSON argument. Imports nothing of the project, since what it shares with
the tested side it would also slow down.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

TIMEOUT_S = 10.0


class Exchange(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.lost = False
        self._received = b""
        self._waiting: asyncio.Future[str] | None = None
        self.body = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, gap, body = self._received.partition(b"\r\n\r\n")
        if not gap:
            return
        length = int(head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0] or 0)
        if len(body) >= length:
            self.body = body
            self._received = b""
            self._done("" if head.startswith(b"HTTP/1.1 200") else head[:12].decode())

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._done(type(exc).__name__ if exc else "closed without an answer")

    def _done(self, why: str) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(why)

    async def ask(self, request: bytes) -> str:
        """Give nothing for a good answer, else why there is none."""
        self._waiting = asyncio.get_running_loop().create_future()
        if self.lost:
            return "closed before the request"
        self.transport.write(request)
        return await self._waiting


class Load:
    """New connections at a fixed rate, clients that keep theirs, one with a slow request."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.port = int(said["port"])
        self._said = said
        self._file = open(said["out"], "w", encoding="ascii")  # noqa: SIM115 - closed in `run`
        self._running = True
        self._tasks: set[asyncio.Task[None]] = set()

    def request(self, path: str, keep: bool) -> bytes:
        close = "" if keep else "Connection: close\r\n"
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{close}\r\n".encode()

    def write(self, kind: str, begun: float, why: str, body: bytes) -> None:
        now = time.monotonic()
        pid = json.loads(body)["pid"] if not why else 0
        self._file.write(json.dumps([kind, begun, now, why, pid]) + "\n")

    async def connected(self) -> Exchange:
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Exchange, "127.0.0.1", self.port))[1]

    async def one(self, kind: str, path: str) -> None:
        begun = time.monotonic()
        connection, why = None, ""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                connection = await self.connected()
                why = await connection.ask(self.request(path, keep=False))
        except (OSError, TimeoutError) as error:
            why = type(error).__name__
        self.write(kind, begun, why, connection.body if connection else b"")
        if connection is not None:
            connection.transport.close()

    async def at_a_rate(self) -> None:
        every = 1 / self._said["per_second"]
        due = time.monotonic()
        while self._running:
            task = asyncio.ensure_future(self.one("new", "/"))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += every
            await asyncio.sleep(max(due - time.monotonic(), 0))

    async def keeping(self) -> None:
        connection: Exchange | None = None
        while self._running:
            await asyncio.sleep(self._said["pause"])
            begun = time.monotonic()
            why = ""
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    if connection is None or connection.lost:
                        connection = await self.connected()
                    why = await connection.ask(self.request("/", keep=True))
            except (OSError, TimeoutError) as error:
                why = type(error).__name__
            self.write("kept", begun, why, connection.body if connection else b"")
        if connection is not None:
            connection.transport.close()

    async def slowly(self) -> None:
        while self._running:
            await self.one("slow", "/slow")
            await asyncio.sleep(0.01)  # also when every request is refused at once

    async def run(self) -> None:
        """Go on until stdin ends."""
        clients = [self.keeping() for _ in range(self._said["kept"])]
        if self._said["per_second"]:
            clients.append(self.at_a_rate())
        if self._said["slow"]:
            clients.append(self.slowly())
        tasks = [asyncio.ensure_future(client) for client in clients]
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(sys.stdin, ended.set)
        await ended.wait()
        loop.remove_reader(sys.stdin)
        self._running = False
        await asyncio.gather(*tasks, *self._tasks)
        self._file.close()


if __name__ == "__main__":
    asyncio.run(Load(json.loads(sys.argv[1])).run())
