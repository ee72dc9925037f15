"""Answers as a worker that holds the data dir's secret, for tests that stand in its place."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from incumbent.lifecycle.client.http import Connection
from incumbent.lifecycle.client.proof import (
    NONCE_HEADER,
    PROOF_HEADER,
    QUESTION,
    UnprovedError,
    address_bytes,
    ask_for_events,
    ask_for_proof,
    keyed_hash,
    secret_of,
)
from incumbent.server.http.proving import Question

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
    fields = {name.lower(): value.strip() for name, _, value in lines}
    theirs = fields[NONCE_HEADER.encode()]
    headers = Question(secret, theirs).proved(NONCE, address, body)
    return b"".join(b"%s: %s\r\n" % header for header in headers)


def question(
    address: tuple[object, ...], nonce: bytes = b"mine", secret: str = SECRET
) -> tuple[tuple[bytes, bytes], ...]:
    """Give the headers by which one of ours asks for a worker's whole report."""
    proof = keyed_hash(secret, QUESTION, nonce, address_bytes(address))
    return ((NONCE_HEADER.encode(), nonce), (PROOF_HEADER.encode(), proof.encode()))


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


def proved(
    port: int, data_dir: object, method: str, target: str, body: bytes = b"", timeout: float = 10.0
) -> tuple[int, Any]:
    """Give the status of one answer, with what its JSON says, to one of ours who proves it."""
    connection = Connection("127.0.0.1", port, timeout)
    try:
        if target == "/api/health":
            said = ask_for_proof(connection, secret_of(str(data_dir)))
            return said.status, json.loads(said.body)
        status, _, answer, _ = ask_for_events(connection, str(data_dir), method, target, body)
    except UnprovedError:  # a worker of 0.1: it asks for none
        status, _, answer = connection.ask(method, target, body)
    finally:
        connection.close()
    return status, json.loads(answer)
