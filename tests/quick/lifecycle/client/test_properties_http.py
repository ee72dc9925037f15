"""Whatever a neighbour on the port says, in whatever pieces, a question ends with a verdict."""

from __future__ import annotations

import itertools
import socket
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incumbent.lifecycle.client.http import (
    Connection,
    DarkError,
    NotHttpError,
    SilentError,
)
from incumbent.lifecycle.client.probe import probe
from incumbent.lifecycle.health import DARK, FOREIGN, SILENT

PROFILE = settings(derandomize=False, print_blob=True, deadline=None, max_examples=120)
PATIENCE_S = 2.0
ENOUGH_S = PATIENCE_S + 3.0  # past this the deadline did not hold


def exchange(port: int) -> tuple[int, bytes]:
    """Give the status and the body of one answer."""
    connection = Connection("127.0.0.1", port, PATIENCE_S)
    try:
        status, _, body = connection.ask("GET", "/api/health")
    finally:
        connection.close()
    return status, body


class Neighbour:
    """A listener that answers each connection with the pieces it was given, then closes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.pieces: list[bytes] = []
        self.hears = True
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if self.hears:
                connection.recv(65536)
            for piece in self.pieces:
                connection.sendall(piece)
        except OSError:
            return  # the one who asked has heard enough


@pytest.fixture(scope="module")
def neighbour():
    there = Neighbour()
    yield there
    there.close()


@st.composite
def pieces_of(draw, content: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=5)))
    edges = [0, *cuts, len(content)]
    return [content[a:b] for a, b in itertools.pairwise(edges)]


STATUS_LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.0 404 No",
        b"HTTP/1.1 2",
        b"HTTP/1.1 ",
        b"HTTP/2 200",
        b"SSH-2.0-x",
    ]
)
LENGTHS = st.sampled_from(
    [b"", b"Content-Length: 3", b"content-length:0", b"Content-Length: -1", b"Content-Length: 9e9"]
) | st.integers(0, 10**12).map(lambda n: b"Content-Length: %d" % n)
NEAR_HTTP = st.builds(
    lambda status, length, gap, body: status + b"\r\n" + length + gap + body,
    STATUS_LINES,
    LENGTHS,
    st.sampled_from([b"\r\n\r\n", b"\r\n", b"\n\n", b"", b"\r\n\r\n\r\n"]),
    st.binary(max_size=40),
)


@PROFILE
@given(st.data())
def test_any_bytes_in_any_pieces_end_in_an_answer_or_a_named_error(neighbour, data):
    content = data.draw(st.binary(max_size=300) | NEAR_HTTP)
    neighbour.pieces = data.draw(pieces_of(content))
    neighbour.hears = data.draw(st.booleans())
    begun = time.monotonic()
    try:
        status, body = exchange(neighbour.port)
    except (SilentError, NotHttpError):
        pass
    else:
        assert content.startswith(b"HTTP/1.")
        assert 0 <= status <= 999
        assert body in content
    assert time.monotonic() - begun < ENOUGH_S


@PROFILE
@given(st.data())
def test_a_whole_answer_is_given_whole_however_it_is_cut(neighbour, data):
    body = data.draw(st.binary(max_size=200))
    status = data.draw(st.integers(100, 599))
    extra = data.draw(st.sampled_from([b"", b"trailing bytes"]))
    name = data.draw(st.sampled_from([b"Content-Length", b"content-length", b"CONTENT-LENGTH"]))
    whole = b"HTTP/1.1 %d X\r\nServer: y\r\n%s: %d\r\n\r\n" % (status, name, len(body)) + body
    neighbour.pieces = data.draw(pieces_of(whole + extra))
    neighbour.hears = True
    assert exchange(neighbour.port) == (status, body)


@PROFILE
@given(st.data())
def test_a_stranger_on_the_port_is_foreign_or_silent_and_never_dark(neighbour, data):
    neighbour.pieces = data.draw(pieces_of(data.draw(st.binary(max_size=200) | NEAR_HTTP)))
    neighbour.hears = data.draw(st.booleans())
    seen = probe("127.0.0.1", neighbour.port, "incumbent", "/data", PATIENCE_S)
    assert seen.kind in (FOREIGN, SILENT)
    assert seen.health is None
    assert seen.kind != DARK


def test_an_answer_without_end_is_given_up(neighbour):
    neighbour.pieces = [b"HTTP/1.1 200 OK\r\n\r\n", *([b"x" * 65536] * 40)]
    neighbour.hears = True
    with pytest.raises(NotHttpError):
        exchange(neighbour.port)


def test_a_closed_port_is_dark(sandbox):
    with pytest.raises(DarkError):
        exchange(sandbox.port)
