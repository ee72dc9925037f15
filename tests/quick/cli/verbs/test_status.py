"""`status` says by its exit code what is on the port."""

import json
import socket

import pytest

from incumbent.cli.main import main
from incumbent.cli.status_answer import as_answer, exit_code
from incumbent.lifecycle import Worker
from incumbent.lifecycle.health import DARK, FOREIGN, SILENT, Health, ProbeResult, result_of
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import MACHINES

KEYS = {"running", "state", "pid", "version", "uptime", "workerPath", "detail"}
WORKER_STATES = sorted({row.dest for row in MACHINES["worker"][0]} - states.WORKER_FINAL)


def worker_in(state):
    return result_of(
        Health(pid=7, version="1.0.0", state=state, since=1.0, instance="i", worker_path="/w")
    )


@pytest.mark.parametrize("state", WORKER_STATES)
def test_a_worker_is_running_exactly_while_it_serves(state):
    assert (exit_code(worker_in(state)) == 0) == (state in states.SERVING_STATES)


@pytest.mark.parametrize("state", sorted(set(WORKER_STATES) - states.SERVING_STATES))
def test_a_worker_that_does_not_serve_is_not_told_as_none(state):
    assert exit_code(worker_in(state)) == 4


@pytest.mark.parametrize(("kind", "code"), [(DARK, 3), (SILENT, 4), (FOREIGN, 4)])
def test_what_is_no_worker_has_its_code(kind, code):
    assert exit_code(ProbeResult(kind, None, "detail")) == code


@pytest.mark.parametrize(
    "seen", [ProbeResult(DARK), ProbeResult(SILENT), worker_in("verified")], ids=repr
)
def test_the_json_has_the_same_keys_whatever_is_there(seen):
    assert as_answer(seen, Worker(), exit_code(seen)).keys() >= KEYS


def test_a_dark_port_is_not_running(sandbox, capsys):
    assert main(["status"]) == 3
    said = capsys.readouterr()
    assert said.err == ""
    assert f"nothing listens on 127.0.0.1:{sandbox.port}" in said.out
    assert main(["status", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["running"] is False
    assert not sandbox.data_dir.exists()


@pytest.mark.slow
def test_a_port_that_accepts_without_an_answer_is_not_told_as_dark(sandbox, capsys):
    with socket.create_server(("127.0.0.1", sandbox.port)):
        assert main(["status"]) == 4
    assert "accepts connections and does not answer" in capsys.readouterr().out
