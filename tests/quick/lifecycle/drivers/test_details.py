"""Each row of a run is told with its own why, and none with another row's."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from incumbent.lifecycle.drivers.ports import (
    ACCEPTED,
    LOCK_REFUSED,
    REFUSED,
    RESTART,
    SHUTDOWN,
    UNANSWERED,
    ChildExit,
    LockResult,
    Reply,
    Request,
    StepResult,
)
from incumbent.lifecycle.drivers.spawner import Spawner
from incumbent.lifecycle.drivers.stopper import Stopper
from incumbent.lifecycle.drivers.worker import WorkerDriver
from incumbent.lifecycle.health import FOREIGN, NO_ADDRESS, OUT_OF_REACH, SILENT, ProbeResult
from incumbent.lifecycle.lock.spawn_lock import HELD
from incumbent.lifecycle.machine import states

from .system import GOT, KILLED_AS_LATE, Answers, EnoughError, System
from .test_drivers import DARK_PORT, LATE, UP, played, record, worker

BUSY = LockResult(HELD, "another holds it")

Rows = list[tuple[str, str]]  # each an event, with what is told of it


def launching(**answers: Sequence[object]) -> tuple[Rows, Spawner]:
    system = System(answers)
    run = Spawner(system, restart=False)
    played(run)
    return system.told, run


def stopping(**answers: Sequence[object]) -> tuple[Rows, Stopper]:
    system = System(answers)
    run = Stopper(system)
    played(run)
    return system.told, run


def serving(**answers: Sequence[object]) -> tuple[Rows, WorkerDriver]:
    system = System(answers)
    run = WorkerDriver(system, False, "1")
    played(run)
    return system.told, run


def test_a_launch_is_told_with_its_pid_and_a_failure_with_its_reason():
    rows, run = launching(
        probe=[DARK_PORT], record=[record("2", "1")],
        acquire=[BUSY, GOT], watch=[ChildExit(1, last_output="no database"), UP],
    )  # fmt: skip
    assert rows == [
        ("port_dark", ""),
        ("lock_held", "another holds it"),
        ("lock_acquired", ""),
        ("spawned", "pid=51 version=2"),
        ("child_failed", "exited 1: no database"),
        ("spawned", "pid=52 version=1"),
        ("child_ready", ""),
    ]
    assert run.error == "exited 1: no database"
    assert run.fell_back


def test_a_child_that_is_late_is_told_once_it_is_dead():
    rows, run = launching(
        probe=[DARK_PORT], record=[record("2")], watch=[LATE],
        kill=[KILLED_AS_LATE],
    )  # fmt: skip
    assert rows[-2:] == [
        ("child_deadline", ""),
        ("child_failed_last", "was not up within its start budget"),
    ]
    assert run.error == "was not up within its start budget"


def test_a_lock_that_is_refused_says_why():
    rows, run = launching(
        probe=[DARK_PORT], record=[record("2")],
        acquire=[LockResult(LOCK_REFUSED, "can't use it")],
    )  # fmt: skip
    assert rows[-1] == ("lock_refused", "can't use it")
    assert run.error == "can't use it"


def test_whoever_holds_the_port_is_told():
    rows, _ = launching(probe=[ProbeResult(FOREIGN, None, "a printer")])
    assert rows == [("port_foreign", "a printer")]


def test_an_older_worker_is_told_with_its_pid_and_what_it_answers():
    rows, run = launching(
        probe=[worker("1", pid=9)], record=[record("2")],
        ask=[Reply(REFUSED, "not now")],
    )  # fmt: skip
    assert rows == [("worker_stale", "pid=9 version=1"), ("handover_refused", "not now")]
    assert run.error == "not now"


def test_a_worker_tells_what_it_was_asked_and_how_its_successor_failed():
    rows, run = serving(
        record=[record("2", "1")],
        next_ask=[Request(RESTART, 1), EnoughError],
        poll_ask=[None, None, None],
        warm_up=[ChildExit(3, last_output="broken")],
    )  # fmt: skip
    handed = rows[[event for event, _ in rows].index("handover_asked") :]
    assert handed == [
        ("handover_asked", RESTART),
        ("lock_acquired", ""),
        ("standby_spawned", "pid=51 version=2"),
        ("standby_failed", "exited 3: broken"),
    ]
    assert run.detail == ""


def test_a_worker_that_is_asked_to_stop_says_so():
    rows, _ = serving(next_ask=[Request(SHUTDOWN, 1), EnoughError])
    assert ("stop_asked", SHUTDOWN) in rows


def test_an_app_that_fails_is_told_with_its_sentence():
    rows, run = serving(load=[StepResult("app_failed", "no module")])
    assert rows[-1] == ("app_failed", "no module")
    assert run.detail == "no module"


def test_a_stop_is_told_with_whom_it_means_and_who_is_in_its_way():
    rows, run = stopping(
        probe=[worker("1", pid=9), DARK_PORT], ask=[Reply(ACCEPTED)], acquire=[BUSY, GOT]
    )
    assert rows == [
        ("worker_found", "pid=9 version=1"),
        ("ask_accepted", ""),
        ("instance_gone", ""),
        ("port_dark", ""),
        ("lock_held", "another holds it"),
        ("lock_acquired", ""),
        ("port_dark", ""),
    ]
    assert run.found
    assert run.error == ""


@pytest.mark.parametrize("kind", [FOREIGN, NO_ADDRESS])
def test_a_stop_tells_whose_port_it_is(kind: str):
    rows, run = stopping(probe=[ProbeResult(kind, None, "a printer")])
    assert rows == [("port_foreign", "a printer")]
    assert (run.error, run.found) == ("a printer", False)


def test_a_stop_that_is_refused_says_why():
    rows, run = stopping(probe=[worker("1", pid=9)], ask=[Reply(REFUSED, "no secret")])
    assert rows[-1] == ("ask_refused", "no secret")
    assert run.error == "no secret"


def test_a_stop_whose_lock_is_refused_says_why():
    rows, run = stopping(probe=[DARK_PORT], acquire=[LockResult(LOCK_REFUSED, "read-only")])
    assert rows[-1] == ("lock_refused", "read-only")
    assert run.error == "read-only"


def test_a_stop_tells_who_runs_the_app_out_of_reach():
    far = ProbeResult(OUT_OF_REACH, None, "the worker 7 on far")
    rows, run = stopping(probe=[DARK_PORT], look_elsewhere=[far], acquire=[GOT])
    held = [row for row in rows if row[0].startswith("data_held")]
    assert held == [
        ("data_held", "the worker 7 on far"), ("data_held_elsewhere", "the worker 7 on far"),
    ]  # fmt: skip
    assert run.error == "the worker 7 on far"


# A stop, step by step.


def test_an_ask_that_nobody_answers_is_asked_again_after_a_pause():
    silent = Reply(UNANSWERED, "busy")
    rows, run = stopping(
        probe=[worker("1", pid=9), DARK_PORT], ask=[silent, silent, Reply(ACCEPTED)]
    )
    assert rows[:4] == [
        ("worker_found", "pid=9 version=1"),
        ("instance_stays", "busy"),
        ("instance_stays", "busy"),
        ("ask_accepted", ""),
    ]
    assert run.state == states.VERIFIED


@pytest.mark.parametrize(
    "stays", [ProbeResult(SILENT), worker("1", pid=9)], ids=["silent", "there"]
)
def test_whoever_was_asked_is_waited_for_until_it_is_gone(stays: ProbeResult):
    its = worker("1", pid=9)
    rows, run = stopping(probe=[its, stays, stays, DARK_PORT], ask=[Reply(ACCEPTED)])
    assert [event for event, _ in rows] == [
        "worker_found", "ask_accepted", "instance_stays", "instance_stays", "instance_gone",
        "port_dark", "lock_acquired", "port_dark",
    ]  # fmt: skip
    assert run.state == states.VERIFIED


def test_an_heir_of_the_one_that_was_asked_is_another():
    first, heir = worker("1", pid=9), worker("2", pid=10)
    rows, _ = stopping(probe=[first, heir, heir, DARK_PORT], ask=[Reply(ACCEPTED)])
    assert [row for row in rows if row[0] == "worker_found"] == [
        ("worker_found", "pid=9 version=1"), ("worker_found", "pid=10 version=2"),
    ]  # fmt: skip


def test_whoever_comes_up_while_a_stop_waits_for_the_lock_is_stopped_too():
    rows, run = stopping(
        probe=[DARK_PORT, worker("1", pid=9), worker("1", pid=9), DARK_PORT],
        acquire=[BUSY, GOT], ask=[Reply(ACCEPTED)],
    )  # fmt: skip
    assert ("worker_found", "pid=9 version=1") in rows
    assert [event for event, _ in rows][:3] == ["port_dark", "not_dark", "worker_found"]
    assert run.found


def test_a_stop_ends_at_its_deadline_wherever_it_waits():
    for answers in (
        {"probe": [ProbeResult(SILENT)]},
        {"probe": [worker("1", pid=9)], "ask": [Reply(UNANSWERED, "busy")]},
        {"probe": [worker("1", pid=9)], "ask": [Reply(ACCEPTED)]},
        {"probe": [DARK_PORT], "acquire": [BUSY]},
    ):
        rows, run = stopping(pause=[True, False], **answers)
        assert rows[-1][0] == "deadline_passed"
        assert run.state != states.VERIFIED


def test_a_worker_names_itself_in_its_file_before_it_is_up():
    system = System({"record": [record("1")], "next_ask": [EnoughError]})
    played(WorkerDriver(system, False, "1"))
    order = [
        verb for verb in system.verbs if verb in ("listen", "name_holder", "write_pid", "say_up")
    ]
    assert order == ["listen", "name_holder", "write_pid", "say_up"]


# A handover by rebinding, step by step.


def rebound(**answers: Sequence[object]) -> tuple[list[tuple[str, str]], System, WorkerDriver]:
    asked: Answers = {
        "next_ask": [Request(RESTART, 1), EnoughError],
        "record": [record("2", "1")],
        "can_pass_socket": [False],
    }
    system = System({**asked, **answers})
    driver = WorkerDriver(system, False, "1")
    played(driver)
    events = [event for event, _ in system.told]
    return system.told[events.index("rebind_chosen") :], system, driver


def refusals(system: System) -> list[str]:
    return [call[1] for call in system.calls if call[0] == "refuse"]


LEFT = [
    ("rebind_chosen", ""),
    ("drained", ""),
    ("app_down", ""),
    ("pid_removed", ""),
    ("closed", ""),
]


def test_a_stop_that_is_asked_before_the_successor_is_spawned_spawns_none():
    rows, system, driver = rebound(poll_ask=[None, None, None, Request(SHUTDOWN, 2), None])
    assert rows == [*LEFT, ("stop_asked", "")]
    assert system.spawned == []
    assert system.verbs[-2:] == ["release", "close"]
    assert driver.state == states.STOPPED


def test_a_restart_that_is_asked_before_the_successor_is_spawned_is_that_one():
    rows, system, driver = rebound(
        poll_ask=[None, None, None, Request(RESTART, 2), None], watch=[UP]
    )
    assert rows == [*LEFT, ("spawned", "pid=51 version=2"), ("child_ready", "")]
    assert [call[1].number for call in system.calls if call[0] == "accept_ask"] == [1, 2]
    assert driver.state == states.HANDED_OVER


def test_a_successor_that_fails_is_told_and_the_next_is_tried():
    rows, system, _ = rebound(watch=[ChildExit(3, last_output="broken"), UP])
    assert rows == [
        *LEFT,
        ("spawned", "pid=51 version=2"),
        ("child_failed", "exited 3: broken"),
        ("spawned", "pid=52 version=1"),
        ("child_ready", ""),
    ]
    assert refusals(system) == ["the successor exited 3: broken"]


def test_successors_that_all_fail_are_told_and_the_lock_is_let_go():
    rows, system, driver = rebound(watch=[ChildExit(3, last_output="broken")])
    assert rows[-1] == ("child_failed_last", "exited 3: broken")
    assert refusals(system) == ["the successor exited 3: broken"] * 2
    assert system.verbs[-2:] == ["release", "close"]
    assert driver.state == "failed"


def test_a_successor_that_lost_the_port_is_nobodys_fault_and_is_told():
    rows, system, driver = rebound(watch=[ChildExit(75)])
    assert rows[-1] == ("child_lost", "exited 75")
    assert refusals(system) == []
    assert driver.state == states.STOPPED
