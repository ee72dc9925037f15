"""The commands run for a tool's own worker, under the tool's own name, and leave nothing set."""

import json
import os
from functools import partial

from incumbent.cli import commands
from incumbent.lifecycle import Worker
from incumbent.lifecycle.about import COMMAND_VARIABLE, command

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
