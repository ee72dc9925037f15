"""What another program of the same user tries at the doors comes to nothing without the secret."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle.client.deliver import DELIVERED, deliver, envelope, new_id
from incumbent.lifecycle.client.http import Connection, request_bytes
from incumbent.lifecycle.client.proof import address_bytes, event_hash, secret_of
from incumbent.lifecycle.health import Health

from ..isolation import reserved_port
from ..proving import SECRET, keep_secret, proof_of, proved, question
from ..world import RUN_S, App, World
from .test_hook import recording

pytestmark = pytest.mark.process

EVENTS = "/api/events"
PUBLIC = {"status", "state", "service", "version", "pid", "generation", "uptime", "ready"}


def asked(port: int, method: str, path: str, body: bytes = b"", headers: str = "") -> Any:
    """Give the status and the JSON of the answer to who proves nothing."""
    connection = Connection("127.0.0.1", port, 20.0)
    try:
        status, _, said = connection.ask(method, path, body, headers)
    finally:
        connection.close()
    return status, json.loads(said)


def event(name: str) -> bytes:
    return envelope(new_id(), name, b'{"prompt": "a secret"}')


@pytest.fixture
def served(world: World) -> World:
    """Give a world whose worker serves an app of somebody else's and has one event."""
    done = world.ensure(recording(world))
    assert done.code == 0, done
    assert proved(world.port, world.data_dir, "POST", EVENTS, event("First"))[0] == 201
    return world


def recorded(world: World) -> list[str]:
    return [one["event"] for one in world.get(f"{EVENTS}?limit=1000")["events"]]


def test_events_are_neither_written_nor_read_without_the_secret(served: World):
    token = (served.data_dir / "token").read_text().strip()
    for scheme in ("", "Authorization: Bearer ", "Authorization: Incumbent "):
        header = f"{scheme}{token}\r\n" if scheme else ""
        for method, path, body in (
            ("POST", EVENTS, event("Planted")),
            ("GET", EVENTS, b""),
            ("GET", f"{EVENTS}?last=1", b""),
            ("PUT", f"{EVENTS}/", b"{}"),
        ):
            status, said = asked(served.port, method, path, body, header)
            assert (status, set(said)) == (401, {"error", "code"}), (method, path)
    assert recorded(served) == ["First"]


def test_health_tells_a_stranger_no_place(served: World):
    status, said = asked(served.port, "GET", "/api/health")
    assert (status, set(said)) == (200, PUBLIC)
    text = json.dumps(said)
    for private in (str(served.data_dir), "hosted", sys.executable, str(served.port)):
        assert private not in text
    whole = served.get("/api/health")
    assert whole["dataDir"] == str(served.data_dir)
    assert {name: whole[name] for name in PUBLIC - {"uptime"}} == {
        name: said[name] for name in PUBLIC - {"uptime"}
    }


class Wire:
    """Passes bytes on between clients and a worker, and keeps what the clients sent."""

    def __init__(self, port: int, to: int) -> None:
        self.heard: list[bytes] = []
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            worker = socket.create_connection(("127.0.0.1", self._to), 20)
            with client, worker, contextlib.suppress(OSError):
                self._pass_on(client, worker)

    def _pass_on(self, client: socket.socket, worker: socket.socket) -> None:
        """Pass on whatever comes from either side, until one has no more to say."""
        while True:
            for side in select.select([client, worker], [], [], RUN_S)[0]:
                if not (said := side.recv(65536)):
                    return
                if side is client:
                    self.heard.append(said)
                (worker if side is client else client).sendall(said)


@pytest.fixture
def wire(served: World) -> Iterator[tuple[Wire, int]]:
    port, give_back = reserved_port()
    between = Wire(port, served.port)
    yield between, port
    between.close()
    give_back()


def test_who_stands_between_on_another_port_gets_no_event(served: World, wire: tuple[Wire, int]):
    between, port = wire
    word, why, _ = deliver("127.0.0.1", port, str(served.data_dir), event("Relayed"), 20.0)
    assert word != DELIVERED
    assert "does not prove that it is our worker" in why
    assert between.heard
    assert b"secret" not in b"".join(between.heard)
    assert recorded(served) == ["First"]


def test_what_was_heard_on_the_wire_is_good_for_nothing(served: World):
    """A whole delivery, sent once more on another connection: all of it, or its event alone."""
    address, data_dir = ("127.0.0.1", served.port), str(served.data_dir)
    secret, body = secret_of(data_dir), event("Heard")

    def request(method: str, path: str, *headers: tuple[bytes, bytes], body: bytes = b"") -> bytes:
        lines = "".join(f"{name.decode()}: {value.decode()}\r\n" for name, value in headers)
        return request_bytes(method, path, *address, body, lines, last=False)

    asks = request("GET", "/api/health", *question(address, secret=secret))

    def answer(client: socket.socket, asked: bytes) -> bytes:
        """Give one whole answer."""
        client.sendall(asked)
        received = b""
        while (parts := received.partition(b"\r\n\r\n"))[1] == b"" or len(parts[2]) < int(
            parts[0].lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        ):
            more = client.recv(65536)
            assert more, received
            received += more
        return received

    with socket.create_connection(address, 20) as client:
        nonce = answer(client, asks).partition(b"incumbent-nonce: ")[2].partition(b"\r\n")[0]
        there = address_bytes(address)
        proof = event_hash(secret, "POST", EVENTS.encode(), there, data_dir, nonce, body)
        tells = request(
            "POST", EVENTS, (b"authorization", f"Incumbent {proof}".encode()), body=body
        )
        assert answer(client, tells).startswith(b"HTTP/1.1 201 ")
        assert answer(client, tells).startswith(b"HTTP/1.1 401 ")
    for again in ([tells], [asks, tells]):
        with socket.create_connection(address, 20) as attacker:
            last = [answer(attacker, one) for one in again][-1]
        assert last.startswith(b"HTTP/1.1 401 "), last
    assert recorded(served) == ["First", "Heard"]


@pytest.mark.parametrize("path", [".", "", "evil:.", "../evil"])
def test_the_repository_that_a_hook_runs_in_is_no_place_for_code(world: World, path: str):
    evil = world.sandbox.root / "evil"
    evil.mkdir()
    pwned = world.sandbox.root / "pwned"
    (evil / "hosted.py").write_text(f"open({str(pwned)!r}, 'w')\n")
    app = recording(world)
    world.settings["PYTHONPATH"] = os.pathsep.join([path, str(app.folder)])
    done = subprocess.run(
        [sys.executable, "-P", "-m", "incumbent.cli", "hook", "Stop"],
        env=world.environment(app),
        cwd=evil,
        input=b"{}",
        capture_output=True,
        timeout=RUN_S,
        check=False,
    )
    assert done.returncode == 0
    assert recorded(world) == ["Stop"], done.stderr
    assert not pwned.exists()
    variables = Path(f"/proc/{world.health().pid}/environ").read_bytes().split(b"\0")
    assert f"PYTHONPATH={app.folder}".encode() in variables


def test_an_app_whose_events_are_open_takes_them_from_any_program(world: World):
    world.settings["INCUMBENT_EVENTS"] = "open"
    app: App = recording(world)
    assert world.ensure(app).code == 0
    assert asked(world.port, "POST", EVENTS, event("Curl"))[0] == 201
    assert asked(world.port, "GET", EVENTS)[1]["events"][0]["event"] == "Curl"
    del world.settings["INCUMBENT_EVENTS"]
    done = world.command(app, "status")
    assert "INCUMBENT_EVENTS" in done.stdout + done.stderr  # what a restart would change
    restarted = world.command(app, "restart")
    assert restarted.returncode == 0, restarted
    assert asked(world.port, "GET", EVENTS)[0] == 401
    assert recorded(world) == ["Curl"]


class Changing(threading.Thread):
    """A worker that proves itself, and is another one whenever it is asked something."""

    def __init__(self, world: World, secret: str) -> None:
        super().__init__(daemon=True)
        self.asks = 0
        self._world, self._secret = world, secret
        self.listener = socket.create_server(("127.0.0.1", world.port))

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                while asks := connection.recv(65536):
                    connection.sendall(self._answer(asks, connection.getsockname()))

    def _answer(self, asks: bytes, address: Any) -> bytes:
        if not asks.startswith(b"GET "):
            self.asks += 1
            said = json.dumps({"error": "another serves", "code": "another-instance"}).encode()
            return b"HTTP/1.1 409 Conflict\r\nContent-Length: %d\r\n\r\n" % len(said) + said
        report = Health(
            pid=os.getpid(), version="1.0.0", state="verified", instance=os.urandom(4).hex(),
            generation=("line", 3), host="127.0.0.1", port=self._world.port, service="incumbent",
            data_dir=str(self._world.data_dir), app="hosted:app", worker_path="/hosted.py",
        ).to_json()  # fmt: skip
        said = json.dumps(report).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(said)
        return head + proof_of(asks, address, said, self._secret) + b"\r\n" + said


@pytest.mark.parametrize("command", ["stop", "restart"])
def test_who_is_another_at_each_look_is_asked_in_no_hurry_and_not_for_ever(
    world: World, command: str
):
    world.settings["INCUMBENT_TIMEOUT"] = "1.5"
    keep_secret(world.data_dir)
    changing = Changing(world, SECRET)
    changing.start()
    try:
        done = world.command(world.app("1.0.0"), command)
    finally:
        changing.listener.shutdown(socket.SHUT_RDWR)
        changing.join(RUN_S)
        changing.listener.close()
    assert done.returncode == 1
    assert f"127.0.0.1:{world.port}" in done.stderr
    assert 0 < changing.asks <= 1.5 / 0.005  # a pause between two asks is no shorter
