"""Whatever bytes come, the worker serves on, and the app sees nothing that is not meant for it.

`FUZZED=20000` in the environment is a longer search, `--hypothesis-seed` gives the same again.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..world import World

pytestmark = [pytest.mark.process, pytest.mark.hypothesis]

EXAMPLES = int(os.environ.get("FUZZED", "250"))
PATIENCE_S = 30.0

# Takes note of all that should never have reached it.
APP = """
import os
__version__ = "1.0.0"
noted = os.path.join(os.environ["INCUMBENT_DATA_DIR"], "let-in")
port = os.environ["INCUMBENT_PORT"]
OURS = {f"{host}{end}".encode() for host in ("127.0.0.1", "localhost", "[::1]")
        for end in ("", f":{port}")}

def is_wrong(scope):
    found = {name: [v for n, v in scope["headers"] if n == name]
             for name in (b"host", b"origin", b"sec-fetch-site")}
    path = scope["path"]
    return (
        len(found[b"host"]) != 1 or found[b"host"][0].lower() not in OURS
        or found[b"origin"] not in ([], [b"http://127.0.0.1:" + port.encode()])
        or found[b"sec-fetch-site"] not in ([], [b"none"], [b"same-origin"])
        or path == "/api/events" or path.startswith(("/api/events/", "/api/admin/", "/lifecycle/"))
        or path in ("/api/health", "/api/readiness", "/api/metrics", "/api/trace", "/lifecycle")
        or path[:1] not in "/*"
    )

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if is_wrong(scope):
        with open(noted, "a") as file:
            file.write(repr(scope) + "\\n")
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"app"})
"""

NOISE = st.binary(max_size=40)
EVENTS, HEALTH = b"/api/events", b"/api/health"
PATHS = (
    b"/", b"*", b"", HEALTH, b"/api/readiness", b"/api/metrics", b"/api/trace?follow=1&after=-1",
    b"/lifecycle?once=1.2.3", b"/lifecycle/events", b"/api/admin/restart", b"/api/admin/shutdown",
    b"/api/admin/../x", EVENTS, EVENTS + b"?last=1", EVENTS + b"/", b"//api/events",
    b"/api/%65vents", b"/api/events%2f", b"/%00", b"/%ff%fe", b"http://127.0.0.1/", b"/\xe9",
)  # fmt: skip
NAMES = (
    b"Host", b"HOST", b"Host ", b"Origin", b"Sec-Fetch-Site", b"Content-Length", b"Connection",
    b"Transfer-Encoding", b"Upgrade", b"Sec-WebSocket-Key", b"Sec-WebSocket-Version", b"Expect",
    b"Authorization", b"Incumbent-Nonce", b"Incumbent-Proof", b"Cookie", b"Content-Type", b" ", b"",
)  # fmt: skip
VALUES = (
    b"evil.example", b"localhost", b"127.0.0.1", b"null", b"http://evil.example", b"same-site",
    b"same-origin", b"0", b"5", b"-1", b"+1", b"99999999999999999999", b"1, 1", b"chunked",
    b"identity", b"close", b"keep-alive", b"Upgrade", b"websocket", b"h2c", b"13", b"100-continue",
    b"Incumbent " + b"a" * 64, b"Bearer x", b"x" * 300, b"application/json", b"\xff", b"\x00",
)  # fmt: skip
METHODS = (
    b"GET", b"HEAD", b"POST", b"PUT", b"OPTIONS", b"TRACE", b"CONNECT", b"PRI", b"get", b"G\x00",
    b"",
)  # fmt: skip
BODIES = st.one_of(
    st.just(b""), NOISE, st.just(b"{}"), st.just(b"5\r\nhello\r\n0\r\n\r\n"),
    st.just(b"ffffffffffffffff\r\nx"), st.just(b"5;x=" + b"y" * 300 + b"\r\nhello\r\n0\r\n\r\n"),
    st.just(b"-5\r\nhello\r\n"), st.just(b"0\r\nHost: evil.example\r\n\r\n"),
)  # fmt: skip


def one_of(*texts: bytes) -> st.SearchStrategy[bytes]:
    return st.one_of(st.sampled_from(texts), NOISE)


@st.composite
def requests(draw: Callable[..., Any], host: bytes) -> bytes:
    """Give a request that is nearly one: mostly well-formed, with our name in nine of ten."""
    headers = draw(st.lists(st.tuples(one_of(*NAMES), one_of(*VALUES)), max_size=5))
    if draw(st.integers(0, 9)):
        headers.insert(draw(st.integers(0, len(headers))), (b"Host", host))
    version = draw(
        st.sampled_from((b"HTTP/1.1", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/9", b""))
    )
    end = draw(st.sampled_from((b"\r\n", b"\r\n", b"\r\n", b"\n")))
    lines = [b" ".join((draw(one_of(*METHODS)), draw(one_of(*PATHS)), version))]
    lines += [name + b": " + value for name, value in headers]
    asked: bytes = end.join(lines) + end * draw(st.integers(1, 2)) + draw(BODIES)
    return asked


def conversations(host: bytes) -> st.SearchStrategy[list[bytes]]:
    """Give what comes on one connection, piece by piece."""
    return st.lists(st.one_of(requests(host), requests(host), st.binary(max_size=200)), max_size=4)


def heard(port: int, pieces: list[bytes]) -> bytes:
    """Give all that comes back on one connection, whose own side is closed at the end."""
    answer = b""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    with connection, contextlib.suppress(ConnectionError):
        with contextlib.suppress(OSError):  # it had enough
            for piece in pieces:
                connection.sendall(piece)
            connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(65536):
            answer += more
    return answer


def test_no_bytes_break_the_worker_or_get_past_its_gate(world: World):
    app = world.app("1.0.0")
    (app.folder / "hosted.py").write_text(APP)
    done = world.ensure(app)
    assert done.code == 0, done
    pid, host = world.health().pid, b"127.0.0.1:%d" % world.port

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=False, database=None, print_blob=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(pieces=conversations(host))
    def fuzzed(pieces: list[bytes]) -> None:
        answer = heard(world.port, pieces)
        assert re.match(rb"HTTP/1\.1 (1\d\d|200|303|4\d\d) |$", answer), answer
        assert b"500 Internal" not in answer
        assert b"503 " not in answer

    fuzzed()
    assert not (world.data_dir / "let-in").exists(), (world.data_dir / "let-in").read_text()
    assert "Traceback" not in world.log()
    assert world.health().pid == pid
