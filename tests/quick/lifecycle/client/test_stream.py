"""An answer that is read while it comes is whole, or told to be cut off."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from incumbent.lifecycle.client.http import NotHttpError, SilentError, field
from incumbent.lifecycle.client.stream import AskerGoneError, Stream

PATIENCE_S = 30.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nX-Case: KeepsIt\r\n"


class Server:
    """Takes one request's head, says what it is told, then the rest; keeps what it heard."""

    def __init__(self, *pieces: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.heard = b""
        self._pieces = pieces
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, contextlib.suppress(ConnectionError):  # the asker may go at any time
            while b"\r\n\r\n" not in self.heard:
                self.heard += connection.recv(65536)
            for piece in self._pieces:
                connection.sendall(piece)
                if piece == CONTINUE:
                    self.heard += connection.recv(65536)  # nothing, where the asker is gone

    def end(self) -> None:
        self._thread.join()
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    begun: list[Server] = []

    def begin(*pieces: bytes) -> Server:
        begun.append(Server(*pieces))
        return begun[-1]

    yield begin
    for server in begun:
        server.end()


def told(server: Server, body: bytes = b"asked") -> tuple[Stream, int, bytes, list[bytes]]:
    stream = Stream("127.0.0.1", server.port, PATIENCE_S)
    try:
        status, head = stream.begin("POST", "/mcp", body, "", PATIENCE_S)
        pieces = list(stream.pieces(head, PATIENCE_S))
    finally:
        stream.close()
    return stream, status, head, pieces


@pytest.mark.parametrize(
    "answer",
    [
        (OK + b"Content-Length: 6\r\n\r\nabcdef",),
        (OK + b"Content-Length: 6\r\n\r\nab", b"cd", b"ef"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n4", b"\r\ncdef\r\n0\r\n\r\n"),
        (OK + b"\r\nabc", b"def"),
    ],
    ids=["at once", "in pieces", "chunked", "until the end"],
)
def test_a_whole_answer_is_given(serve, answer):
    server = serve(CONTINUE, *answer)
    stream, status, head, pieces = told(server)
    assert (status, b"".join(pieces)) == (200, b"abcdef")
    assert field(head, b"x-case") == b"KeepsIt"
    assert stream.taken
    assert server.heard.endswith(b"\r\n\r\nasked")


def test_the_body_is_kept_back_from_who_refuses_at_once(serve):
    server = serve(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    stream, status, _, pieces = told(server)
    assert (status, pieces, stream.taken) == (401, [], False)
    assert server.heard.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        (OK + b"Content-Length: 6\r\n\r\nabc",),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n6\r\nabc",),
        (b"HTTP/1.1 200",),
        (),
    ],
    ids=["length", "chunk", "head", "nothing"],
)
def test_an_answer_that_is_cut_off_is_told(serve, answer):
    server = serve(CONTINUE, *answer)
    with pytest.raises(SilentError):
        told(server)


def test_what_is_no_http_is_told(serve):
    server = serve(b"220 mail.example ESMTP\r\n\r\n")
    with pytest.raises(NotHttpError):
        told(server)


def test_nobody_waits_for_an_answer_that_nobody_wants(serve):
    reading, writing = os.pipe()
    server = serve(CONTINUE)
    stream = Stream("127.0.0.1", server.port, PATIENCE_S, writing)
    os.close(reading)
    with pytest.raises(AskerGoneError):
        stream.begin("POST", "/mcp", b"asked", "", PATIENCE_S)
    stream.close()
    os.close(writing)
