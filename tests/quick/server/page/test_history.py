"""The past is read from the journal: who served when, which restarts there were, why."""

from __future__ import annotations

from typing import Any

import pytest

from incumbent.server.page.history import Life, lives, restarts, who, why

DAY = "2026-01-01T00:00:"
ZERO = 1767225600.0


def line(machine: str, run: str, second: float, event: str, to: str, **more: Any) -> dict[str, Any]:
    at = f"{DAY}{second:09.6f}Z"
    said = {"machine": machine, "run": run, "pid": int(run[1:]), "event": event, "to": to, "at": at}
    return {**said, "generation": int(run[1:]), "origin": "cli", **more}


def worker(run: str, second: float, event: str, to: str = "x") -> dict[str, Any]:
    return line("worker", run, second, event, to)


def test_a_worker_that_serves_has_no_end():
    told = lives([worker("w1", 1, "app_up", "verified")], "w1")
    assert told == [Life(1, "w1", 1, ZERO + 1)]


def test_a_handover_ends_one_and_begins_the_next():
    rows = [
        worker("w1", 1, "app_up"),
        worker("w1", 5, "socket_passed"),
        worker("w2", 5.1, "app_up"),
        worker("w1", 5.2, "child_ready", "verified/handed-over"),
    ]
    first, second = lives(rows, "w2")
    assert (first.end, first.handed_over, first.lost) == (ZERO + 5, True, False)
    assert second.end == 0


def test_one_that_stopped_ended_when_its_port_was_closed():
    rows = [worker("w1", 1, "app_up"), worker("w1", 5, "closed"), worker("w2", 9, "app_up")]
    first, _ = lives(rows, "w2")
    assert (first.end, first.handed_over, first.lost) == (ZERO + 5, False, False)


def test_one_that_was_killed_is_lost_when_the_next_began():
    first, _ = lives([worker("w1", 1, "app_up"), worker("w2", 9, "app_up")], "w2")
    assert (first.end, first.lost) == (ZERO + 9, True)


def test_one_that_resumed_serves_on():
    rows = [worker("w1", 1, "app_up"), worker("w1", 5, "socket_passed"), worker("w1", 6, "app_up")]
    assert lives(rows, "w1") == [Life(1, "w1", 1, ZERO + 1)]


def spawner(run: str, second: float, event: str, to: str = "handing-off") -> dict[str, Any]:
    return line("spawner", run, second, event, to)


RESTART = [
    worker("w1", 0, "app_up"),
    spawner("s9", 1, "restart_wanted"),
    worker("w1", 2, "handover_asked"),
    spawner("s8", 2.5, "worker_fits", "verified"),
    spawner("s9", 3, "worker_fits", "verified"),
    worker("w1", 4, "closed"),
]


def test_a_restart_has_its_own_rows_and_those_of_workers_meanwhile():
    (told,) = restarts(RESTART, 9)
    assert [row["event"] for row in told.rows] == [
        "restart_wanted",
        "handover_asked",
        "worker_fits",
    ]
    assert (told.over, told.verified, told.origin, told.took) == (True, True, "cli", 2.0)


def test_one_under_way_is_neither_verified_nor_over():
    (told,) = restarts(RESTART[:3], 9)
    assert (told.over, told.verified) == (False, False)


def test_one_that_failed_is_told_so():
    (told,) = restarts([*RESTART[:2], spawner("s9", 3, "build_rejected", "failed")], 9)
    assert (told.over, told.verified) == (True, False)


def test_the_newest_restart_comes_first_and_old_ones_are_left_out():
    many = [spawner(f"s{n}", n, "restart_wanted") for n in range(1, 9)]
    assert [one.run for one in restarts(many, 3)] == ["s8", "s7", "s6"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "somebody ran it by hand"),
        (RESTART[1:2], "a command restarted it"),
        ([spawner("s1", 1, "worker_stale")], "a command of a newer version had it replaced"),
        ([spawner("s1", 1, "port_dark")], "a command needed one and nobody served"),
    ],
)
def test_why_a_worker_serves_is_told_by_who_launched_it(rows, told):
    assert why(rows, ZERO + 10) == told


def test_lines_that_say_no_time_or_no_number_stop_nothing():
    rows = [worker("w1", 1, "app_up") | {"at": None, "pid": "x", "generation": []}]
    assert lives(rows, "") == [Life(0, "w1", 0, 0.0, 0.0, lost=True)]
    assert restarts([spawner("s1", 1, "restart_wanted") | {"at": 7}], 9)[0].took == 0


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ("cli", "a command"),
        ("hook", "a hook"),
        ("mcp", "an agent"),
        ("api", "a program"),
        ("another", "somebody"),
    ],
)
def test_who_wanted_it_is_said_in_words_of_people(origin: str, words: str):
    assert who(origin) == words
