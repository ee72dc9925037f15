"""A forced run ends the worker that hangs, once, under the spawn lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from incumbent.lifecycle.drivers.ports import (
    KILLED,
    LOCK_REFUSED,
    NOT_PROVED,
    UNANSWERED,
    LockResult,
    Reply,
    StepResult,
)
from incumbent.lifecycle.drivers.spawner import Spawner
from incumbent.lifecycle.drivers.stopper import Stopper
from incumbent.lifecycle.health import SILENT, ProbeResult
from incumbent.lifecycle.lock.spawn_lock import ACQUIRED, HELD

from .system import GOT, NOTED, Answers, System
from .test_drivers import DARK_PORT, UP, played, record, worker

SILENT_PORT = ProbeResult(SILENT)
ENDED = StepResult(KILLED, "ended the worker 7")
SPARED = StepResult(NOT_PROVED, "7 is the worker no more")
NEW = UP._replace(seen=worker("2", pid=51, number=NOTED.number + 1))


def forced(kind: str, **answers: Sequence[object]) -> tuple[str, System, Any]:
    known: Answers = {"judge_silence": [True], "record": [record("2")]}
    system = System({**known, **answers})
    driver: Any = (
        Stopper(system, force=True) if kind == "stop" else Spawner(system, restart=True, force=True)
    )
    return played(driver), system, driver


def test_a_worker_that_hangs_is_ended_under_the_spawn_lock():
    event, system, _ = forced(
        "restart", probe=[SILENT_PORT, SILENT_PORT, DARK_PORT], end_judged=[ENDED], watch=[NEW]
    )
    assert event == "child_ready"
    assert system.comes("acquire", "end_judged")
    assert system.comes("end_judged", "release")
    assert system.spawned == ["2"]


def test_a_forced_stop_ends_the_worker_and_proves_the_port_dark():
    event, system, driver = forced(
        "stop", probe=[SILENT_PORT, SILENT_PORT, DARK_PORT], end_judged=[ENDED]
    )
    assert (event, driver.found) == ("port_dark", True)
    assert system.comes("end_judged", "release")


@pytest.mark.parametrize("kind", ["restart", "stop"])
def test_who_is_not_proved_is_spared_and_the_run_forces_no_more(kind):
    event, system, driver = forced(
        kind, probe=[SILENT_PORT], end_judged=[SPARED], pause=[True, False]
    )
    assert event == "deadline_passed"
    assert system.verbs.count("end_judged") == 1
    assert driver.error == "not forced: 7 is the worker no more"


@pytest.mark.parametrize("kind", ["restart", "stop"])
def test_a_silence_that_ends_is_none(kind):
    serving = worker("2", number=NOTED.number + 1)
    probes = [SILENT_PORT, serving, DARK_PORT]
    _, system, _ = forced(kind, probe=probes, watch=[NEW], end_judged=[ENDED])
    assert "end_judged" not in system.verbs


@pytest.mark.parametrize("kind", ["restart", "stop"])
def test_a_silence_is_waited_for_until_it_is_judged(kind):
    _, system, _ = forced(
        kind, probe=[SILENT_PORT], judge_silence=[False], pause=[True, True, False]
    )
    assert "end_judged" not in system.verbs
    assert system.verbs.count("judge_silence") == 3


@pytest.mark.parametrize("kind", ["restart", "stop"])
def test_whoever_holds_the_lock_has_its_own_budgets(kind):
    event, system, _ = forced(
        kind, probe=[SILENT_PORT], acquire=[LockResult(HELD)], pause=[True, False]
    )
    assert event == "deadline_passed"
    assert "end_judged" not in system.verbs


@pytest.mark.parametrize("kind", ["restart", "stop"])
def test_nobody_is_ended_where_the_lock_can_not_be_had(kind):
    event, system, driver = forced(
        kind, probe=[SILENT_PORT], acquire=[LockResult(LOCK_REFUSED, "read-only")]
    )
    assert (event, driver.error) == ("lock_refused", "read-only")
    assert "end_judged" not in system.verbs


def test_an_ask_that_dies_with_the_worker_is_given_back():
    old = worker("2", number=NOTED.number)
    event, system, _ = forced(
        "restart",
        probe=[old, SILENT_PORT, SILENT_PORT, DARK_PORT],
        ask=[Reply(UNANSWERED)],
        acquire=[GOT],
        end_judged=[ENDED],
        watch=[NEW],
    )
    assert event == "child_ready"
    assert system.verbs.count("ask") == 1


def test_a_worker_that_hangs_when_it_is_asked_to_stop_is_ended():
    event, system, driver = forced(
        "stop",
        probe=[worker("2"), SILENT_PORT, DARK_PORT],
        ask=[Reply(UNANSWERED)],
        acquire=[LockResult(ACQUIRED)],
        end_judged=[ENDED],
    )
    assert (event, driver.found) == ("port_dark", True)
    assert system.comes("ask", "end_judged")


def test_a_run_that_may_not_force_judges_nobody():
    system = System({"probe": [SILENT_PORT], "record": [record("2")], "pause": [True, False]})
    played(Spawner(system, restart=True))
    assert "judge_silence" not in system.verbs
