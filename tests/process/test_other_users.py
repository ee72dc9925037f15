"""Another user of this machine gets not one byte of a worker, nor one of ours in its place."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from ..other_user import (
    THEM,
    US,
    as_user,
    connected,
    done_as,
    heard,
    impostor,
    needs_root,
    needs_setpriv,
)
from ..world import World, eventually
from .test_hook import Hooks, assert_answers, recording

pytestmark = [pytest.mark.process, needs_root]

PLANTED = json.dumps({"id": str(uuid4()), "event": "Planted", "payload": {}}).encode()


def request(method: str, path: str, port: int, body: bytes = b"", headers: str = "") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


WEBSOCKET = (
    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
ATTACKS = {
    "reads events": ("GET", "/api/events", b"", ""),
    "writes an event": ("POST", "/api/events", PLANTED, ""),
    "reads health": ("GET", "/api/health", b"", ""),
    "opens a websocket": ("GET", "/", b"", WEBSOCKET),
    "stops it": ("POST", "/api/admin/shutdown", b"{}", "Authorization: Bearer x\r\n"),
    "talks nonsense": ("FOO", "/bar", b"", ""),
}


@pytest.fixture
def hooks(world: World) -> Hooks:
    """Give hooks of a worker that serves and has recorded one event."""
    hooks = Hooks(world, recording(world))
    assert_answers(hooks.fire("Secret"))
    assert hooks.recorded() == [("Secret", {})]
    return hooks


@pytest.mark.parametrize("attack", ATTACKS)
def test_another_user_gets_not_one_byte(hooks: Hooks, attack: str):
    port = hooks.world.port
    method, path, body, headers = ATTACKS[attack]
    asked = request(method, path, port, body, headers)
    assert done_as(THEM, lambda: heard(port, asked)) == b""
    assert hooks.recorded() == [("Secret", {})]
    assert "refused a connection of the user 41202" in hooks.world.log()


@pytest.mark.parametrize("attack", ["reads events", "writes an event", "reads health"])
def test_root_is_served(hooks: Hooks, attack: str):
    method, path, body, headers = ATTACKS[attack]
    asked = request(method, path, hooks.world.port, body, headers)
    answer = done_as(0, lambda: heard(hooks.world.port, asked))
    due = 200 if attack == "reads health" else 401  # as its own user is, who proves nothing
    assert answer.startswith(b"HTTP/1.1 %d" % due)


def test_who_has_sent_and_closed_before_we_accept_is_not_heard(hooks: Hooks):
    """The kernel calls the owner of such a connection 0, as it calls root."""
    world = hooks.world
    pid = world.health().pid
    asked = request("POST", "/api/events", world.port, PLANTED)

    def plant() -> bytes:
        with connected(world.port) as connection:
            connection.sendall(asked)
        return b"planted"

    os.kill(pid, signal.SIGSTOP)
    try:
        assert done_as(THEM, plant) == b"planted"
    finally:
        os.kill(pid, signal.SIGCONT)
    assert hooks.recorded() == [("Secret", {})]
    assert "refused a connection of an unknown user" in world.log()
    assert world.health().pid == pid


def test_another_user_is_kept_out_across_a_restart(hooks: Hooks):
    world = hooks.world
    done = world.restart(recording(world, "2.0.0"))
    assert done.code == 0, done
    asked = request("GET", "/api/events", world.port)
    assert done_as(THEM, lambda: heard(world.port, asked)) == b""
    assert hooks.recorded() == [("Secret", {})]


def test_another_user_is_kept_out_while_the_app_is_imported(world: World):
    app, goes_on = world.app("1.0.0"), world.sandbox.root / "goes on"
    waits = f"import os, time\nwhile not os.path.exists({str(goes_on)!r}): time.sleep(0.01)\n"
    hosted = app.folder / "hosted.py"
    hosted.write_text(waits + hosted.read_text())
    launcher = world.begin(app, "ensure")
    eventually(lambda: world.seen().kind == "starting", "the app is imported")
    asked = request("GET", "/api/health", world.port)
    during = done_as(THEM, lambda: heard(world.port, asked))
    assert world.seen().kind == "starting"
    goes_on.touch()
    assert during == b""
    assert world.end(launcher).code == 0


@pytest.fixture
def our_home(world: World) -> Iterator[Path]:
    """Give an ordinary user's home, its data dir in the world's settings."""
    path = Path(tempfile.mkdtemp(dir=os.path.realpath("/tmp")))
    os.chown(path, US, US)
    world.settings |= {"HOME": str(path), "INCUMBENT_DATA_DIR": str(path / "data")}
    yield path
    shutil.rmtree(path)


@needs_setpriv
def test_an_ordinary_user_and_root_are_served_and_no_third(world: World, our_home: Path):
    world.settings["INCUMBENT_EVENTS"] = "open"
    app = recording(world)
    begun = world.begin(app, "ensure", before=as_user(US))
    assert world.end(begun).code == 0
    write = request("POST", "/api/events", world.port, PLANTED)
    read = request("GET", "/api/events", world.port)
    assert done_as(THEM, lambda: heard(world.port, write)) == b""
    assert b'"events"' in done_as(US, lambda: heard(world.port, read))
    with sqlite3.connect(our_home / "data" / "events.db") as events:
        assert events.execute("select count(*) from events").fetchone() == (0,)
    events.close()
    assert done_as(US, lambda: heard(world.port, write)).startswith(b"HTTP/1.1 201")
    assert b"Planted" in done_as(0, lambda: heard(world.port, read))
    stopped = world.begin(app, "stop", before=as_user(US))
    assert world.end(stopped).code == 0


# Another user in the worker's place.


@pytest.fixture(params=[True, False], ids=["answers", "never accepts"])
def taken(hooks: Hooks, request: pytest.FixtureRequest) -> Iterator[Hooks]:
    """Give hooks whose worker is gone; another user has its port, with a copy of its health."""
    world = hooks.world
    answer = copied_health(world.port)
    assert world.stop(hooks.app).code == 0
    with impostor(THEM, world.port, answer, accepts=request.param) as there:
        yield hooks
        spawned = world.spawns()
    assert there.received == b""  # no question, no event, no token
    assert spawned == 1


def copied_health(port: int) -> bytes:
    answer = heard(port, request("GET", "/api/health", port))
    assert answer.startswith(b"HTTP/1.1 200")
    return answer


HELD = "is held by a user without a name (uid 41202)"


def test_a_hook_keeps_its_event_and_sends_nothing(taken: Hooks):
    fired = taken.fire("Prompt", b'{"prompt": "a secret"}')
    assert_answers(fired)
    assert HELD in fired.talk
    [kept] = taken.kept()
    assert "a secret" in kept.read_text()


@pytest.mark.parametrize(
    ("command", "code"), [("start", 1), ("restart", 1), ("status", 4), ("stop", 1), ("doctor", 1)]
)
def test_a_command_names_who_holds_the_port(taken: Hooks, command: str, code: int):
    done = taken.world.command(taken.app, command)
    assert (done.returncode, HELD in done.stdout + done.stderr) == (code, True), done
    assert "verified" not in done.stdout


def test_a_user_with_a_name_is_told_by_it(world: World):
    import pwd

    them = next(user for user in pwd.getpwall() if user.pw_uid != 0)
    with impostor(them.pw_uid, world.port, b"HTTP/1.1 200 OK\r\n\r\n") as there:
        done = world.command(world.app("1.0.0"), "status")
    assert f"is held by the user {them.pw_name} (uid {them.pw_uid})" in done.stdout
    assert there.received == b""


def test_a_server_of_our_own_user_is_asked(world: World):
    with impostor(0, world.port, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as there:
        done = world.command(world.app("1.0.0"), "status")
    assert "is held by an HTTP server that answers 404" in done.stdout
    assert there.received.startswith(b"GET /api/health ")
