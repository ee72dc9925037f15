"""Workers that died before they were settled count, until their build is a loop."""

from __future__ import annotations

from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.record import (
    PAUSES_S,
    SOON_DEAD,
    Build,
    Record,
    as_judged,
    candidates,
    marked_good,
    needed,
    registered,
    rejection_of,
)
from incumbent.lifecycle.record_format import decoded, encoded
from incumbent.lifecycle.soon_dead import (
    LEFT,
    SETTLED,
    UP,
    WINDOW_S,
    LastLaunch,
    build_key,
    counted,
)

NOW = 1_000_000.0
OLD = Build("1.0.0", "hosted:app", "/usr/bin/python3", fingerprint="f")
NEW = OLD._replace(version="2.0.0")
ONE = Record("incumbent", NEW, NEW, generation=Generation("line", 100), earlier=OLD)


def died(record: Record, build: Build, now: float = NOW, mark: str = UP) -> Record:
    """Give the record after one more worker of this build has ended."""
    last = LastLaunch(Generation("line", record.looked_at + 1), build_key(build), mark)
    return counted(record, lambda: None, last, lambda: "out of marbles", now)


def after(deaths: int, record: Record = ONE, build: Build = NEW) -> Record:
    for _ in range(deaths):
        record = died(record, build)
    return record


def test_the_fifth_death_in_a_row_is_a_loop():
    before = after(SOON_DEAD - 1)
    assert rejection_of(before, NEW, NOW) is None
    assert candidates(before, None, NOW) == (NEW, OLD)
    rejection = rejection_of(after(SOON_DEAD), NEW, NOW)
    assert rejection is not None
    assert rejection.reason == "died within 10 s of coming up, 5 times in a row: out of marbles"


def test_deaths_that_only_count_judge_nothing():
    before = after(SOON_DEAD - 1)
    assert as_judged(before, True, NOW).rejected == ()
    assert needed(before, "2.0.0", False) == "2.0.0"
    assert as_judged(after(SOON_DEAD), False, NOW).rejected != ()


def test_a_loop_sets_the_record_back_also_from_what_is_good():
    record = after(SOON_DEAD)
    assert record.recorded == OLD
    assert record.good == NEW
    assert candidates(record, None, NOW) == (OLD,)


def test_each_death_counts_once():
    once = died(ONE, NEW)
    last = LastLaunch(Generation("line", once.looked_at), build_key(NEW), UP)
    assert counted(once, lambda: None, last, str, NOW) == once


def test_a_death_of_another_line_of_numbers_does_not_count():
    last = LastLaunch(Generation("another", 7), build_key(NEW), UP)
    assert counted(ONE, lambda: None, last, str, NOW) == ONE


def test_a_build_that_the_record_does_not_know_does_not_count():
    other = NEW._replace(fingerprint="other")
    assert died(ONE, other).rejected == ()
    last = LastLaunch(Generation("line", 1), build_key(other), UP)
    assert counted(ONE, lambda: other, last, str, NOW).rejected != (), "but the caller's own does"


def test_who_was_never_up_does_not_count():
    assert died(ONE, NEW, mark="").rejected == ()


def test_who_left_in_order_does_not_count_and_forgives_nothing():
    assert died(ONE, NEW, mark=LEFT).rejected == ()
    assert died(died(ONE, NEW), NEW, mark=LEFT).rejected == died(ONE, NEW).rejected


def test_who_was_settled_clears_what_was_counted():
    assert died(after(SOON_DEAD), NEW, mark=SETTLED).rejected == ()
    assert rejection_of(died(after(SOON_DEAD), OLD, mark=SETTLED), NEW, NOW) is not None


def test_deaths_far_apart_are_no_row():
    record = after(SOON_DEAD - 1)
    record = died(record, NEW, NOW + WINDOW_S + 1)
    assert [rejection.tries for rejection in record.rejected] == [1]


def test_to_be_up_clears_nothing_since_death_comes_after():
    assert marked_good(after(2), NEW, NOW).rejected == after(2).rejected


def test_a_loop_is_over_only_where_nothing_else_is_left():
    record = after(SOON_DEAD)
    later = NOW + PAUSES_S[-1] + 1
    assert candidates(record, None, later) == (OLD,)
    assert registered(record, NEW, False, later)[0].recorded == OLD, "an ensure waits on"
    alone = after(SOON_DEAD, ONE._replace(earlier=None))
    assert candidates(alone, None, NOW) == ()
    assert candidates(alone, None, later) == (NEW,)


def test_each_further_death_makes_the_pause_longer():
    alone = after(SOON_DEAD, ONE._replace(earlier=None))
    for pause in PAUSES_S:
        assert candidates(alone, None, NOW + pause - 1) == ()
        assert candidates(alone, None, NOW + pause + 1) == (NEW,)
        alone = died(alone, NEW)
    assert [rejection.pause for rejection in alone.rejected] == [PAUSES_S[-1]]


def test_a_person_tries_at_once_and_clears_it():
    record, refused = registered(after(SOON_DEAD), NEW, False, NOW, person=True)
    assert (record.recorded, record.rejected, refused) == (NEW, (), None)


def test_what_was_counted_survives_its_file():
    record = after(2)
    assert decoded(encoded(record), "incumbent") == record
