"""Whoever launches looks at the serve lock first; whoever restarts compares launches."""

from __future__ import annotations

from typing import Any

import pytest

from incumbent.lifecycle.drivers.ports import (
    ACCEPTED,
    EXIT_LOST,
    JOINED,
    RESTART,
    SHUTDOWN,
    ChildExit,
    Reply,
    Request,
    StepResult,
    Target,
)
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import DATA_FREE, DATA_HELD, OUT_OF_REACH, ProbeResult
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.record import Record

from .system import NOTED, EnoughError
from .test_drivers import (
    DARK_PORT,
    DIED,
    UP,
    ensured,
    handing_over,
    record,
    restarted,
    served,
    stopped,
    worker,
)

FREE = ProbeResult(DATA_FREE)
HELD_BY_SOMEBODY = ProbeResult(DATA_HELD, None, "a worker that has not said yet who it is")
FAR = ProbeResult(OUT_OF_REACH, None, "the worker 7 on another host")
THERE = worker("2", pid=7, port=27002)
MINE = ChildExit(None, up=True, seen=worker("2", pid=51, number=NOTED.number + 1))


def lost_line(version: str, pid: int = 7) -> ProbeResult:
    return worker(version, pid=pid, number=7, line="another line")


# A launcher and the data.


def test_an_ensure_is_content_with_a_worker_elsewhere():
    event, system, _ = ensured(probe=[DARK_PORT], look_elsewhere=[THERE], record=[record("2")])
    assert event == "worker_fits"
    assert system.spawned == []
    assert "ask" not in system.verbs


def test_an_ensure_does_not_move_a_worker_elsewhere():
    seen: list[Any] = [FREE, worker("1", port=27002), FREE]
    _, system, _ = ensured(
        probe=[DARK_PORT], look_elsewhere=seen, record=[record("2")], watch=[MINE],
    )  # fmt: skip
    assert SHUTDOWN not in [call[1] for call in system.calls if call[0] == "ask"]


def test_a_launcher_with_the_lock_spawns_nothing_onto_data_that_somebody_serves():
    event, system, _ = ensured(
        probe=[DARK_PORT], look_elsewhere=[HELD_BY_SOMEBODY], record=[record("2")], watch=[DIED],
        pause=[True, True, False],
    )  # fmt: skip
    assert event == "deadline_passed"
    assert system.spawned == []
    assert system.verbs.count("acquire") == system.verbs.count("release")


def test_a_launcher_spawns_nothing_onto_data_out_of_reach():
    event, system, driver = ensured(
        probe=[DARK_PORT], look_elsewhere=[FAR], record=[record("2")], watch=[DIED]
    )
    assert event == "data_held_elsewhere"
    assert driver.error == FAR.detail
    assert system.spawned == []
    assert system.verbs[-1] == "release"


def test_one_look_does_not_prove_a_worker_out_of_reach():
    event, _, _ = ensured(
        probe=[DARK_PORT], look_elsewhere=[FREE, FAR, FREE], record=[record("2")], watch=[MINE]
    )
    assert event == "child_ready"


# A restart of a worker elsewhere.


def test_a_restart_moves_a_worker_elsewhere_under_the_spawn_lock():
    event, system, _ = restarted(
        probe=[DARK_PORT], look_elsewhere=[THERE, THERE, HELD_BY_SOMEBODY, FREE],
        record=[record("2")], ask=[Reply(ACCEPTED)], watch=[MINE],
    )  # fmt: skip
    assert event == "child_ready"
    assert system.calls.count(("ask", SHUTDOWN, Target("instance 7", "", 27002))) == 1
    assert system.comes("acquire", "ask")
    between = system.verbs[system.verbs.index("ask") : system.verbs.index("spawn")]
    assert "release" not in between


def test_a_restart_moves_one_worker_at_most():
    other = worker("2", pid=8, port=27002)
    event, system, _ = restarted(
        probe=[DARK_PORT], look_elsewhere=[THERE, THERE, FREE, other], record=[record("2")],
        ask=[Reply(ACCEPTED)], watch=[DIED],
    )  # fmt: skip
    assert event == "moved_already"
    assert system.verbs.count("ask") == 1
    assert system.spawned == []


# A restart and the numbers of launches.


def test_a_restart_is_not_verified_by_another_worker_that_was_launched_before_it():
    event, _, _ = restarted(
        probe=[worker("2"), worker("2", pid=8, number=NOTED.number)], record=[record("2")],
        ask=[Reply(ACCEPTED)],
    )  # fmt: skip
    assert event == "older_worker_again"


def test_a_restart_is_not_verified_by_an_old_worker_of_a_line_that_was_lost():
    event, system, _ = restarted(
        probe=[lost_line("2"), worker("2", pid=8, number=NOTED.number + 1)],
        record=[record("2")], ask=[Reply(ACCEPTED)],
    )  # fmt: skip
    assert event == "worker_fits"
    assert ("ask", RESTART, Target("instance 7", "", 0)) in system.calls


def test_a_restart_is_verified_by_a_launch_of_a_new_line():
    there: Record = record("2")._replace(generation=Generation("another line", 7))
    event, _, _ = restarted(probe=[lost_line("2", pid=8)], record=[there])
    assert event == "worker_fits"


def test_an_ask_that_was_joined_is_not_spent():
    event, system, _ = restarted(
        probe=[worker("1"), worker("1", pid=8), worker("1", pid=8),
               worker("2", pid=9, number=NOTED.number + 1)],
        record=[record("2")], ask=[Reply(JOINED), Reply(ACCEPTED)],
    )  # fmt: skip
    assert event == "worker_fits"
    assert [call[2].instance for call in system.calls if call[0] == "ask"] == [
        "instance 7",
        "instance 8",
    ]


# A stop.


def test_a_stop_does_not_say_done_while_the_data_is_served():
    event, system, _ = stopped(
        probe=[DARK_PORT], look_elsewhere=[HELD_BY_SOMEBODY], pause=[True, False]
    )
    assert event == "deadline_passed"
    assert system.verbs[-1] == "release"


def test_a_stop_says_who_is_out_of_reach():
    event, _, driver = stopped(probe=[DARK_PORT], look_elsewhere=[FAR])
    assert event == "data_held_elsewhere"
    assert driver.error == FAR.detail


def test_a_stop_ends_the_worker_elsewhere():
    event, system, _ = stopped(
        probe=[DARK_PORT], look_elsewhere=[THERE, FREE], ask=[Reply(ACCEPTED)]
    )
    assert event == "port_dark"
    assert ("ask", SHUTDOWN, Target("instance 7", "", 27002)) in system.calls


# A worker.


def test_a_worker_whose_data_somebody_serves_exits_as_one_that_lost_the_port():
    event, system, driver = served(listen=[StepResult("data_held", "the worker 7 serves it")])
    assert event == "data_held"
    assert driver.exit_code == EXIT_LOST
    assert system.verbs == ["listen", "close"]


def test_a_successor_whose_data_somebody_serves_names_nobody():
    event, system, driver = served(standby=True, take_data=[StepResult("data_held", "7")])
    assert event == "data_held"
    assert driver.exit_code == EXIT_LOST
    assert "name_holder" not in system.verbs


@pytest.mark.parametrize("standby", [False, True])
def test_a_worker_names_itself_before_it_tells_anybody(standby):
    _, system, _ = served(standby=standby)
    assert system.comes("name_holder", "write_pid")
    assert system.comes("name_holder", "say_up")


def test_who_resumes_names_itself_again():
    _, system, driver = handing_over(warm_up=[ChildExit(None, ready=True)], watch=[DIED])
    assert driver.state == states.VERIFIED
    assert system.verbs.count("name_holder") == 2


def test_the_serve_lock_goes_after_the_app_and_before_the_port():
    stop: dict[str, Any] = {"next_ask": [Request(SHUTDOWN, 1), EnoughError]}
    for answers in ({"can_pass_socket": [False], "watch": [UP]}, stop):
        _, system, _ = handing_over(**answers)
        assert system.comes("stop_app", "free_data")
        assert system.comes("free_data", "close")


def test_a_predecessor_closes_its_copy_of_the_port_before_it_releases_the_lock():
    _, system, driver = handing_over(warm_up=[ChildExit(None, ready=True)], watch=[UP])
    assert driver.state == states.HANDED_OVER
    assert system.comes("close", "release")


def test_a_standby_that_dies_during_the_drain_costs_no_stop_of_the_app():
    _, system, driver = handing_over(
        warm_up=[ChildExit(None, ready=True)], drain=[False], kill=[DIED]
    )
    assert driver.state == states.VERIFIED
    assert "stop_app" not in system.verbs
    assert system.comes("accept_again", "release")


@pytest.mark.parametrize("answers", [{"drain": [False]}, {"pass_socket": [False]}])
def test_a_build_that_dies_while_it_waits_for_the_socket_is_rejected(answers):
    _, system, _ = handing_over(warm_up=[ChildExit(None, ready=True)], kill=[DIED], **answers)
    assert [call[1].version for call in system.calls if call[0] == "reject"] == ["2"]


def test_a_restart_that_joins_is_told_so():
    _, system, _ = handing_over(
        warm_up=[Request(RESTART, 2), ChildExit(None, ready=True)], watch=[UP]
    )
    assert [call[1:] for call in system.calls if call[0] == "accept_ask"] == [
        (Request("recycle", 1), False),
        (Request(RESTART, 2), True),
    ]
