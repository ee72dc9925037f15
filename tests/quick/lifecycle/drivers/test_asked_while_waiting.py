"""What is asked while a worker waits for the lock is taken for what it is."""

from incumbent.lifecycle.drivers.ports import (
    RECYCLE,
    RESTART,
    SHUTDOWN,
    ChildExit,
    LockResult,
    Request,
)
from incumbent.lifecycle.lock.spawn_lock import ACQUIRED, HELD
from incumbent.lifecycle.machine import states

from .system import EnoughError
from .test_drivers import UP, handing_over, record, served

CURRENT = "2"  # what the record says too
COMING_UP = [None, None]  # nothing is asked before it serves
READY = [ChildExit(None, ready=True)]
WAITS_ONCE = [LockResult(HELD, "another holds it"), LockResult(ACQUIRED)]


def test_a_restart_that_joins_a_recycle_is_not_declined_by_a_worker_that_became_current():
    _, system, _ = served(
        version=CURRENT,
        record=[record(CURRENT, "1")],
        next_ask=[Request(RECYCLE, 1), EnoughError],
        poll_ask=[*COMING_UP, Request(RESTART, 2), None],
        warm_up=READY,
        watch=[UP],
    )
    assert "is_current" not in [row.event for row in system.rows]
    assert system.spawned == [CURRENT]


def test_a_recycle_that_joins_a_recycle_is_declined_by_a_worker_that_became_current():
    _, system, driver = served(
        version=CURRENT,
        record=[record(CURRENT, "1")],
        next_ask=[Request(RECYCLE, 1), EnoughError],
        poll_ask=[*COMING_UP, Request(RECYCLE, 2), None],
    )
    assert driver.state == states.VERIFIED
    assert "is_current" in [row.event for row in system.rows]
    assert system.spawned == []


def test_a_recycle_that_joins_a_restart_takes_nothing_back():
    _, system, _ = served(
        version=CURRENT,
        record=[record(CURRENT, "1")],
        next_ask=[Request(RESTART, 1), EnoughError],
        acquire=WAITS_ONCE,
        warm_up=READY,
        watch=[UP],
        poll_ask=[*COMING_UP, Request(RECYCLE, 2), None],
    )
    assert "is_current" not in [row.event for row in system.rows]
    assert system.spawned == [CURRENT]


def test_a_stop_while_waiting_for_the_lock_spawns_nothing():
    event, system, driver = handing_over(
        acquire=WAITS_ONCE[:1], poll_ask=[*COMING_UP, None, Request(SHUTDOWN, 2), None]
    )
    assert (event, driver.state) == ("closed", states.STOPPED)
    assert system.spawned == []


def test_each_ask_is_answered_once():
    _, system, _ = handing_over(
        next_ask=[Request(RESTART, 1), EnoughError],
        poll_ask=[*COMING_UP, Request(RESTART, 2), None],
        warm_up=READY,
        watch=[UP],
    )
    answered = [call[1].number for call in system.calls if call[0] == "accept_ask"]
    assert answered == [1, 2]
