"""The endpoints answers for the worker itself, lets the rest through to the app."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from incumbent.lifecycle.client.proof import ASK, REPORT, keyed_hash
from incumbent.lifecycle.drivers.ports import RECYCLE, RESTART, SHUTDOWN
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.machine import states
from incumbent.server.http.endpoints import Endpoints

from ....proving import question

ADDRESS = ("127.0.0.1", 20001)
HOST = b"127.0.0.1:20001"
SECRET = "ab" * 32
LIMIT_S = 10.0


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[bytes, bytes]

    @property
    def names(self) -> frozenset[bytes]:
        return frozenset(self.headers)

    @property
    def said(self) -> Any:
        return json.loads(self.body)


class WorkerControl:
    """A worker's control without a worker; `asked` is what was put before it."""

    def __init__(self, state: str = states.VERIFIED, answers: bool = True) -> None:
        self.token, self.instance, self.state = SECRET, "this-one", state
        self.asked: list[str] = []
        self._answers = answers

    def health(self) -> Health:
        return Health(pid=1, version="1.0.0", state=self.state, since=0.0, instance=self.instance)

    def extra(self) -> dict[str, object]:
        return {"versionSource": "app", "python": "/usr/bin/python", "ready": True}

    events_are_open = True

    ours = True

    def has_data(self) -> bool:
        return self.ours

    @property
    def had_data(self) -> bool:
        return self.ours

    successor_is_chosen = True
    joins = False

    def ask(self, what: str) -> asyncio.Future[bool]:
        self.asked.append(what)
        future = asyncio.get_running_loop().create_future()
        if self._answers:
            future.set_result(self.joins)
        return future


async def hosted(scope: Any, _: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"hosted {scope['path']}".encode()})


async def call(
    endpoints: Endpoints,
    path: str,
    method: str = "GET",
    body: bytes = b"",
    headers: Any = ((b"host", HOST),),
) -> Answer:
    """Give what the endpoints answers to one request."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
        "root_path": "", "headers": list(headers), "client": ("127.0.0.1", 1), "server": ADDRESS,
    }  # fmt: skip
    await asyncio.wait_for(endpoints(scope, receive, send), LIMIT_S)
    content = b"".join(m.get("body", b"") for m in sent if m["type"] == "http.response.body")
    return Answer(sent[0]["status"], content, dict(sent[0]["headers"]))


def answer(control: WorkerControl, path: str, *, opened: bool = True, **request: Any) -> Answer:
    async def run() -> Answer:
        endpoints = Endpoints(control, frozenset({HOST, b"localhost"}))
        if opened:
            endpoints.open(hosted)
        return await call(endpoints, path, **request)

    return asyncio.run(run())


def admin(
    control: WorkerControl, what: str = "restart", secret: str = SECRET, **said: object
) -> Answer:
    return asked(control, f"/api/admin/{what}", json.dumps(said).encode(), secret)


def asked(control: WorkerControl, path: str, body: bytes, secret: str = SECRET) -> Answer:
    """Give the answer to an ask that is proved by this secret."""

    async def run() -> Answer:
        endpoints = Endpoints(control, frozenset({HOST, b"localhost"}))
        endpoints.open(hosted)
        nonce = await drawn(endpoints)
        headers = [(b"host", HOST), proof(path, body, nonce, secret)]
        return await call(endpoints, path, method="POST", body=body, headers=headers)

    return asyncio.run(run())


async def drawn(endpoints: Endpoints) -> bytes:
    """Give the worker's nonce of the test's one connection."""
    headers = ((b"host", HOST), *question(ADDRESS))
    answer = await call(endpoints, "/api/health", headers=headers)
    return answer.headers.get(b"incumbent-nonce", b"")


def proof(path: str, body: bytes, nonce: bytes, secret: str = SECRET) -> tuple[bytes, bytes]:
    """Give the header that proves an ask."""
    hashed = keyed_hash(secret, ASK, path.encode(), HOST, nonce, body)
    return b"authorization", f"Incumbent {hashed}".encode()


PUBLIC = {"status", "state", "service", "version", "pid", "generation", "uptime", "ready"}
WHOLE = ((b"host", HOST), *question(ADDRESS))


def test_health_tells_who_answers():
    said = answer(WorkerControl(), "/api/health").said
    assert (said["pid"], said["version"]) == (1, "1.0.0")
    assert set(said) == PUBLIC


def test_to_one_of_ours_health_tells_all():
    said = answer(WorkerControl(), "/api/health", headers=WHOLE).said
    assert set(said) > PUBLIC | {"dataDir", "app", "python", "workerPath", "host", "port"}
    assert (said["instance"], said["versionSource"]) == ("this-one", "app")


def test_health_is_proved_to_who_proves_the_question():
    told = answer(WorkerControl(), "/api/health", headers=WHOLE)
    fields = b"mine", told.headers[b"incumbent-nonce"], HOST, told.body
    assert told.headers[b"incumbent-proof"].decode() == keyed_hash(SECRET, REPORT, *fields)
    assert SECRET.encode() not in told.body


def asks_with(nonce: bytes = b"mine", **known: Any) -> tuple[tuple[bytes, bytes], ...]:
    return question(known.get("address", ADDRESS), nonce, known.get("secret", SECRET))


@pytest.mark.parametrize(
    "asks",
    [
        asks_with()[:1],
        asks_with()[1:],
        (*asks_with(), *asks_with()),
        asks_with(b""),
        asks_with(b"x" * 257),
        asks_with(secret="0" * 64),
        asks_with(address=("127.0.0.1", 20002)),
        (asks_with(b"other")[0], asks_with()[1]),
        (asks_with()[0], (b"incumbent-proof", SECRET.encode())),
    ],
    ids=[
        "no proof", "no nonce", "twice", "empty", "long", "another secret", "another address",
        "another nonce", "the secret itself",
    ],
)  # fmt: skip
def test_nothing_is_proved_to_who_proves_nothing(asks):
    told = answer(WorkerControl(), "/api/health", headers=[(b"host", HOST), *asks])
    assert told.status == 200
    assert told.names == {b"content-type", b"content-length"}
    assert set(told.said) == PUBLIC


def test_without_a_secret_nothing_can_be_proved():
    control = WorkerControl()
    control.token = ""
    headers = ((b"host", HOST), *asks_with(secret=""))
    told = answer(control, "/api/health", headers=headers)
    assert told.names == {b"content-type", b"content-length"}
    assert set(told.said) == PUBLIC


PATH = "/api/admin/shutdown"


def tries(*proofs: Callable[[bytes], tuple[bytes, bytes]], body: bytes = b"{}") -> list[Answer]:
    """Give the answers to asks on one connection, whose worker's nonce each proof may use."""
    control = WorkerControl()

    async def run() -> list[Answer]:
        endpoints = Endpoints(control, frozenset({HOST}))
        endpoints.open(hosted)
        nonce = await drawn(endpoints)
        return [
            await call(endpoints, PATH, "POST", body, ((b"host", HOST), proof_of(nonce)))
            for proof_of in proofs
        ]

    answers = asyncio.run(run())
    assert len(control.asked) == [answer.status for answer in answers].count(202)
    return answers


def test_a_proof_is_good_once():
    first, again = tries(*[lambda nonce: proof(PATH, b"{}", nonce)] * 2)
    assert first.status == 202
    assert (again.status, again.said["code"]) == (401, "prove-again")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda nonce: proof("/api/admin/restart", b"{}", nonce),
        lambda nonce: proof(PATH, b'{"why": "restart"}', nonce),
        lambda nonce: proof(PATH, b"{}", nonce[:-1]),
        lambda nonce: proof(PATH, b"{}", nonce, "0" * 64),
        lambda nonce: (
            b"authorization",
            b"Incumbent " + keyed_hash(SECRET, REPORT, PATH.encode(), HOST, nonce, b"{}").encode(),
        ),
        lambda _: (b"authorization", b"Incumbent"),
    ],
    ids=["another ask", "another body", "another nonce", "another secret", "a report", "nothing"],
)
def test_a_proof_of_something_else_is_none(wrong):
    [answer] = tries(wrong)
    assert (answer.status, answer.said["code"]) == (401, "unauthorized")


def test_a_wrong_try_costs_the_nonce():
    wrong, right = tries(
        lambda nonce: proof(PATH, b"{}", nonce, "0" * 64), lambda nonce: proof(PATH, b"{}", nonce)
    )
    assert (wrong.status, right.status, right.said["code"]) == (401, 401, "prove-again")


def test_the_secret_itself_is_no_proof_and_the_way_is_told():
    [answer] = tries(lambda _: (b"authorization", f"Bearer {SECRET}".encode()))
    assert (answer.status, answer.said["code"]) == (401, "unauthorized")
    assert "use a command of incumbent 0.2 or later" in answer.said["error"]


def test_health_is_told_before_the_app_is_up():
    assert answer(WorkerControl(states.STARTING), "/api/health", opened=False).status == 200


@pytest.mark.parametrize("state", sorted(states.SERVING_STATES))
def test_a_worker_that_serves_is_ready(state):
    assert answer(WorkerControl(state), "/api/readiness").status == 200


@pytest.mark.parametrize("state", [states.STARTING, states.DRAINING, states.STOPPING])
def test_a_worker_that_does_not_serve_is_not_ready(state):
    assert answer(WorkerControl(state), "/api/readiness").status == 503


@pytest.mark.parametrize("host", [HOST, b"localhost", b"LocalHost"])
def test_a_loopback_name_is_let_in(host):
    assert answer(WorkerControl(), "/", headers=((b"host", host),)).body == b"hosted /"


@pytest.mark.parametrize("host", [b"evil.example", b"127.0.0.1:20002", b"127.0.0.1.evil", b""])
@pytest.mark.parametrize("path", ["/", "/api/health", "/api/admin/shutdown"])
def test_a_foreign_name_is_not_let_in(host, path):
    control = WorkerControl()
    assert answer(control, path, headers=((b"host", host),)).status == 403
    assert control.asked == []


def test_a_second_name_is_not_let_in_behind_a_good_one():
    headers = ((b"host", HOST), (b"host", b"evil.example"))
    assert answer(WorkerControl(), "/", headers=headers).status == 403


def test_a_request_without_a_name_is_not_let_in():
    assert answer(WorkerControl(), "/", headers=()).status == 403


NAMES_OF_A_REFUSAL = {b"content-type", b"content-length", b"incumbent-refusal"}
FOREIGN_PAGES = [(b"origin", b"http://evil.example"), (b"sec-fetch-site", b"cross-site")]


@pytest.mark.parametrize("header", FOREIGN_PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize(
    "path", ["/", "//api/events", "/api/health", "/api/admin/shutdown", "/api/admin/../x"]
)
def test_a_foreign_page_is_told_nothing_and_moves_nothing(path, method, header):
    async def run() -> None:
        endpoints = Endpoints(WorkerControl(), frozenset({HOST}))
        endpoints.open(never)
        proved = proof(path, b"", await drawn(endpoints))
        headers = ((b"host", HOST), proved, header)
        refused = await call(endpoints, path, method, headers=headers)
        assert refused.status == 403
        assert refused.names == NAMES_OF_A_REFUSAL  # none of CORS
        if method != "HEAD":
            assert set(refused.said) == {"error", "code"}

    asyncio.run(run())


async def never(scope: Any, _: Any, __: Any) -> None:
    raise AssertionError(f"the app was asked {scope}")


def test_a_page_of_the_worker_itself_is_let_in():
    headers = ((b"host", HOST), (b"origin", b"http://" + HOST), (b"sec-fetch-site", b"same-origin"))
    assert answer(WorkerControl(), "/", headers=headers).body == b"hosted /"


@pytest.mark.parametrize("path", ["/", "/api", "/api/events", "/api/healthy", "/lifecycles"])
def test_every_other_path_is_the_apps(path):
    assert answer(WorkerControl(), path).body == f"hosted {path}".encode()


@pytest.mark.parametrize("path", ["/api/admin/", "/api/admin/nothing", "/api/admin/restart"])
def test_a_reserved_path_is_never_the_apps(path):
    assert b"hosted" not in answer(WorkerControl(), path).body


def test_a_request_waits_until_the_doors_open():
    async def run() -> Answer:
        endpoints = Endpoints(WorkerControl(), frozenset({HOST}))
        waiting = asyncio.ensure_future(call(endpoints, "/"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        endpoints.open(hosted)
        return await waiting

    assert asyncio.run(run()).body == b"hosted /"


@pytest.mark.parametrize(("what", "ask"), [("restart", RESTART), ("shutdown", SHUTDOWN)])
def test_an_ask_with_the_secret_is_accepted(what, ask):
    control = WorkerControl()
    assert admin(control, what, instance="this-one").status == 202
    assert control.asked == [ask]


def test_a_recycle_is_told_apart_from_a_restart():
    control = WorkerControl()
    assert admin(control, why="recycle").status == 202
    assert control.asked == [RECYCLE]


@pytest.mark.parametrize("secret", ["", "wrong", SECRET[:-1], "0" * 64])
@pytest.mark.parametrize("what", ["restart", "shutdown"])
def test_an_ask_without_the_secret_is_refused(what, secret):
    control = WorkerControl()
    assert admin(control, what, secret=secret).status == 401
    assert control.asked == []


@pytest.mark.parametrize("secret", ["", SECRET, " "])
def test_where_there_is_no_secret_nobody_knows_it(secret):
    control = WorkerControl()
    control.token = ""
    assert admin(control, secret=secret).status == 401
    assert control.asked == []


def test_an_ask_of_another_instance_is_refused():
    control = WorkerControl()
    refused = admin(control, instance="another-one")
    assert (refused.status, refused.said["code"]) == (409, "another-instance")
    assert control.asked == []


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 9000])
def test_an_ask_that_is_no_object_is_refused(body):
    control = WorkerControl()
    assert asked(control, "/api/admin/shutdown", body).status == 400
    assert control.asked == []


def test_a_restart_joins_a_handover_that_is_under_way():
    control = WorkerControl(states.DRAINING)
    assert admin(control).status == 202
    assert control.asked == []


def test_a_worker_that_does_not_serve_yet_refuses_a_restart():
    control = WorkerControl(states.STARTING)
    assert admin(control).status == 409
    assert control.asked == []


def test_a_worker_that_does_not_serve_yet_hears_a_stop():
    control = WorkerControl(states.STARTING)
    assert admin(control, "shutdown").status == 202
    assert control.asked == [SHUTDOWN]


def test_an_ask_that_is_not_taken_in_time_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("incumbent.server.http.endpoints.ACCEPT_TIMEOUT_S", 0.05)
    assert admin(WorkerControl(answers=False)).status == 503


def test_nobody_asks_by_get():
    control = WorkerControl()
    assert answer(control, "/api/admin/shutdown").status == 405
    assert control.asked == []


def test_the_doors_hold_requests_again_after_closing():
    async def run(then: Callable[[Endpoints], None]) -> bool:
        endpoints = Endpoints(WorkerControl(), frozenset({HOST}))
        endpoints.open(hosted)
        then(endpoints)
        waiting = asyncio.ensure_future(call(endpoints, "/"))
        for _ in range(20):
            await asyncio.sleep(0)
        done = waiting.done()
        endpoints.open(hosted)
        await waiting
        return done

    assert asyncio.run(run(lambda _: None))
    assert not asyncio.run(run(Endpoints.close))


def test_health_has_no_body_for_a_head():
    seen = answer(WorkerControl(), "/api/health", method="HEAD")
    assert (seen.status, seen.body) == (200, b"")


@pytest.mark.parametrize("path", ["/api/health", "/api/readiness"])
def test_nobody_looks_by_post(path):
    assert answer(WorkerControl(), path, method="POST").status == 405


@pytest.mark.parametrize("path", ["/api/admin/nothing", "/lifecycle/x"])
def test_a_reserved_path_without_an_endpoint_is_not_found(path):
    assert answer(WorkerControl(), path).status == 404


@pytest.mark.parametrize("path", ["/api/trace", "/api/metrics", "/lifecycle", "/lifecycle/events"])
def test_what_is_looked_at_is_for_nobody_without_a_session(path):
    assert answer(WorkerControl(), path).status == 401
    assert answer(WorkerControl(), path, method="POST").status == 405


def test_an_ask_without_end_is_refused():
    control = WorkerControl()
    body = json.dumps({"instance": "this-one", "why": "x" * 10_000}).encode()
    assert asked(control, "/api/admin/shutdown", body).status == 400
    assert control.asked == []


@pytest.mark.parametrize("path", ["/", "/api/health"])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"evil.example")],
        *([(b"host", HOST), header] for header in FOREIGN_PAGES),
        [(b"host", HOST), (b"origin", b"null")],
    ],
)
def test_a_websocket_of_a_foreign_page_is_closed_before_it_is_accepted(path, headers):
    async def run() -> list[Any]:
        endpoints = Endpoints(WorkerControl(), frozenset({HOST}))
        endpoints.open(hosted)
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "websocket", "path": path, "headers": headers}
        await endpoints(scope, None, send)
        return sent

    assert asyncio.run(run()) == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_its_data_dir_the_worker_lets_nothing_through_to_the_app(method):
    control = WorkerControl()
    control.ours = False
    refused = answer(control, "/", method=method)
    assert (refused.status, refused.said["code"]) == (503, "data-dir-gone")
    assert answer(control, "/api/readiness").status == 503


@pytest.mark.parametrize(("method", "status"), [("POST", 503), ("GET", 200)])
def test_a_change_whose_data_dir_goes_meanwhile_is_not_acknowledged(method, status):
    control = WorkerControl()

    async def losing(scope: Any, receive: Any, send: Any) -> None:
        control.ours = False
        await hosted(scope, receive, send)

    async def run() -> Answer:
        endpoints = Endpoints(control, frozenset({HOST}))
        endpoints.open(losing)
        return await call(endpoints, "/", method=method)

    answered = asyncio.run(run())
    assert answered.status == status
    assert (b"hosted" in answered.body) == (method == "GET")
