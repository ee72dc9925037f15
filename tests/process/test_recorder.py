"""The built-in app answers for every event, whatever is in it."""

import contextlib
import http.client
import json
import socket
import uuid
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle import ensure_running

from ..world import World

pytestmark = pytest.mark.process


class Recorder:
    def __init__(self, port: int) -> None:
        self._port = port

    def ask(
        self, method: str, path: str, body: str | None = None, kind: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def post(self, payload: str, event: str = '"tool"', identity: str = "") -> int:
        said = f'{{"id": "{identity or uuid.uuid4()}", "event": {event}, "payload": {payload}}}'
        return self.ask("POST", "/api/events", said)[0]

    def post_as(self, kind: str) -> int:
        said = f'{{"id": "{uuid.uuid4()}", "event": "tool"}}'
        return self.ask("POST", "/api/events", said, kind)[0]

    def events(self) -> list[dict[str, Any]]:
        status, said = self.ask("GET", "/api/events")
        assert status == 200, said
        events: list[dict[str, Any]] = said["events"]
        return events


@pytest.fixture
def recorder(world: World, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.setenv("INCUMBENT_EVENTS", "open")
    ensure_running()
    return Recorder(world.port)


def test_an_event_is_recorded_once_by_its_id(recorder: Recorder):
    identity = str(uuid.uuid4())
    assert [recorder.post('{"n": 1}', identity=identity) for _ in range(2)] == [201, 200]
    assert [event["payload"] for event in recorder.events()] == [{"n": 1}]


def test_half_a_surrogate_pair_in_a_payload_comes_back_as_it_was(recorder: Recorder):
    assert recorder.post(r'{"cut off": "\ud83d", "\udfff": 1}') == 201
    assert [event["payload"] for event in recorder.events()] == [{"cut off": "\ud83d", "\udfff": 1}]


@pytest.mark.parametrize("payload", ['{"x": NaN}', '{"x": -Infinity}', '{"x": 1e999}', "[]", "1"])
def test_what_is_no_json_object_is_refused_and_spoils_nothing(recorder: Recorder, payload):
    assert recorder.post(payload) == 400
    assert recorder.post("{}") == 201
    assert [event["payload"] for event in recorder.events()] == [{}]


@pytest.mark.parametrize("event", [r'"\ud800"', '""', "5", '"' + "x" * 201 + '"'])
def test_a_name_that_is_none_is_refused(recorder: Recorder, event):
    assert recorder.post("{}", event) == 400
    assert recorder.events() == []


def test_only_its_user_can_read_what_is_recorded(recorder: Recorder, world: World):
    assert recorder.post('{"prompt": "secret"}') == 201
    modes = {path.name: path.stat().st_mode & 0o777 for path in world.data_dir.glob("events.db*")}
    assert set(modes.values()) == {0o600}, modes


FORMS = ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
ODD = ["application/jsonp", "application/json, text/plain", "text/plain; application/json", ";"]


@pytest.mark.parametrize("kind", FORMS + ODD)
def test_what_a_form_could_send_is_no_event(recorder: Recorder, kind):
    assert recorder.post_as(kind) == 415
    assert recorder.events() == []


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_is_an_event_whatever_its_parameters(recorder: Recorder, kind):
    assert recorder.post_as(kind) == 201


def chunked(port: int, megabytes: int) -> bytes:
    """Send a body of which no length is announced; give what comes back."""
    chunk = b"%x\r\n" % 1_000_000 + b" " * 1_000_000 + b"\r\n"
    head = f"POST /api/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\n"
    head += "Content-Type: application/json\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        with contextlib.suppress(OSError):  # it may be closed in the middle
            client.sendall(head.encode() + b"\r\n")
            for _ in range(megabytes):
                client.sendall(chunk)
            client.sendall(b"0\r\n\r\n")
        with contextlib.suppress(OSError):
            while more := client.recv(4096):
                received += more
    return received


def memory(pid: int) -> int:
    """Give the most memory a process ever had, in megabytes."""
    [line] = [x for x in Path(f"/proc/{pid}/status").read_text().split("\n") if "VmHWM" in x]
    return int(line.split()[1]) // 1024


def test_a_body_of_any_length_is_counted_while_it_is_read(recorder: Recorder, world: World):
    answer = chunked(world.port, 17)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert b"connection: close" in answer
    assert recorder.events() == []


def test_an_endless_body_costs_no_memory_and_is_cut_off(recorder: Recorder, world: World):
    assert chunked(world.port, 400)[:13] in (b"HTTP/1.1 413 ", b"")
    assert memory(world.health().pid) < 150
    assert recorder.events() == []


def test_pages_are_limited_in_bytes_and_leave_nothing_out(recorder: Recorder):
    for number in range(6):
        assert recorder.post(json.dumps({"n": number, "text": "x" * 3_000_000})) == 201
    seen: list[int] = []
    after, pages = 0, 0
    while True:
        status, said = recorder.ask("GET", f"/api/events?limit=1000&after={after}")
        assert status == 200
        if not said["events"]:
            break
        seen += [event["payload"]["n"] for event in said["events"]]
        after, pages = said["next"], pages + 1
        assert len(json.dumps(said)) < 8_100_000
    assert seen == list(range(6))
    assert pages == 3
    assert [e["payload"]["n"] for e in recorder.ask("GET", "/api/events?last=9")[1]["events"]] == [
        4,
        5,
    ]


def test_an_event_longer_than_a_page_is_a_page(recorder: Recorder):
    for _ in range(2):
        assert recorder.post(json.dumps({"text": "x" * 9_000_000})) == 201
    status, said = recorder.ask("GET", "/api/events?limit=1000")
    assert (status, len(said["events"]), said["next"]) == (200, 1, 1)
