"""What a foreign web page can send to a worker is refused before the app, on every path."""

import json
import socket
import uuid
from typing import Any

import pytest

from incumbent.lifecycle import ensure_running

from ..world import World

pytestmark = pytest.mark.process

EVENT = json.dumps({"id": str(uuid.UUID(int=7)), "event": "planted"}).encode()
UPGRADE = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def asked(world: World, first: str, *headers: bytes, body: bytes = b"") -> tuple[int, bytes]:
    """Send one request as it is written here; give the status and the rest of the answer."""
    head = first.encode() + b"\r\n" + b"".join(line.rstrip() + b"\r\n" for line in headers)
    if body:
        head += b"Content-Length: %d\r\n" % len(body)
    with socket.create_connection(("127.0.0.1", world.port), 10) as connection:
        connection.sendall(head + b"Connection: close\r\n" * (UPGRADE not in head) + b"\r\n" + body)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    status, _, rest = answer.partition(b"\r\n")
    return int(status.split()[1]), rest


@pytest.fixture
def host(world: World, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """Give the Host header of our worker, which is up and demands no proof for events."""
    monkeypatch.setenv("INCUMBENT_EVENTS", "open")
    ensure_running()
    return b"Host: 127.0.0.1:%d" % world.port


def planted(world: World, host: bytes) -> list[dict[str, Any]]:
    """Give what was recorded."""
    status, rest = asked(world, "GET /api/events HTTP/1.1", host)
    assert status == 200
    events: list[dict[str, Any]] = json.loads(rest.partition(b"\r\n\r\n")[2])["events"]
    return events


FOREIGN = [
    b"Origin: http://evil.example",
    b"Origin: null",
    b"ORIGIN: http://localhost",
    b"Sec-Fetch-Site: cross-site",
    b"sec-fetch-site: same-site",
    b"Sec-Fetch-Site: none\r\nSec-Fetch-Site: none",
]


@pytest.mark.parametrize("page", FOREIGN)
def test_a_foreign_page_plants_no_event(world: World, host, page):
    for kind in (b"text/plain", b"application/json", b"application/x-www-form-urlencoded"):
        for path in ("/api/events", "//api/events", "/api/%65vents", "/api/admin/../events"):
            first = f"POST {path} HTTP/1.1"
            status, rest = asked(world, first, host, page, b"Content-Type: " + kind, body=EVENT)
            assert status == 403, path
            assert set(json.loads(rest.partition(b"\r\n\r\n")[2])) == {"error", "code"}
    assert planted(world, host) == []


@pytest.mark.parametrize("page", FOREIGN)
def test_a_foreign_page_reads_nothing_and_is_promised_nothing(world: World, host, page):
    wants = b"Access-Control-Request-Method: POST"
    for path in ("/api/events", "/api/health", "/api/readiness", "/api/trace", "/", "/api/admin/x"):
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            status, rest = asked(world, f"{method} {path} HTTP/1.1", host, page, wants)
            assert status == 403, (method, path)
            assert b"access-control" not in rest.lower()
            assert b"instance" not in rest


@pytest.mark.parametrize("page", FOREIGN)
def test_a_foreign_page_opens_no_websocket(world: World, host, page):
    for path in ("/", "/api/health"):
        assert asked(world, f"GET {path} HTTP/1.1", host, page, UPGRADE)[0] == 403


def test_a_name_is_needed_in_the_oldest_http_too(world: World, host):
    assert asked(world, "GET /api/health HTTP/1.0")[0] == 403
    assert asked(world, "GET /api/health HTTP/1.0", b"Host: evil.example")[0] == 403
    assert asked(world, "GET /api/health HTTP/1.0", host)[0] == 200


def test_two_names_are_refused(world: World, host):
    for version in ("1.0", "1.1"):
        status, _ = asked(world, f"GET /api/health HTTP/{version}", host, host)
        assert status in (400, 403)  # the parser of HTTP may refuse them before us


@pytest.mark.parametrize("target", ["http://evil.example/api/events", "evil.example:443"])
def test_a_target_that_names_a_host_is_refused(world: World, host, target):
    status, _ = asked(world, f"GET {target} HTTP/1.1", host)
    assert status in (400, 403)  # the parser of HTTP may refuse it before us


def test_a_page_of_the_worker_is_served_and_may_write(world: World, host):
    page = host.replace(b"Host: ", b"Origin: http://")
    site = b"Sec-Fetch-Site: same-origin"
    kind = b"Content-Type: application/json"
    assert asked(world, "GET /api/health HTTP/1.1", host, page, site)[0] == 200
    assert asked(world, "POST /api/events HTTP/1.1", host, page, site, kind, body=EVENT)[0] == 201
    assert [event["event"] for event in planted(world, host)] == ["planted"]
