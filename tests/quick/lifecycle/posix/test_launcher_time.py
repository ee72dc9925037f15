"""A run ends in its time, has patience with silence for a while, looks in good steps."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from incumbent.lifecycle import health as h
from incumbent.lifecycle.drivers.ports import UNANSWERED, Reply, Target
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import Health, ProbeResult
from incumbent.lifecycle.machine.tables import Row
from incumbent.lifecycle.posix import admin_call
from incumbent.lifecycle.posix import launcher as module
from incumbent.lifecycle.posix.launcher import PosixLauncher, run_blocking
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.posix.registration import Registration
from incumbent.lifecycle.record import Build, Record, rejected
from incumbent.lifecycle.record_format import encoded
from incumbent.lifecycle.settings import Worker

NO_END_S = 1e6


class Clock:
    """Time that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    its = Clock()
    monkeypatch.setattr(time, "monotonic", its.monotonic)
    return its


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give how long was waited for the PID file, each time in vain."""
    waited: list[float] = []

    class NoFile:
        def __init__(self, _: str) -> None: ...

        def wait(self, seconds: float, _: float) -> bool:
            waited.append(seconds)
            return False

    monkeypatch.setattr(module, "PidFileWatch", NoFile)
    return waited


def answers(monkeypatch: pytest.MonkeyPatch, kind: str, managed: bool = False) -> None:
    health = Health(
        pid=1, version="1.0.0", state="verified", since=1.0, instance="i", service="s",
        data_dir="/d", port=1, worker_path="/w", app="a:b", managed=managed,
    )  # fmt: skip
    seen = ProbeResult(kind, health if kind == h.WORKER_SERVING else None)
    monkeypatch.setattr(module, "look_at", lambda *_: seen)


def test_what_remains_is_never_less_than_nothing(worker: Worker, clock: Clock):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=10.0)
    assert launcher.remaining == 10.0
    clock.now += 4.0
    assert launcher.remaining == 6.0
    clock.now += 100.0
    assert launcher.remaining == 0.0


@pytest.mark.usefixtures("clock")
def test_a_run_without_a_time_of_its_own_has_the_workers(worker: Worker):
    assert PosixLauncher(worker, "spawner", "api").remaining == worker.timeout
    assert PosixLauncher(worker, "spawner", "api", timeout=0.0).remaining == 0.0


@pytest.mark.usefixtures("waits")
def test_a_port_that_stays_silent_ends_the_run_before_its_time(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    answers(monkeypatch, h.SILENT)
    launcher = PosixLauncher(worker, "spawner", "api", timeout=NO_END_S, patience=10.0)
    run_blocking(launcher.probe())
    clock.now += 8.0
    assert run_blocking(launcher.pause()) is True
    assert launcher.waited == NO_END_S
    run_blocking(launcher.probe())
    clock.now += 1.5  # another question could not be answered in time any more
    assert run_blocking(launcher.pause()) is False
    assert launcher.waited == 10.0


@pytest.mark.usefixtures("waits")
def test_a_run_shorter_than_its_patience_gave_up_after_its_own_time(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    answers(monkeypatch, h.SILENT)
    launcher = PosixLauncher(worker, "spawner", "api", timeout=3.0, patience=10.0)
    run_blocking(launcher.probe())
    clock.now += 20.0
    assert run_blocking(launcher.pause()) is False
    assert launcher.waited == 3.0


@pytest.mark.usefixtures("waits")
def test_an_answer_between_two_silences_begins_the_patience_anew(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=NO_END_S, patience=10.0)
    for kind, seconds in ((h.SILENT, 8.0), (h.DARK, 0.0), (h.SILENT, 8.0)):
        answers(monkeypatch, kind)
        run_blocking(launcher.probe())
        clock.now += seconds
    assert run_blocking(launcher.pause()) is True


@pytest.mark.usefixtures("waits")
def test_an_ask_that_nobody_answers_is_silence_too(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(admin_call, "ask", lambda *_: Reply(UNANSWERED, "busy"))
    launcher = PosixLauncher(worker, "spawner", "api", timeout=NO_END_S, patience=10.0)
    run_blocking(launcher.ask("restart", Target("i", worker.host, worker.port)))
    clock.now += 11.0
    assert run_blocking(launcher.pause()) is False


@pytest.mark.usefixtures("waits")
def test_silence_while_a_launch_is_under_way_is_waited_out(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    holder = PosixLauncher(worker, "spawner", "api")
    assert run_blocking(holder.lock.acquire()).event == "lock_acquired"
    answers(monkeypatch, h.SILENT)
    launcher = PosixLauncher(worker, "spawner", "api", timeout=NO_END_S, patience=10.0)
    run_blocking(launcher.probe())
    clock.now += 11.0
    run_blocking(launcher.probe())
    assert run_blocking(launcher.pause()) is True
    run_blocking(holder.lock.release())


def test_a_manager_has_its_turn_after_the_last_answer_of_its_worker(
    worker: Worker, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=NO_END_S)
    answers(monkeypatch, h.WORKER_SERVING)
    run_blocking(launcher.probe())
    assert run_blocking(launcher.lock.lock_is_free()) is True
    answers(monkeypatch, h.WORKER_SERVING, managed=True)
    run_blocking(launcher.probe())
    clock.now += module.RESPAWN_GRACE_S - 0.1
    assert run_blocking(launcher.lock.lock_is_free()) is False
    clock.now += 0.2
    assert run_blocking(launcher.lock.lock_is_free()) is True


def test_pauses_grow_up_to_a_limit_and_begin_anew_with_a_step(
    worker: Worker, clock: Clock, waits: list[float]
):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=NO_END_S)
    for _ in range(20):
        run_blocking(launcher.pause())
    assert waits[0] == module.PAUSE_S
    assert waits == sorted(waits)
    assert waits[1] > waits[0]
    assert max(waits) == waits[-1] == module.PAUSE_LIMIT_S
    run_blocking(launcher.note(Row("again", "probing", "probing"), ""))
    run_blocking(launcher.pause())
    assert waits[-1] == module.PAUSE_LIMIT_S
    run_blocking(launcher.note(Row("on", "probing", "locking"), ""))
    run_blocking(launcher.pause())
    assert waits[-1] == module.PAUSE_S
    assert clock.now == 1000.0


def test_no_pause_is_longer_than_what_remains(worker: Worker, clock: Clock, waits: list[float]):
    launcher = PosixLauncher(worker, "spawner", "api", timeout=10.0)
    clock.now += 9.998
    assert run_blocking(launcher.pause()) is True
    assert waits == [pytest.approx(0.002)]


def test_a_change_of_the_pid_file_makes_the_next_looks_quick(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    waited: list[float] = []

    class Changed:
        def __init__(self, _: str) -> None: ...

        def wait(self, seconds: float, _: float) -> bool:
            waited.append(seconds)
            return True

    monkeypatch.setattr(module, "PidFileWatch", Changed)
    launcher = PosixLauncher(worker, "spawner", "api", timeout=NO_END_S)
    for _ in range(2):
        run_blocking(launcher.pause())
    assert waited == [module.PAUSE_S, module.WATCH_STEP_S]


def test_whoever_watches_is_called_at_each_step_and_each_pause(worker: Worker):
    calls: list[bool] = []
    launcher = PosixLauncher(
        worker, "spawner", "api", timeout=NO_END_S, watching=lambda: calls.append(True)
    )
    run_blocking(launcher.note(Row("on", "probing", "locking"), "why"))
    run_blocking(launcher.pause())
    assert len(calls) == 2
    [line] = Path(worker.path("trace.jsonl")).read_text().splitlines()
    said = json.loads(line)
    assert (said["event"], said["from"], said["to"]) == ("on", "probing", "locking")
    assert said["run"] == launcher.run


def test_a_verb_that_suspends_is_an_error():
    with pytest.raises(RuntimeError, match="suspended"):
        run_blocking(asyncio.sleep(0))


# To begin.


RECORDED = Build("7.0.0", "app:app", sys.executable)


@pytest.mark.parametrize("noted", [None, Generation("line", 2)])
def test_a_run_notes_the_last_launch_at_its_beginning_or_the_one_it_was_given(
    worker: Worker, noted: Generation | None
):
    _record(worker, Record(worker.name, RECORDED, generation=Generation("line", 5)))
    launcher = PosixLauncher(worker, "spawner", "api", noted=noted)
    run = run_blocking(launcher.begin(restart=False))
    assert run.noted == (noted or Generation("line", 5))
    assert run.wanted == "7.0.0"
    assert launcher.trace.generation == run.noted.number


def test_a_record_without_a_build_wants_no_version(worker: Worker):
    its = Record(worker.name, generation=Generation("line", 5))
    _record(worker, rejected(its, own_build(worker), "it failed", False, time.time()))
    run = run_blocking(PosixLauncher(worker, "spawner", "api").begin(restart=False))
    assert (run.noted, run.wanted) == (Generation("line", 5), "")


@pytest.mark.parametrize("noted", [None, Generation("line", 2)])
def test_a_run_whose_record_cannot_be_read_goes_on_with_what_it_was_given(
    worker: Worker, noted: Generation | None
):
    Path(worker.path("launch.json")).write_text(json.dumps({"format": 99}))
    run = run_blocking(PosixLauncher(worker, "spawner", "api", noted=noted).begin(restart=False))
    assert (run.noted, run.wanted) == (noted or Generation(), "")


@pytest.mark.parametrize(
    ("person", "restart", "looks"),
    [(True, False, True), (True, True, False), (False, False, False), (False, True, False)],
)
def test_only_who_may_leave_a_worker_alone_looks_first(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, person: bool, restart: bool, looks: bool
):
    given: list[object] = []

    def register(*said: object) -> None:
        given.extend(said[1:])

    monkeypatch.setattr(Registration, "register", register)
    run_blocking(PosixLauncher(worker, "spawner", "api", person=person).begin(restart))
    assert given[:2] == [restart, person]
    assert given[2] == (ProbeResult(h.DARK) if looks else None)


def _record(worker: Worker, record: Record) -> None:
    Path(worker.path("launch.json")).write_bytes(encoded(record))


def test_elsewhere_is_looked_for_by_the_serve_lock(worker: Worker):
    launcher = PosixLauncher(worker, "spawner", "api")
    assert run_blocking(launcher.look_elsewhere()).kind == h.DATA_FREE
