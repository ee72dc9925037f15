"""The commands run for a tool's own worker, under the tool's own name, and leave nothing set."""

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from incumbent.cli import commands
from incumbent.cli.command_table import COMMANDS, FOR_AUTHORS
from incumbent.lifecycle import Worker
from incumbent.lifecycle.about import COMMAND_VARIABLE, command

from ...isolation import Sandbox

pytestmark = pytest.mark.slow  # it waits for processes

WORKER = partial(Worker, "mytool", "1.0.0", "mytool:app")


def test_a_command_looks_at_the_tools_own_worker(sandbox, capsys):
    assert commands(WORKER, ["status", "--json"], "mytool worker") == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["seen"], said["port"]) == ("dark", sandbox.port)


def test_a_wrong_word_is_told_with_the_tools_own_usage(sandbox, capsys):
    assert commands(WORKER, ["dance"], "mytool worker") == 2
    out, talk = capsys.readouterr()
    assert out == ""
    assert talk.startswith("mytool worker: no command 'dance'\nusage: mytool worker [--data-dir D]")
    assert not sandbox.data_dir.exists()


@pytest.mark.parametrize("name", sorted(FOR_AUTHORS))
def test_what_is_for_authors_is_there_where_the_author_says_so(
    name: str, capsys: pytest.CaptureFixture[str]
):
    assert commands(WORKER, [name, "--help"], "mytool worker") == 2
    assert f"no command {name!r}" in capsys.readouterr().err
    commands(WORKER, ["--help"], "mytool worker")
    assert name not in capsys.readouterr().out
    assert commands(WORKER, [name, "--help"], "mytool worker", also=[name]) == 0
    commands(WORKER, ["--help"], "mytool worker", also=[name])
    assert name in capsys.readouterr().out


def test_the_name_holds_for_the_command_only(capsys):
    commands(WORKER, ["dance"], "mytool worker")
    assert COMMAND_VARIABLE not in os.environ
    assert command() == "worker-service"
    assert "mytool worker" in capsys.readouterr().err


def test_a_name_that_was_there_comes_back(monkeypatch, capsys):
    monkeypatch.setenv(COMMAND_VARIABLE, "outer")
    commands(WORKER, ["dance"], "inner")
    assert command() == "outer"
    assert capsys.readouterr().err.startswith("inner: ")


def nothing_there(sandbox: Sandbox) -> None:
    assert not sandbox.data_dir.exists()


def open_to_others(sandbox: Sandbox) -> None:
    sandbox.data_dir.mkdir()
    sandbox.data_dir.chmod(0o777)


def settings_that_are_none(sandbox: Sandbox) -> None:
    in_data_dir(sandbox, "settings.json", "{")


def a_record_of_a_newer_format(sandbox: Sandbox) -> None:
    in_data_dir(sandbox, "launch.json", '{"format": 99, "name": "mytool"}')


def a_record_of_another_service(sandbox: Sandbox) -> None:
    in_data_dir(sandbox, "launch.json", '{"format": 1, "name": "other"}')


def a_record_in_which_all_is_rejected(sandbox: Sandbox) -> None:
    said = {"version": "1.0.0", "app": "mytool:app", "fingerprint": "", "reason": "exited 1"}
    rejected = [said | {"at": time.time()}]
    record = {"format": 1, "name": "mytool", "version": None, "rejected": rejected}
    in_data_dir(sandbox, "launch.json", json.dumps(record))


def in_data_dir(sandbox: Sandbox, name: str, content: str) -> None:
    sandbox.data_dir.mkdir(mode=0o700)
    (sandbox.data_dir / name).write_text(content)


WEATHERS = (
    nothing_there,
    open_to_others,
    settings_that_are_none,
    a_record_of_a_newer_format,
    a_record_of_another_service,
    a_record_in_which_all_is_rejected,
)
# Each command, so that it meets the weather and comes back: nothing is launched, since a stranger
# holds the port. `mcp` would serve, `run` become the worker: of them, what they refuse.
LINES = {
    "start": [["start"]],
    "stop": [["stop"]],
    "restart": [["restart"], ["restart", "--version", "9"]],
    "status": [["status"]],
    "list": [["list"]],
    "logs": [["logs"]],
    "page": [["page"], ["page", "--session"]],
    "run": [["run", "--nope"]],
    "hook": [["hook"], ["hook", "X"]],
    "mcp": [["mcp", "--nope"]],
    "setup": [["setup", "claude"], ["setup", "gemini", "--remove"]],
    "trace": [["trace"], ["trace", "--check"]],
    "diagrams": [["diagrams", "--check", "missing"]],
    "build-and-sync": [["build-and-sync", "missing"]],
    "uninstall": [["uninstall"]],
    "doctor": [["doctor"]],
}


def test_no_command_is_left_out_here():
    assert set(LINES) == set(COMMANDS)


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("weather", WEATHERS, ids=lambda weather: weather.__name__)
def test_whatever_a_command_says_names_no_command_that_this_user_does_not_have(
    name: str, weather: Callable[[Sandbox], None], sandbox: Sandbox, stranger: None, capfd
):
    del stranger
    weather(sandbox)
    for line in ([name, "--help"], [name, "--nope"], *LINES[name]):
        commands(WORKER, ["--json", *line], "mytool worker", FOR_AUTHORS)
        commands(WORKER, line, "mytool worker", FOR_AUTHORS)
    out, talk = capfd.readouterr()
    assert "worker-service" not in out + talk
    assert "mytool worker" in out + talk


@pytest.fixture
def stranger(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have somebody else on the port, at once to be told from a worker."""
    empty = os.open(os.devnull, os.O_RDONLY)
    before = os.dup(0)
    os.dup2(empty, 0)
    monkeypatch.setenv("INCUMBENT_HOOK_TIMEOUT", "0.5")
    with socket.create_server(("127.0.0.1", sandbox.port)) as listener:
        answering = threading.Thread(target=answer, args=(listener,))
        answering.start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
        answering.join()
    os.dup2(before, 0)
    os.close(before)
    os.close(empty)


def answer(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail\r\n")
