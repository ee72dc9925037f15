"""A wait longer than a second says on stderr what it waits for, once a reason."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from incumbent.cli import waiting
from incumbent.cli.waiting import OURS, WORKERS, RunReasons, waits_told
from incumbent.lifecycle import Worker
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.machine import states as s
from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.trace import Trace


@pytest.fixture
def worker(data_dir: Path):
    worker = Worker()
    assert worker.data_dir == str(data_dir)
    return worker


def note(worker: Worker, machine: str, source: str, event: str, dest: str) -> None:
    Trace(DataDir(worker.data_dir).trace, machine, "run", "cli").note((event, source, dest), "")


def test_a_wait_within_its_second_says_nothing(capsys):
    with waits_told(lambda: "an answer"):
        pass
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_a_longer_wait_says_what_for(capsys):
    asked = threading.Event()

    def reason() -> str:
        asked.set()
        return "an answer"

    with waits_told(reason):
        assert asked.wait(15)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "worker-service: waiting for an answer\n")


def test_each_reason_is_said_once(capsys, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.0)
    monkeypatch.setattr(waiting, "STEP_S", 0.001)
    left = list("aabab")
    over = threading.Event()

    def reason() -> str:
        if not left:
            over.set()
        return left.pop(0) if left else "b"

    with waits_told(reason):
        assert over.wait(15)
    said = capsys.readouterr().err.splitlines()
    assert said == ["worker-service: waiting for a", "worker-service: waiting for b"]


def test_a_body_that_fails_is_waited_for_no_more():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), waits_told(lambda: "an answer"):
        raise ZeroDivisionError
    assert threading.active_count() == before


@pytest.mark.parametrize("machine", ["spawner", "stop"])
def test_wherever_a_run_may_stand_there_is_a_reason(machine):
    table, begins, ends = MACHINES[machine]
    stands = {row.dest for row in table} - ends - set(begins)
    assert stands <= set(OURS)


def test_what_a_worker_is_said_to_wait_for_are_states_of_its_table():
    table, _, _ = MACHINES["worker"]
    assert set(WORKERS) <= {row.dest for row in table}


def test_before_the_first_transition_it_is_an_answer(worker):
    assert RunReasons(worker).now() == f"an answer from 127.0.0.1:{worker.port}"


def test_where_the_run_stands_now_is_the_reason(worker):
    reasons = RunReasons(worker)
    note(worker, "spawner", s.IDLE, "port_dark", s.LOCKING)
    note(worker, "spawner", s.LOCKING, "lock_acquired", s.SPAWNING)
    assert reasons.now() == "the new worker to come up"


def test_what_the_worker_that_goes_waits_for_is_the_reason(worker):
    reasons = RunReasons(worker)
    note(worker, "spawner", s.IDLE, "restart_wanted", s.HANDING_OFF)
    assert reasons.now() == "the worker to go"
    note(worker, "worker", s.WARMING_UP, "standby_ready", s.DRAINING)
    assert reasons.now() == "the requests in flight"


def test_a_run_of_another_process_is_no_reason(worker):
    reasons = RunReasons(worker)
    note(worker, "spawner", s.IDLE, "port_dark", s.LOCKING)
    path = Path(DataDir(worker.data_dir).trace)
    said = json.loads(path.read_text()) | {"pid": os.getppid()}
    path.write_text(json.dumps(said) + "\n")
    assert reasons.now() == f"an answer from 127.0.0.1:{worker.port}"


def test_who_holds_the_spawn_lock_is_named(worker):
    reasons = RunReasons(worker)
    note(worker, "spawner", s.IDLE, "port_dark", s.LOCKING)
    assert reasons.now() == "whoever holds the spawn lock"
    owner = {"token": "t", "pid": os.getppid(), "start": "1", "host": "h", "boot": "b"}
    path = Path(DataDir(worker.data_dir).spawn_lock)
    path.write_text(json.dumps(owner | {"version": "1"}))
    assert reasons.now() == f"pid {os.getppid()}, which holds the spawn lock"


HOLD = """
import sys, time
from incumbent.lifecycle.lock.guard import Guard
assert Guard(sys.argv[1]).take(wait=False)
print("held", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells who holds a file")
def test_who_was_stopped_with_the_guard_is_named(worker):
    guard = DataDir(worker.data_dir).guard
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, guard], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "held\n"
            holder.send_signal(signal.SIGSTOP)
            assert RunReasons(worker).now() == f"pid {holder.pid}, which holds {guard}"
        finally:
            holder.kill()
