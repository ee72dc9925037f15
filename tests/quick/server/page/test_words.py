"""How the worker is stands in one sentence; the past stands on one line."""

from __future__ import annotations

import pytest

from incumbent.lifecycle.machine import states
from incumbent.server.page.words import BUSY, CALM, clock, sentence, timeline

from .given import NOON, SERVING, asked, facts, health, line

SERVES = line(SERVING, 0, "app_up", states.VERIFIED)
BEFORE = line("old", -100, "app_up", states.VERIFIED)


def test_a_worker_that_serves_says_since_when_and_why():
    lines = [asked("r", -1, "restart_wanted", "handing-off"), SERVES]
    told = sentence(facts(lines))
    since = clock(NOON, NOON + 60)
    assert told.colour == CALM
    assert told.text == f"marvel 1.2.3 serves since {since}, because a command restarted it"
    assert told.below.split(" \u00b7 ") == [
        "pid 4711", "generation 3", "up 1 min", "41.9 MB", "2.5 s of a processor",
        "127.0.0.1:20001", "/d",
    ]  # fmt: skip


def test_what_the_journal_does_not_tell_is_left_out_or_taken_from_the_process():
    told = sentence(facts()._replace(usage=None))
    assert told.text == "marvel 1.2.3 serves"
    assert told.below.startswith("pid 4711 \u00b7 generation 3 \u00b7 up 1 min 30 s \u00b7 127")


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (states.STARTING, "is coming up"),
        (states.RESUMING, "is coming up"),
        (states.WARMING_UP, "prepares its handover; it serves"),
        (states.DRAINING, "is leaving; it served"),
    ],
)
def test_a_worker_that_does_not_just_serve_is_busy(state: str, says: str):
    told = sentence(facts(its=health(state)))
    assert (told.colour, told.text) == (BUSY, f"marvel 1.2.3 {says}")


def test_a_handover_that_was_refused_is_told_with_its_reason():
    told = sentence(facts(its=health(refusal="no record")))
    assert told.colour == BUSY
    assert told.below.endswith(" \u00b7 refused a handover: no record")


def test_a_time_of_another_day_has_its_date():
    assert len(clock(NOON, NOON + 1)) == len("12:00:00")
    assert clock(NOON, NOON + 3 * 86400).startswith("2026-01-01 ")


def kinds(*lines: dict[str, object]) -> list[tuple[str, str]]:
    return [(one.kind, one.text) for one in timeline(facts(lines), 24)]


def test_nobody_ever_served_is_an_empty_line():
    assert kinds() == []


def test_a_handover_joins_two_workers_and_says_what_it_took():
    given = (BEFORE, line("old", -0.5, "socket_passed"), SERVES)
    assert kinds(*given) == [("life", "3"), ("joint", ""), ("now", "3")]
    life, joint, now = timeline(facts(given), 24)
    assert joint.label == "handed over in 0.5 s"
    assert life.label.endswith(f"until {clock(NOON - 0.5, NOON)}, 1 min 40 s")
    assert now.label.endswith("until now, 1 min")


def test_a_time_without_a_worker_is_a_gap_as_wide_as_it_was_long():
    given = (BEFORE, line("old", -80, "closed"), SERVES)
    _, gap, _ = timeline(facts(given), 24)
    assert (gap.kind, gap.text, gap.label) == ("gap", "1 min 20 s", "nobody served for 1 min 20 s")
    _, short, _ = timeline(facts((BEFORE, line("old", -2, "closed"), SERVES)), 24)
    assert short.weight < gap.weight


def test_one_that_was_killed_ended_without_a_word():
    _, gap, _ = timeline(facts((BEFORE, SERVES)), 24)
    assert (gap.kind, gap.label) == ("gap", "ended without a word")


def test_the_line_shows_the_last_workers_only():
    assert [one.kind for one in timeline(facts((BEFORE, SERVES)), 1)] == ["now"]
