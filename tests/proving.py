"""Answers as a worker that holds the data dir's secret, for tests that stand in its place."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from incumbent.lifecycle.client.proof import NONCE_HEADER
from incumbent.server.http.proving import nonce_in, proved

SECRET = "ab" * 32
NONCE = "cd" * 16  # the one that a worker's stand-in draws


def keep_secret(data_dir: Path, secret: str = SECRET) -> str:
    """Make this data dir with its secret, and give its path."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    token = data_dir / "token"
    token.write_text(secret + "\n")
    token.chmod(0o600)
    return str(data_dir)


def proof_of(asked: bytes, address: tuple[object, ...], body: bytes, secret: str = SECRET) -> bytes:
    """Give the header lines that prove a report to who asked so."""
    lines = [line.partition(b":") for line in asked.split(b"\r\n")[1:]]
    theirs = nonce_in([(name.lower(), value.strip()) for name, _, value in lines])
    assert theirs, f"no {NONCE_HEADER} in {asked!r}"
    headers = proved(secret, theirs, NONCE, address, body)
    return b"".join(b"%s: %s\r\n" % header for header in headers)


def proving(
    body: bytes, then: Callable[[socket.socket], object] | None = None, secret: str = SECRET
) -> Callable[[socket.socket], object]:
    """Give a server that proves itself with this report, then does something else."""

    def serve(connection: socket.socket) -> None:
        asked = connection.recv(65536)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body)
        head += proof_of(asked, connection.getsockname(), body, secret)
        connection.sendall(head + b"\r\n" + body)
        if then is not None:
            then(connection)

    return serve
