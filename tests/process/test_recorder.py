"""The built-in app answers for every event, whatever is in it."""

import http.client
import json
import uuid

import pytest

from incumbent.lifecycle import ensure_running

from ..world import World

pytestmark = pytest.mark.process


class Recorder:
    def __init__(self, port: int) -> None:
        self._port = port

    def ask(
        self, method: str, path: str, body: str | None = None, kind: str = "application/json"
    ) -> tuple[int, dict]:
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

    def events(self) -> list[dict]:
        status, said = self.ask("GET", "/api/events")
        assert status == 200, said
        return said["events"]


@pytest.fixture
def recorder(world: World) -> Recorder:
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
