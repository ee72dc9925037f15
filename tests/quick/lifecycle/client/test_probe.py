"""One question tells what holds the port, whatever it is."""

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from incumbent.lifecycle.client.http import ANSWER_LIMIT_BYTES, Connection, DarkError
from incumbent.lifecycle.client.peer import GoneError
from incumbent.lifecycle.client.probe import UNPROVED, judged, probe
from incumbent.lifecycle.client.proof import Proof
from incumbent.lifecycle.health import (
    DARK,
    FOREIGN,
    SILENT,
    WORKER_LEAVING,
    WORKER_SERVING,
    WORKER_STARTING,
    Health,
    ProbeResult,
)
from incumbent.lifecycle.machine import states

from ....isolation import Sandbox
from ....proving import keep_secret, proof_of, proving

PATIENCE_S = 0.3
LIMIT_S = 5.0  # a probe that honours its deadline is back long before, also on a busy machine

Server = Callable[[socket.socket], object]


@contextlib.contextmanager
def answering(port: int, serve: Server, host: str = "127.0.0.1") -> Iterator[None]:
    """Let a thread serve one connection on this port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def health(**says: object) -> dict[str, object]:
    said = Health(
        pid=4711, version="1.0.0", state=states.VERIFIED, since=1.0, instance="i", service="s",
        data_dir="/d", port=1, worker_path="/w", app="a:b",
    ).to_json()  # fmt: skip
    return said | says


@pytest.mark.parametrize(
    ("said", "kind"), [(b"220 a printer\r\n", FOREIGN), (b"", SILENT), (b"HTTP/1.1 ", SILENT)]
)
def test_who_says_something_and_goes_at_once_is_known_by_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, said: bytes, kind: str
):
    gone = threading.Event()

    def nobody(*_: object) -> None:
        assert gone.wait(LIMIT_S)
        raise GoneError

    def serve(connection: socket.socket) -> None:
        connection.sendall(said)
        connection.close()
        gone.set()

    monkeypatch.setattr("incumbent.lifecycle.client.http.stranger", nobody)
    with answering(sandbox.port, serve):
        assert probe("127.0.0.1", sandbox.port, "s", "/d", LIMIT_S).kind == kind


def http(body: bytes, status: str = "200 OK", length: bool = True) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
    if length:
        head += f"Content-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def saying(*parts: bytes) -> Server:
    """Give a server that hears the question, then says these parts."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)

    return serve


def told(body: bytes) -> ProbeResult:
    """Give what this report tells of who has proved itself."""
    return judged(Proof(200, body, "a nonce"), "s", "/d")


def report(sandbox: Sandbox) -> bytes:
    """Give the report of a healthy worker of this sandbox."""
    return json.dumps(health(dataDir=str(sandbox.data_dir))).encode()


def looked(sandbox: Sandbox, serve: Server) -> str:
    """Give what a probe sees on a port that is served so."""
    began = time.monotonic()
    with answering(sandbox.port, serve):
        seen = seen_at(sandbox)
        assert time.monotonic() - began < LIMIT_S
    return seen.kind


def seen_at(sandbox: Sandbox, host: str = "127.0.0.1") -> ProbeResult:
    """Give what a probe sees there that knows the secret."""
    return probe(host, sandbox.port, "s", keep_secret(sandbox.data_dir), PATIENCE_S)


def test_a_closed_port_is_dark(sandbox):
    assert probe("127.0.0.1", sandbox.port, "s", "/d", PATIENCE_S).kind == DARK


def test_a_healthy_worker_is_serving(sandbox):
    with answering(sandbox.port, proving(report(sandbox))):
        seen = seen_at(sandbox)
    assert seen.kind == WORKER_SERVING
    assert seen.health is not None
    assert (seen.health.pid, seen.health.version) == (4711, "1.0.0")


def test_an_answer_in_small_pieces_is_understood(sandbox):
    def serve(connection: socket.socket) -> None:
        body = report(sandbox)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body)
        head += proof_of(connection.recv(65536), connection.getsockname(), body)
        answer = head + b"\r\n" + body
        for i in range(0, len(answer), 7):
            connection.sendall(answer[i : i + 7])

    assert looked(sandbox, serve) == WORKER_SERVING


@pytest.mark.parametrize("length", [True, False])
def test_who_proves_nothing_is_foreign_whatever_it_says(sandbox, length):
    with answering(sandbox.port, saying(http(report(sandbox), length=length))):
        seen = seen_at(sandbox)
    assert (seen.kind, seen.health, seen.detail) == (FOREIGN, None, UNPROVED)
    assert seen.claim is not None
    assert seen.claim.pid == 4711


def test_who_has_another_secret_is_foreign(sandbox):
    assert looked(sandbox, proving(report(sandbox), secret="ef" * 32)) == FOREIGN


def test_without_a_secret_nobody_is_believed(sandbox):
    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))
        connection.sendall(http(report(sandbox)))

    heard: list[bytes] = []
    with answering(sandbox.port, serve):
        seen = probe("127.0.0.1", sandbox.port, "s", str(sandbox.data_dir), PATIENCE_S)
    assert seen.kind == FOREIGN
    assert b"incumbent-nonce" not in heard[0]


def test_a_proof_that_was_heard_before_is_none(sandbox):
    """It is over the client's nonce, which is another one each time."""
    answers: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        body = report(sandbox)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body)
        head += proof_of(connection.recv(65536), connection.getsockname(), body)
        answers.append(head + b"\r\n" + body)
        connection.sendall(answers[0])

    assert looked(sandbox, serve) == WORKER_SERVING
    assert looked(sandbox, serve) == FOREIGN


def test_a_relay_to_the_worker_on_another_port_is_foreign(sandbox):
    def relay(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", worker.getsockname()[1]), LIMIT_S) as beyond:
            beyond.sendall(connection.recv(65536))
            connection.sendall(beyond.recv(65536))

    def serve() -> None:
        connection, _ = worker.accept()
        with connection:
            proving(report(sandbox))(connection)

    with socket.create_server(("127.0.0.1", 0)) as worker:
        serving = threading.Thread(target=serve)
        serving.start()
        assert looked(sandbox, relay) == FOREIGN
        serving.join(LIMIT_S)


def test_a_report_that_was_changed_on_its_way_is_foreign(sandbox):
    def serve(connection: socket.socket) -> None:
        body = report(sandbox)
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(body)
        head += proof_of(connection.recv(65536), connection.getsockname(), body)
        connection.sendall(head + b"\r\n" + body.replace(b"4711", b"4712"))

    assert looked(sandbox, serve) == FOREIGN


@pytest.mark.slow
def test_a_listener_that_never_answers_is_silent(sandbox):
    ending = threading.Event()
    with answering(sandbox.port, lambda _: ending.wait(LIMIT_S)):
        assert probe("127.0.0.1", sandbox.port, "s", "/d", PATIENCE_S).kind == SILENT
        ending.set()


def test_a_listener_that_never_accepts_is_silent(sandbox):
    with socket.create_server(("127.0.0.1", sandbox.port)):
        assert probe("127.0.0.1", sandbox.port, "s", "/d", PATIENCE_S).kind == SILENT


def test_a_full_backlog_is_silent(sandbox):
    with contextlib.ExitStack() as stack:
        stack.enter_context(socket.create_server(("127.0.0.1", sandbox.port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", sandbox.port))
        assert probe("127.0.0.1", sandbox.port, "s", "/d", PATIENCE_S).kind == SILENT


def test_an_answer_that_never_ends_its_head_is_silent(sandbox):
    ending = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        ending.wait(LIMIT_S)

    with answering(sandbox.port, serve):
        assert probe("127.0.0.1", sandbox.port, "s", "/d", PATIENCE_S).kind == SILENT
        ending.set()


def test_a_trickle_does_not_stretch_the_deadline(sandbox):
    ending = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ending.wait(PATIENCE_S / 10):
            connection.sendall(b"X-More: of the same\r\n")

    began = time.monotonic()
    with answering(sandbox.port, serve):
        assert probe("127.0.0.1", sandbox.port, "s", "/d", PATIENCE_S).kind == SILENT
        assert time.monotonic() - began < LIMIT_S
        ending.set()


def test_a_reset_is_silent_and_not_dark(sandbox):
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert looked(sandbox, serve) == SILENT


def test_a_connection_closed_without_a_word_is_silent_and_not_dark(sandbox):
    assert looked(sandbox, saying()) == SILENT


@pytest.mark.parametrize("there", [1, 20, -1])
def test_an_answer_cut_off_by_the_death_of_who_gave_it_is_silent_and_not_foreign(sandbox, there):
    whole = http(json.dumps(health()).encode())
    assert looked(sandbox, saying(whole[:there])) == SILENT


def test_an_endless_answer_is_foreign(sandbox):
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(2 * ANSWER_LIMIT_BYTES // 65536):
            connection.sendall(b"x" * 65536)

    assert looked(sandbox, serve) in (FOREIGN, SILENT)


def test_a_promise_of_too_much_is_foreign(sandbox):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    assert looked(sandbox, saying(answer)) == FOREIGN


@pytest.mark.parametrize(
    "says",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"\x16\x03\x01\x02", b"HTTP/2 200", b"\0"],
)
def test_what_does_not_speak_http_is_foreign(sandbox, says):
    assert looked(sandbox, saying(says)) == FOREIGN


@pytest.mark.parametrize(
    "answer",
    [
        http(b"ok"),
        http(b'{"status": "ok"}'),
        http(b"[]"),
        http(b"not found", "404 Not Found"),
        http(json.dumps(health()).encode(), "500 Internal Server Error"),
        http(json.dumps(health()).encode(), "204 No Content"),
        b"HTTP/1.1 abc\r\n\r\n",
    ],
)
def test_another_http_server_is_foreign(sandbox, answer):
    assert looked(sandbox, saying(answer)) == FOREIGN


def test_a_worker_on_the_other_loopback_is_understood(sandbox):
    try:
        with answering(sandbox.port, proving(report(sandbox)), host="::1"):
            assert seen_at(sandbox, "::1").kind == WORKER_SERVING
    except OSError:
        pytest.skip("no IPv6 here")


def test_the_question_names_the_literal_address(sandbox):
    heard: list[bytes] = []
    with answering(sandbox.port, lambda connection: heard.append(connection.recv(65536))):
        probe("127.0.0.1", sandbox.port, "s", "/d", PATIENCE_S)
    assert heard[0].startswith(b"GET /api/health HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{sandbox.port}\r\n".encode() in heard[0]


@pytest.mark.slow
def test_a_connection_to_oneself_is_dark():
    # Linux gives odd ports to those who bind, and even ones to those who connect: about one
    # question in 14,000 to a closed even port of the ephemeral range meets itself.
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1] & ~1
    for _ in range(30_000):
        with pytest.raises(DarkError):
            Connection("127.0.0.1", port, PATIENCE_S)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (states.VERIFIED, WORKER_SERVING),
        (states.BOUND, WORKER_STARTING),
        (states.STARTING, WORKER_STARTING),
        (states.RESUMING, WORKER_STARTING),
        (states.LOCKING, WORKER_LEAVING),
        (states.WARMING_UP, WORKER_LEAVING),
        (states.AWAITING_SUCCESSOR, WORKER_LEAVING),
        (states.STOPPING, WORKER_LEAVING),
        (states.FAILED, WORKER_LEAVING),
        (states.STOPPED, WORKER_LEAVING),
        ("thinking", FOREIGN),
    ],
)
def test_the_state_tells_where_the_worker_stands(state, kind):
    assert told(json.dumps(health(state=state)).encode()).kind == kind


@pytest.mark.parametrize(
    "says",
    [
        {"service": "another"},
        {"dataDir": "/elsewhere"},
        {"pid": 0},
        {"pid": -1},
        {"pid": "4711"},
        {"pid": True},
        {"version": 1},
        {"since": "now"},
        {"port": None},
        {"instance": None},
        {"state": ["verified"]},
    ],
)
def test_a_report_with_one_wrong_field_is_foreign(says):
    assert told(json.dumps(health(**says)).encode()).kind == FOREIGN


def test_what_a_newer_worker_tells_on_top_does_not_disturb():
    body = json.dumps(health(news={"of": ["tomorrow"]})).encode()
    assert told(body).kind == WORKER_SERVING


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 200_000, b"null", b"1e999"])
def test_a_body_that_is_no_report_is_foreign(body):
    assert told(body).kind == FOREIGN
