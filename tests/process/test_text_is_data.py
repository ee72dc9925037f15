"""Whatever a port, a file or an event says, no command prints more than text of it.

A hostile text moves no cursor, begins no row, turns no reading direction and never ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.cli.command_table import COMMANDS
from incumbent.cli.mcp import answers
from incumbent.lifecycle import Worker
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.messages import LIMIT_LETTERS, printable, say

from ..world import App, World

pytestmark = pytest.mark.process

BEGINS = "worker-service: all is well"  # what a row of its own would say
NASTY = f"\x1b[2J\x1b]0;owned\x07\r{BEGINS}\r\n{BEGINS}\u2028\x85\x9b31m\u202e\u2066\u200f\x7f"
TYPED = NASTY + "\udce9"  # as an argument: no NUL, and bytes that are no text
ANYTHING = NASTY + "\0\ud800"
LONG = "long " * 20_000
ENDLESS = ANYTHING + LONG + ANYTHING
PATIENCE_S = 20.0
IN_FOREGROUND_S = 2.0  # `run` never ends by itself where it can serve
ROW_LIMIT = 12 * LIMIT_LETTERS  # each letter may have become an escape

# command -> what is typed after it, several times where its words differ
TYPED_AFTER: dict[str, list[list[str]]] = {
    "status": [[]],
    "doctor": [[]],
    "list": [[]],
    "logs": [[], ["-n", TYPED]],
    "page": [[], ["--session"]],
    "trace": [[], ["--check"], ["--run", TYPED]],
    "hook": [["Stop"], [TYPED]],
    "start": [[], [TYPED]],
    "restart": [["--timeout", "0.5"], ["--timeout", TYPED]],
    "run": [[]],
    "mcp": [[]],
    "setup": [["claude"], ["gemini", "--remove"], [TYPED]],
    "diagrams": [["--check", TYPED]],
    "build-and-sync": [[TYPED], ["project"]],
    "uninstall": [[]],
    "stop": [["--timeout", "0.5"]],
}


def test_every_command_is_walked():
    assert set(TYPED_AFTER) == set(COMMANDS)


def assert_harmless(out: bytes, what: object) -> None:
    """Every letter is printable, no row begins with words of somebody else's, none is endless."""
    for row in out.decode().split("\n"):
        assert row.isprintable(), (what, row[:1000])
        assert not row.startswith(BEGINS), (what, row)
        assert len(row) < ROW_LIMIT or isinstance(json.loads(row), dict), (what, row[:300])


def said(world: World, *words: str, stdin: bytes = b"", within: float = PATIENCE_S) -> bytes:
    """Give all that a command prints; after `within` seconds it is asked to end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "incumbent.cli.main", *words],
        env=world.environment(App(world.sandbox.root, "1.0.0")) | {"INCUMBENT_VERSION": ""},
        cwd=world.sandbox.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, talk = process.communicate(stdin, timeout=within)
    except subprocess.TimeoutExpired:
        process.terminate()
        out, talk = process.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in talk, talk[-1000:]
    return out + b"\n" + talk


def walk(world: World, *without: str) -> bytes:
    """Run every command, hold what it prints against the promise, give all of it."""
    event = json.dumps({"prompt": ANYTHING}).encode()
    heard = b""
    for name, ways in TYPED_AFTER.items():
        if name in without:
            continue
        within = IN_FOREGROUND_S if name == "run" else PATIENCE_S
        for way in ways:
            printed = said(world, name, *way, stdin=event * (name == "hook"), within=within)
            assert_harmless(printed, (name, way))
            heard += printed
    return heard


@pytest.fixture
def hurried(world: World) -> World:
    """Give a world whose launchers give up soon."""
    world.settings |= {
        "INCUMBENT_APP": "incumbent.server.recorder:app",
        "INCUMBENT_TIMEOUT": "0.5",
        "INCUMBENT_HOOK_TIMEOUT": "0.5",
    }
    project = world.sandbox.root / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('x = "\x1b"', encoding="utf-8")
    return world


@contextlib.contextmanager
def answering(port: int, look: bytes, ask: bytes) -> Iterator[None]:
    """Answer every GET on this port with `look`, everything else with `ask`."""
    with socket.create_server(("127.0.0.1", port)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(PATIENCE_S)
                    heard = connection.recv(65536)
                    connection.sendall(look if heard.startswith(b"GET ") else ask)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):
                        pass

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()


def http(status: str, body: object) -> bytes:
    content = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def health(world: World, **says: object) -> bytes:
    """Give a health answer of our worker, whose texts are all hostile, save what is given."""
    fields: dict[str, object] = dict.fromkeys(
        ("app", "instance", "refusal", "startedAt", "status", "version", "workerPath"), ENDLESS
    )
    fields |= {"pid": 2**22, "port": world.port, "since": 1.0, "uptime": 1.0}  # no pid of Linux
    fields |= {"service": Worker().name, "dataDir": str(world.data_dir), "state": states.VERIFIED}
    return http("200 OK", fields | says)


REFUSAL = http("400 Bad Request", {"error": ENDLESS, "code": ENDLESS})
PORTS: dict[str, dict[str, Any]] = {
    "serves": {},
    "does not serve": {"state": states.STARTING},
    "leaves": {"state": states.DRAINING},
    "is in no state": {"state": ANYTHING},
    "is another service": {"service": ANYTHING},
    "has another data dir": {"dataDir": ENDLESS},
}


@pytest.mark.parametrize("which", PORTS)
def test_no_command_prints_more_than_text_of_what_a_port_said(hurried: World, which):
    with answering(hurried.port, health(hurried, **PORTS[which]), REFUSAL):
        heard = walk(hurried, "build-and-sync", "diagrams")
    assert b"owned" in heard  # it was told, as text


def test_no_command_prints_more_than_text_as_json(hurried: World):
    with answering(hurried.port, health(hurried), REFUSAL):
        for name in TYPED_AFTER:
            if name != "mcp":
                printed = said(hurried, name, *TYPED_AFTER[name][0], "--json", stdin=b"{}")
                assert_harmless(printed, name)
                assert isinstance(json.loads(printed.split(b"\n")[0]), dict)


@pytest.mark.parametrize("says", [ANYTHING, f"HTTP/1.1 {NASTY}\r\n\r\n", f"HTTP/1.1 500 {NASTY}"])
def test_no_command_prints_more_than_text_of_what_is_no_http(hurried: World, says):
    with answering(hurried.port, says.encode(errors="replace"), b""):
        for name in ("status", "doctor", "start", "hook"):
            assert_harmless(said(hurried, name, *TYPED_AFTER[name][0]), name)


def leave(world: World, name: str, content: object, age: float = 0.0) -> Path:
    """Leave a file in the data dir."""
    path = world.data_dir / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), errors="replace")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def nasty_files(world: World, text: str) -> None:
    """Leave every file of ours in the data dir, with this in it wherever there may be text."""
    build = {"version": text, "app": text, "python": f"/{text}", "environment": {}}
    build |= {"fingerprint": text, "strategies": [], "registeredAt": text, "registeredBy": text}
    rejection: dict[str, object] = {
        "version": text,
        "app": text,
        "fingerprint": text,
        "reason": text,
    }
    rejection |= {"at": time.time(), "late": False}
    record = {"format": 1, "name": Worker().name, "good": build, "rejected": [rejection]}
    leave(world, "launch.json", record | build | {"pinned": text})
    leave(world, "worker.pid", {"pid": 2**22, "start": text, "version": text, "port": 1})
    line = dict.fromkeys(("machine", "run", "origin", "from", "event", "to", "why", "at"), text)
    lines = [line | {"pid": 1, "ms": 1.0}, line | {"machine": "worker", "pid": text, "ms": text}]
    leave(world, "trace.jsonl", "".join(json.dumps(one) + "\n" for one in lines) + f"{text}\n")
    leave(world, f"spool/{NASTY}.json", text)
    leave(world, f"spool/{NASTY}.refused", text)
    leave(world, f"spool/{NASTY}.set-aside", text)
    leave(world, f"spool/{NASTY}.why", text)
    owner = {"token": "a" * 32, "pid": 2**22, "start": text, "host": text, "boot": text}
    leave(world, "spawn.lock", owner | {"version": text, "acquiredAt": text}, age=3600.0)


@pytest.mark.usefixtures("data_dir")
@pytest.mark.parametrize("text", [ENDLESS, NASTY + LONG + NASTY], ids=["no text", "text"])
def test_no_command_prints_more_than_text_of_what_a_file_said(hurried: World, text):
    nasty_files(hurried, text)
    heard = walk(hurried)
    assert b"owned" in heard


@pytest.mark.usefixtures("data_dir")
def test_no_command_prints_more_than_text_of_a_setting(hurried: World):
    names = ("port", "host", "log_level", "start_timeout", "app", "version", NASTY)
    path = leave(hurried, "settings.json", dict.fromkeys(names, ENDLESS))
    del hurried.settings["INCUMBENT_APP"]
    walk(hurried, "run", "build-and-sync", "diagrams")
    leave(hurried, "settings.json", dict.fromkeys(("log_level", "start_timeout", NASTY), ENDLESS))
    walk(hurried, "run", "build-and-sync", "diagrams")
    path.unlink()


def test_no_command_prints_more_than_text_of_a_variable(hurried: World):
    for variable in ("PORT", "HOST", "LOG_LEVEL", "TIMEOUT", "HOOK_TIMEOUT", "NAME", "APP"):
        for name in ("status", "doctor", "hook", "start"):
            hurried.settings[f"INCUMBENT_{variable}"] = TYPED
            assert_harmless(said(hurried, name, *TYPED_AFTER[name][0]), (variable, name))
        del hurried.settings[f"INCUMBENT_{variable}"]


def test_no_command_prints_more_than_text_of_a_workers_last_words(hurried: World):
    words = f"import os; os.write(2, {ENDLESS.encode(errors='replace')!r}); os._exit(3)"
    (hurried.sandbox.root / "dying.py").write_text(words)
    hurried.settings |= {"INCUMBENT_APP": "dying:app", "INCUMBENT_TIMEOUT": "10"}
    heard = walk(hurried, "run", "build-and-sync", "diagrams")  # a run's terminal is the app's own
    assert b"could not be started" in heard


def test_arguments_are_text_too(hurried: World):
    places = ["--port", TYPED, "status"], ["--data-dir", TYPED, "doctor"]
    for words in ([TYPED], *places, ["hook", "x" * 100_000], ["start", "x" * 100_000]):
        assert_harmless(said(hurried, *words), words)


def test_an_agent_reads_text_only_of_what_went_wrong(hurried: World, capfd, monkeypatch):
    for name, value in hurried.settings.items():
        monkeypatch.setenv(name, value)
    with answering(hurried.port, health(hurried, service=ENDLESS), REFUSAL):
        for name in answers.ACTS:
            answer = answers.answered(name, Worker(), {ENDLESS: ENDLESS}, lambda *_: None)
            assert not answer["ok"]
            assert_harmless(str(answer["error"]).encode(), name)
            answer = answers.answered(name, Worker(), {}, lambda *_: None)
            assert_harmless(str(answer.get("error", "")).encode(), name)
    assert_harmless("".join(capfd.readouterr()).encode(), "talk")


def test_of_an_endless_text_both_ends_are_told():
    text = printable(f"it begins {LONG} and run `worker-service start`")
    assert text.startswith("it begins long")
    assert text.endswith("and run `worker-service start`")
    assert "letters left out" in text
    assert len(text) < LIMIT_LETTERS + 100


def test_text_of_the_usual_length_stays_as_it_is():
    text = "größer → 3 " * (LIMIT_LETTERS // 11)
    assert printable(text) == text


def test_nobody_hears_what_is_said_on_a_closed_stderr(monkeypatch, capfd):
    monkeypatch.setattr(sys, "stderr", None)
    say(["nothing"])
    assert capfd.readouterr() == ("", "")
