"""The drivers say what they are to do next, whatever the system answers: one story a test."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from incumbent.lifecycle.drivers import child_outcome
from incumbent.lifecycle.drivers.driver import Driver
from incumbent.lifecycle.drivers.launch_attempts import LAUNCHES
from incumbent.lifecycle.drivers.ports import (
    ACCEPTED,
    EXIT_LATE,
    EXIT_LOST,
    IDLE,
    LOCK_REFUSED,
    MISSED,
    RECYCLE,
    RESTART,
    SETTLED,
    SHUTDOWN,
    ChildExit,
    LockResult,
    Reply,
    Request,
    Run,
    StepResult,
    Target,
)
from incumbent.lifecycle.drivers.spawner import Spawner
from incumbent.lifecycle.drivers.stopper import Stopper
from incumbent.lifecycle.drivers.worker import WorkerDriver
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import (
    DARK,
    FOREIGN,
    SILENT,
    Health,
    ProbeResult,
    result_of,
)
from incumbent.lifecycle.lock.spawn_lock import HELD
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.record import Build, Record, Rejection

from .system import LINE, NOTED, Answers, EnoughError, System

DARK_PORT = ProbeResult(DARK)
UP = ChildExit(None, up=True)
DIED = ChildExit(1)
LATE = ChildExit(None, late=True)


def build(version: str) -> Build:
    return Build(version, "app:app", "python", (), f"print of {version}", ("seamless", "rebind"))


def record(recorded: str = "", good: str = "", rejected: str = "") -> Record:
    entry = Rejection(rejected, "app:app", f"print of {rejected}", "it failed", 0.0, False)
    return Record(
        "incumbent",
        build(recorded) if recorded else None,
        build(good) if good else None,
        (entry,) if rejected else (),
        generation=NOTED,
    )


def worker(
    version: str,
    state: str = states.VERIFIED,
    pid: int = 7,
    number: int = 1,
    port: int = 0,
    line: str = LINE,
) -> ProbeResult:
    return result_of(
        Health(
            pid=pid,
            version=version,
            state=state,
            generation=Generation(line, number),
            instance=f"instance {pid}",
            port=port,
        )
    )


def played(driver: Driver) -> str:
    """Run a driver to its end; give the last event, or "…" when it would go on and on."""
    running = driver.run()
    try:
        running.send(None)
    except StopIteration as over:
        return str(over.value)
    except EnoughError:
        return "…"
    raise AssertionError("a verb was suspended")


def ensured(**answers: Sequence[object]) -> tuple[str, System, Spawner]:
    system = System(answers)
    driver = Spawner(system, restart=False)
    return played(driver), system, driver


def restarted(**answers: Sequence[object]) -> tuple[str, System, Spawner]:
    system = System(answers)
    driver = Spawner(system, restart=True)
    return played(driver), system, driver


def serving(
    answers: Answers, standby: bool = False, version: str = "1"
) -> tuple[str, System, WorkerDriver]:
    system = System({"next_ask": [EnoughError], **answers})
    driver = WorkerDriver(system, standby, version)
    return played(driver), system, driver


def served(
    standby: bool = False, version: str = "1", **answers: Sequence[object]
) -> tuple[str, System, WorkerDriver]:
    return serving(answers, standby, version)


# A launcher.


def test_a_worker_that_fits_verifies_a_run_that_spawns_nothing():
    event, system, _ = ensured(probe=[worker("2")], record=[record("2")])
    assert event == "worker_fits"
    assert system.verbs == ["begin", "probe", "record"]


def test_a_dark_port_is_launched_into_under_the_lock():
    ended = [ChildExit(None, up=True, seen=worker("2"))]
    event, system, driver = ensured(probe=[DARK_PORT], record=[record("2")], watch=ended)
    assert event == "child_ready"
    assert driver.health is not None
    assert system.comes("acquire", "spawn")
    assert system.comes("mark_good", "release")


def test_a_late_child_is_killed_before_the_lock_is_released():
    _, system, _ = ensured(
        probe=[DARK_PORT], record=[record("2", "1"), record("1", "1")], watch=[LATE]
    )
    assert system.comes("kill", "reject")
    assert system.comes("kill", "release")


def test_a_child_that_ends_itself_as_late_is_as_late_as_one_that_is_killed():
    late = ChildExit(EXIT_LATE, last_output="I sit and wait")
    assert child_outcome.verdict(late) == child_outcome.CHILD_FAILED
    _, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "1")], watch=[late])
    reason = "was not up within its start budget: I sit and wait"
    assert ("reject", build("2"), reason, True) in system.calls


def test_a_run_asks_once_however_often_it_comes_back_to_idle():
    old, other = worker("1"), worker("1", pid=8)
    event, system, _ = ensured(probe=[old, other], record=[record("2")], ask=[Reply(ACCEPTED)])
    assert event == "older_worker_again"
    assert system.verbs.count("ask") == 1


def test_a_launcher_with_the_lock_probes_again_before_it_spawns():
    event, system, _ = ensured(probe=[DARK_PORT, worker("2")], record=[record("2")], watch=[DIED])
    assert event == "worker_fits"
    assert system.spawned == []
    assert system.verbs.count("release") == 1


def test_only_its_own_child_settles_a_launcher():
    mine = ChildExit(None, up=True, seen=worker("2", pid=51))
    event, system, driver = ensured(
        probe=[DARK_PORT, DARK_PORT, worker("2", pid=8)], record=[record("2")], watch=[mine]
    )
    assert event == "child_ready"
    assert driver.health is not None
    assert driver.health.pid == 51
    assert system.comes("watch", "release")


def test_the_loser_of_the_lock_spawns_nothing():
    event, system, _ = ensured(
        probe=[DARK_PORT], record=[record("2")], acquire=[LockResult(HELD)], pause=[True, False]
    )
    assert event == "deadline_passed"
    assert system.spawned == []


def test_a_refused_lock_spawns_nothing():
    event, system, driver = ensured(
        probe=[DARK_PORT], record=[record("2")], acquire=[LockResult(LOCK_REFUSED, "read-only")]
    )
    assert event == "lock_refused"
    assert driver.error == "read-only"
    assert system.spawned == []


def test_a_newer_worker_is_not_recycled():
    event, system, _ = ensured(
        probe=[worker("3")], record=[record("3")], ask=[Reply(ACCEPTED)], begin=[Run(NOTED, "2")]
    )
    assert event == "worker_fits"
    assert "ask" not in system.verbs


def test_an_older_worker_is_recycled():
    event, system, _ = ensured(
        probe=[worker("1"), worker("2", pid=8)], record=[record("2")], ask=[Reply(ACCEPTED)]
    )
    assert event == "worker_fits"
    assert ("ask", RECYCLE, Target("instance 7", "", 0)) in system.calls


def test_a_restart_is_not_verified_by_the_worker_it_found():
    event, system, _ = restarted(
        probe=[worker("2"), worker("2", pid=8, number=NOTED.number + 1)],
        record=[record("2")],
        ask=[Reply(ACCEPTED)],
    )
    assert event == "worker_fits"
    assert ("ask", RESTART, Target("instance 7", "", 0)) in system.calls


def test_a_restart_is_not_verified_by_an_older_version():
    event, _, _ = restarted(
        probe=[worker("1"), worker("1", pid=8, number=NOTED.number + 1)],
        record=[record("2"), record("1", "1", rejected="2")],
        ask=[Reply(ACCEPTED)],
    )
    assert event == "build_rejected"


def test_the_second_attempt_of_a_launcher_spawns_the_good_build():
    _, system, _ = ensured(
        probe=[DARK_PORT], record=[record("2", "1"), record("2", "1"), record("1", "1", "2")],
        watch=[DIED],
    )  # fmt: skip
    assert system.spawned == ["2", "1"]


def test_what_was_registered_since_the_first_launch_is_tried_last():
    since = record("3", "1", "2")
    _, system, _ = ensured(
        probe=[DARK_PORT], record=[record("2", "1"), record("2", "1"), since], watch=[DIED]
    )
    assert system.spawned == ["2", "1"]


def test_a_run_launches_twice_at_most():
    lost = [ChildExit(EXIT_LOST)]
    event, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "2")], watch=lost)
    assert event == "launches_spent"
    assert len(system.spawned) == LAUNCHES


def test_an_ask_that_missed_is_not_spent():
    event, system, _ = ensured(
        probe=[worker("1"), worker("1", pid=8), worker("2", pid=9)],
        record=[record("2")],
        ask=[Reply(MISSED), Reply(ACCEPTED)],
    )
    assert event == "worker_fits"
    assert [call[2].instance for call in system.calls if call[0] == "ask"] == [
        "instance 7",
        "instance 8",
    ]


def test_restarts_that_meet_are_verified_by_one_worker():
    event, system, _ = restarted(
        probe=[worker("2", pid=8, number=NOTED.number + 1)],
        record=[record("2")],
        ask=[Reply(ACCEPTED)],
    )
    assert event == "worker_fits"
    assert "ask" not in system.verbs


def test_an_ensure_is_content_with_what_is_recorded_by_now():
    for rejected in ("2", ""):
        event, system, _ = ensured(probe=[worker("1")], record=[record("1", "1", rejected)])
        assert event == "worker_fits"
        assert "ask" not in system.verbs


def test_who_joined_a_handover_that_was_called_off_looks_again():
    leaving, serving = worker("1", states.DRAINING), worker("1")
    event, system, _ = ensured(
        probe=[leaving, serving, serving, worker("2", pid=8)],
        record=[record("2")],
        ask=[Reply(ACCEPTED)],
        pause=[True] * 20 + [False],
    )
    assert [row.event for row in system.rows][:2] == ["worker_leaving", "called_off"]
    assert event == "worker_fits"


def test_a_foreign_port_is_left_alone():
    event, system, _ = ensured(
        probe=[ProbeResult(FOREIGN, None, "a printer")], record=[record("2")]
    )
    assert event == "port_foreign"
    assert system.verbs == ["begin", "probe", "look_elsewhere"]


def test_a_silent_worker_is_waited_for():
    event, system, _ = ensured(
        probe=[ProbeResult(SILENT)], record=[record("2")], pause=[True, True, False]
    )
    assert event == "deadline_passed"
    assert "acquire" not in system.verbs


def test_a_restart_whose_second_attempt_is_older_fails():
    ended = [DIED, ChildExit(None, up=True, seen=worker("1", pid=52))]
    event, system, _ = restarted(probe=[DARK_PORT], record=[record("2", "1")], watch=ended)
    assert system.spawned == ["2", "1"]
    assert event == "older_child_ready"


def test_a_worker_that_takes_its_app_down_fits_nobody():
    event, _, _ = ensured(
        probe=[worker("2", states.DRAINING), worker("3", pid=8)], record=[record("2")]
    )
    assert event == "worker_fits"
    _, system, _ = ensured(probe=[worker("2", states.DRAINING)], record=[record("2")])
    assert system.verbs.count("pause") > 5


LEAVES = worker("2", states.DRAINING)


def test_a_port_that_a_handover_leaves_dark_is_launched_into():
    event, system, _ = ensured(
        probe=[LEAVES, DARK_PORT],
        record=[record("2")],
        watch=[ChildExit(None, up=True, seen=worker("2"))],
    )
    assert event == "child_ready"
    assert system.spawned == ["2"]


def test_a_dark_port_is_not_launched_into_while_a_predecessor_holds_the_lock():
    event, system, _ = ensured(
        probe=[LEAVES, DARK_PORT, DARK_PORT, worker("2", pid=8)],
        record=[record("2")],
        lock_is_free=[False],
    )
    assert event == "worker_fits"
    assert "acquire" not in system.verbs


@pytest.mark.parametrize("then", [ProbeResult(SILENT), worker("2", states.STARTING, pid=8)])
def test_a_successor_that_does_not_serve_yet_is_waited_for(then):
    event, system, _ = ensured(
        probe=[LEAVES, then], record=[record("2")], pause=[True, True, True, False]
    )
    assert event == "deadline_passed"
    assert "acquire" not in system.verbs


def test_a_foreign_server_behind_a_handover_ends_the_run():
    event, system, _ = ensured(probe=[LEAVES, ProbeResult(FOREIGN)], record=[record("2")])
    assert event == "port_foreign"
    assert "acquire" not in system.verbs


# The verdicts.


@pytest.mark.parametrize("begun", [ensured, restarted])
def test_a_child_that_was_asked_to_leave_did_not_fail(begun):
    event, system, _ = begun(probe=[DARK_PORT], record=[record("2", "1")], watch=[ChildExit(0)])
    assert event == "child_stopped"
    assert "reject" not in system.verbs


def test_a_child_that_lost_the_port_did_not_fail():
    ended = [ChildExit(EXIT_LOST)]
    _, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "1")], watch=ended)
    assert "reject" not in system.verbs
    assert set(system.spawned) == {"2"}


def test_a_child_that_was_killed_by_somebody_did_not_fail():
    event, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "1")], watch=[ChildExit(-9)])
    assert event == "child_killed_last"
    assert "reject" not in system.verbs
    assert system.spawned == ["2", "2"]


def test_a_child_that_crashed_failed():
    crashed = ChildExit(-11, crashed=True)
    _, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "1")], watch=[crashed])
    assert ("reject", build("2"), "crashed by signal 11", False) in system.calls


def test_up_outranks_everything_that_happened_since():
    ended = ChildExit(1, up=True)
    _, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "1")], watch=[ended])
    assert "reject" not in system.verbs
    assert ("mark_good", build("2")) in system.calls
    assert len(system.spawned) == 1


def test_only_a_build_that_was_up_is_good():
    ended = [DIED, ChildExit(None, up=True, seen=worker("1"))]
    _, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "1")], watch=ended)
    assert [call for call in system.calls if call[0] == "mark_good"] == [("mark_good", build("1"))]


def test_a_build_that_failed_is_rejected():
    _, system, _ = ensured(probe=[DARK_PORT], record=[record("2", "1")], watch=[DIED])
    assert ("reject", build("2"), "exited 1", False) in system.calls


# A worker that comes up.


def test_a_worker_touches_nothing_before_it_listens():
    event, system, driver = served(listen=[StepResult("listen_lost", "in use")])
    assert event == "listen_lost"
    assert system.verbs == ["listen", "close"]
    assert driver.exit_code == EXIT_LOST


def test_up_is_written_before_the_first_healthy_answer():
    _, system, _ = served()
    opened = [row.event for row in system.rows]
    assert opened == ["listen_ok", "named", "pid_written", "app_up"]
    assert system.comes("say_up", "next_ask")
    assert "say_up" in system.verbs


def test_a_cold_worker_imports_its_app_once_then_starts_it():
    _, system, _ = served()
    assert [verb for verb in system.verbs if verb in ("load", "start_app")] == ["load", "start_app"]


def test_a_standby_imports_its_app_once_before_it_is_ready():
    _, system, _ = served(standby=True, await_socket=[StepResult("socket_received")])
    assert [verb for verb in system.verbs if verb in ("load", "say_ready", "start_app")] == [
        "load", "say_ready", "start_app",
    ]  # fmt: skip


def test_a_standby_whose_pipe_closed_is_over():
    event, system, driver = served(
        standby=True, await_socket=[StepResult("pipe_closed"), EnoughError]
    )
    assert event == "pipe_closed"
    assert driver.state == states.STOPPED
    assert "write_pid" not in system.verbs


# A worker that leaves.


def handing_over(
    version: str = "1", **answers: Sequence[object]
) -> tuple[str, System, WorkerDriver]:
    """Let a worker of version 1 be asked for version 2."""
    asked: Answers = {"next_ask": [Request(RECYCLE, 1), EnoughError], "record": [record("2", "1")]}
    return serving({**asked, **answers}, version=version)


def test_a_handover_takes_the_lock_before_it_spawns():
    event, system, driver = handing_over(warm_up=[ChildExit(None, ready=True)], watch=[UP])
    assert event == "child_ready"
    assert driver.state == states.HANDED_OVER
    assert system.comes("acquire", "spawn")
    assert system.verbs[-2:] == ["release", "close"]


def test_the_successor_is_what_the_record_says():
    for passes in (True, False):
        _, system, _ = handing_over(
            can_pass_socket=[passes], warm_up=[ChildExit(None, ready=True)], watch=[UP]
        )
        assert system.spawned == ["2"]


def test_a_worker_on_its_way_out_removes_the_pid_file_before_it_closes():
    _, system, _ = handing_over(can_pass_socket=[False], watch=[UP])
    assert system.comes("remove_pid", "close")
    _, system, _ = served(next_ask=[Request(SHUTDOWN, 1)])
    assert system.comes("remove_pid", "close")


def test_a_worker_drains_before_its_app_goes_down():
    for passes in (True, False):
        _, system, _ = handing_over(
            can_pass_socket=[passes], warm_up=[ChildExit(None, ready=True)], watch=[UP]
        )
        assert system.comes("drain", "stop_app")
        assert system.comes("stop_app", "remove_pid")


def test_a_late_successor_is_killed_before_anything_else():
    for passes in (True, False):
        _, system, _ = handing_over(
            can_pass_socket=[passes], warm_up=[ChildExit(None, ready=True)], watch=[LATE, UP]
        )
        verbs = system.verbs
        assert verbs[verbs.index("watch") + 1] == "kill"


def test_a_late_standby_is_killed_before_the_lock_is_released():
    event, system, driver = handing_over(warm_up=[LATE])
    assert event == "…"
    assert driver.state == states.VERIFIED
    assert system.comes("kill", "release")
    assert "release" in system.verbs


def test_a_current_worker_declines_to_be_recycled():
    _, system, driver = handing_over(version="2")
    assert driver.state == states.VERIFIED
    assert [row.event for row in system.rows][-1] == "is_current"
    assert "acquire" not in system.verbs


def test_a_current_worker_does_not_decline_a_restart():
    _, system, _ = handing_over(
        version="2",
        next_ask=[Request(RESTART, 1), EnoughError],
        warm_up=[ChildExit(None, ready=True)],
        watch=[UP],
    )
    assert system.spawned == ["2"]


def test_a_stop_while_warming_up_kills_the_standby_first():
    event, system, driver = handing_over(warm_up=[Request(SHUTDOWN, 2)])
    assert event == "closed"
    assert driver.state == states.STOPPED
    assert system.comes("kill", "release")


def test_a_standby_that_missed_the_socket_is_reaped_first():
    _, system, driver = handing_over(warm_up=[ChildExit(None, ready=True)], pass_socket=[False])
    assert system.comes("kill", "write_pid") or system.verbs.count("write_pid") == 2
    assert system.verbs.index("kill") == system.verbs.index("pass_socket") + 1
    assert driver.state == states.VERIFIED


def test_a_resumed_worker_releases_then_serves():
    _, system, driver = handing_over(warm_up=[ChildExit(None, ready=True)], watch=[DIED])
    assert driver.state == states.VERIFIED
    assert system.comes("release", "accept_again")


def test_who_is_asked_to_stop_instead_of_resuming_lets_the_lock_go_and_serves_no_more():
    event, system, driver = handing_over(
        warm_up=[ChildExit(None, ready=True)],
        watch=[DIED],
        poll_ask=[None, None, None, Request(SHUTDOWN, 2), None],
    )
    assert (event, driver.state) == ("stop_asked", states.STOPPED)
    assert system.rows[-2].event == "child_failed"
    assert system.verbs.count("acquire") == system.verbs.count("release") == 1
    assert "accept_again" not in system.verbs


# A stop.


def stopped(**answers: Sequence[object]) -> tuple[str, System, Stopper]:
    system = System(answers)
    driver = Stopper(system)
    return played(driver), system, driver


def test_a_stop_proves_the_port_dark_under_the_lock():
    event, system, _ = stopped(probe=[DARK_PORT])
    assert event == "port_dark"
    look = ["probe", "look_elsewhere"]
    assert system.verbs == [*look, "acquire", *look, "release"]


def test_a_stop_that_finds_an_orphan_under_the_lock_looks_again():
    event, system, _ = stopped(
        probe=[DARK_PORT, worker("1"), worker("1"), DARK_PORT], ask=[Reply(ACCEPTED)]
    )
    assert event == "port_dark"
    assert ("ask", SHUTDOWN, Target("instance 7", "", 0)) in system.calls


def test_a_worker_that_has_served_for_a_while_says_so_once():
    _, system, driver = served(next_ask=[Request(SETTLED), EnoughError])
    assert driver.state == states.VERIFIED
    assert system.verbs.count("settle") == 1
    assert [row.event for row in system.rows][-1] == "settled"


def test_a_worker_that_nobody_uses_stops():
    event, system, driver = served(next_ask=[Request(IDLE)])
    assert (event, driver.exit_code) == ("closed", 0)
    assert "acquire" not in system.verbs
    assert system.spawned == []
