"""The launch record says what should run, what ran well, what was rejected."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incumbent.lifecycle.about import FORMAT
from incumbent.lifecycle.gone_builds import without_gone
from incumbent.lifecycle.record import (
    KEEP_REJECTIONS,
    PAUSES_S,
    AnothersRecordError,
    Build,
    NewerFormatError,
    Record,
    candidates,
    differing,
    marked_good,
    needed,
    registered,
    rejected,
    rejection_of,
)
from incumbent.lifecycle.record_format import decoded, encoded

NOW = 1_000_000.0
EMPTY = Record("incumbent")
TEXT = st.text(max_size=8)
BUILDS = st.builds(
    Build,
    version=st.sampled_from(["1.0.0", "1.5", "2.0.0"]),
    app=TEXT,
    python=TEXT,
    environment=st.dictionaries(TEXT, TEXT, max_size=3).map(lambda d: tuple(d.items())),
    fingerprint=TEXT,
    strategies=st.sampled_from([("rebind",), ("seamless", "rebind")]),
    registered_at=TEXT,
    registered_by=TEXT,
)


def build(version: str, fingerprint: str = "f") -> Build:
    return Build(version, "hosted:app", "/usr/bin/python3", fingerprint=fingerprint)


OLD, NEW = build("1.0.0"), build("2.0.0")
SERVING_OLD = Record("incumbent", OLD, OLD)
TRYING_NEW = Record("incumbent", NEW, OLD)


@given(st.none() | BUILDS, st.none() | BUILDS, st.none() | BUILDS, st.booleans(), TEXT)
def test_a_record_survives_its_file(recorded, good, failed, late, pinned):
    record = Record("incumbent", recorded, good, pinned=pinned)
    if failed is not None:
        record = rejected(record, failed, "exited 1", late, NOW)
    assert decoded(encoded(record), "incumbent") == record


@given(
    st.binary() | st.recursive(TEXT | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_other_bytes_are_no_record(content):
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter to a launch
        decoded(content, "incumbent")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", None),
        ("format", "1"),
        ("name", "another"),
        ("app", 1),
        ("environment", {"A": 1}),
        ("environment", []),
        ("strategies", "seamless"),
        ("rejected", {}),
        ("rejected", [{"version": "1.0.0"}]),
        ("good", {"version": "1.0.0"}),
        ("good", "1.0.0"),
        ("pinned", 2),
    ],
)
def test_a_record_with_one_wrong_field_is_no_record(key, value):
    said = json.loads(encoded(SERVING_OLD)) | {key: value}
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter to a launch
        decoded(json.dumps(said).encode(), "incumbent")


def test_a_newer_format_is_told_apart_from_a_corrupt_record():
    said = json.loads(encoded(SERVING_OLD)) | {"format": FORMAT + 1}
    with pytest.raises(NewerFormatError):
        decoded(json.dumps(said).encode(), "incumbent")


def test_endless_nesting_is_no_record():
    with pytest.raises(ValueError):  # noqa: PT011 - which one does not matter to a launch
        decoded(b"[" * 200_000, "incumbent")


def test_the_first_build_is_registered():
    assert registered(EMPTY, OLD, False, NOW) == (Record("incumbent", OLD), None)


def test_a_newer_build_is_registered():
    assert registered(SERVING_OLD, NEW, False, NOW) == (TRYING_NEW, None)


@pytest.mark.parametrize("own", [build("1.0.0", "g"), build("0.9")])
@pytest.mark.parametrize("restart", [False, True])
def test_a_build_that_is_not_newer_is_not_registered(own, restart):
    assert registered(SERVING_OLD, own, restart, NOW) == (SERVING_OLD, None)


def test_a_pinned_record_is_not_moved():
    pinned = SERVING_OLD._replace(pinned="1.0.0")
    assert registered(pinned, NEW, False, NOW) == (pinned, None)
    assert registered(pinned, NEW, True, NOW) == (pinned, None)


def test_a_pin_ends_when_its_build_is_gone():
    pinned = TRYING_NEW._replace(pinned="2.0.0")
    record, _ = without_gone(pinned, lambda candidate: candidate != NEW)
    assert (record.recorded, record.pinned) == (OLD, "")


def test_a_pin_does_not_end_when_another_build_is_gone():
    pinned = TRYING_NEW._replace(pinned="2.0.0")
    record, _ = without_gone(pinned, lambda candidate: candidate != OLD)
    assert (record.recorded, record.pinned) == (NEW, "2.0.0")


def test_a_pin_ends_when_its_build_fails():
    record = rejected(TRYING_NEW._replace(pinned="2.0.0"), NEW, "exited 1", False, NOW)
    assert (record.recorded, record.pinned) == (OLD, "")


def test_a_pin_does_not_end_when_another_build_fails():
    pinned = SERVING_OLD._replace(pinned="1.0.0")
    assert rejected(pinned, NEW, "exited 1", False, NOW).pinned == "1.0.0"


def test_a_rejected_build_is_not_registered_again():
    record = rejected(TRYING_NEW, NEW, "exited 1", False, NOW)
    after, rejection = registered(record, NEW, False, NOW)
    assert after == record
    assert rejection is not None
    assert rejection.reason == "exited 1"


def test_a_mended_build_is_registered_again():
    record = rejected(TRYING_NEW, NEW, "exited 1", False, NOW)
    mended = build("2.0.0", "mended")
    after, rejection = registered(record, mended, False, NOW)
    assert rejection is None
    assert after.recorded == mended
    assert needed(after, "2.0.0", False) == "2.0.0"


def test_a_restart_clears_the_rejection_of_its_own_version():
    record = rejected(TRYING_NEW, NEW, "exited 1", False, NOW)
    after, rejection = registered(record, NEW, True, NOW)
    assert (after.recorded, after.rejected, rejection) == (NEW, (), None)


def test_a_failed_build_is_set_back_to_the_good_one():
    record = rejected(TRYING_NEW, NEW, "exited 1", False, NOW)
    assert (record.recorded, record.good) == (OLD, OLD)
    assert rejection_of(record, NEW, NOW) is not None


def test_the_first_failure_of_the_good_build_only_counts():
    record = rejected(SERVING_OLD, OLD, "exited 1", False, NOW)
    assert (record.recorded, record.good) == (OLD, OLD)
    assert candidates(record, None, NOW) == (OLD,)


def test_the_good_build_that_fails_again_gives_way_to_an_earlier_one():
    earlier = build("0.9")
    record = SERVING_OLD._replace(earlier=earlier)
    for _ in range(2):
        record = rejected(record, OLD, "exited 1", False, NOW)
    assert record.recorded == earlier
    assert candidates(record, None, NOW) == (earlier,)


def test_a_build_registered_since_stays_recorded():
    newest = build("3.0.0")
    record = rejected(TRYING_NEW._replace(recorded=newest), NEW, "exited 1", False, NOW)
    assert record.recorded == newest


def test_a_failure_never_empties_the_record():
    record = rejected(Record("incumbent", NEW), NEW, "exited 1", False, NOW)
    assert record.recorded == NEW
    assert candidates(record, None, NOW) == ()


@pytest.mark.parametrize("tries", [1, 2, 3, 4])
@pytest.mark.parametrize("late", [True, False])
def test_a_rejection_expires_after_a_pause_that_grows(tries, late):
    record = TRYING_NEW
    for _ in range(tries):
        record = rejected(record, NEW, "it failed", late, NOW)
    pause = PAUSES_S[min(tries, len(PAUSES_S)) - 1]
    assert rejection_of(record, NEW, NOW + pause - 1) is not None
    assert rejection_of(record, NEW, NOW + pause + 1) is None


def test_a_rejection_expires_when_the_clock_jumps_back():
    record = rejected(TRYING_NEW, NEW, "late", True, NOW)
    assert rejection_of(record, NEW, NOW - 1) is None


def test_a_build_is_not_rejected_in_another_environment():
    elsewhere = NEW._replace(environment=(("PYTHONPATH", "/where/queue.py/is"),))
    record = rejected(TRYING_NEW._replace(recorded=elsewhere), elsewhere, "exited 1", False, NOW)
    assert rejection_of(record, elsewhere, NOW) is not None
    assert rejection_of(record, NEW, NOW) is None


def test_what_may_be_launched_is_recorded_good_earlier_own():
    earlier, own = build("0.9"), build("0.8")
    record = TRYING_NEW._replace(earlier=earlier)
    assert candidates(record, own, NOW) == (NEW, OLD, earlier, own)
    record = rejected(record, NEW, "exited 1", False, NOW)
    assert candidates(record, own, NOW) == (OLD, earlier, own)


def test_the_own_build_is_registered_once_it_came_up_where_the_recorded_one_is_bad():
    record = rejected(Record("incumbent", NEW), NEW, "exited 1", False, NOW)
    assert marked_good(record, OLD, NOW).recorded == OLD


def test_a_build_that_came_up_does_not_replace_what_was_registered_meanwhile():
    assert marked_good(TRYING_NEW, OLD, NOW).recorded == NEW


def test_the_good_build_before_is_kept_as_earlier():
    record = marked_good(TRYING_NEW, NEW, NOW)
    assert (record.good, record.earlier) == (NEW, OLD)
    assert marked_good(record, NEW, NOW).earlier == OLD


PERSONS = [build("1.0.0", "other content"), build("0.9")]


@pytest.mark.parametrize("own", PERSONS)
def test_a_persons_own_build_at_the_same_place_is_registered(own):
    assert registered(SERVING_OLD, own, False, NOW, person=True)[0].recorded == own


@pytest.mark.parametrize("own", PERSONS)
def test_nobody_elses_own_build_at_the_same_place_is_registered(own):
    assert registered(SERVING_OLD, own, False, NOW)[0].recorded == OLD


def test_a_persons_own_build_from_elsewhere_is_not_registered_over_a_newer_one():
    own = build("0.9")._replace(python="/elsewhere/python3")
    assert registered(SERVING_OLD, own, False, NOW, person=True)[0].recorded == OLD


def test_a_persons_own_build_is_registered_where_the_recorded_one_is_known_bad():
    own = build("0.9")._replace(python="/elsewhere/python3")
    record = rejected(Record("incumbent", NEW), NEW, "exited 1", False, NOW)
    assert registered(record, own, False, NOW, person=True)[0].recorded == own


def test_a_pinned_record_is_not_moved_by_a_persons_own_build():
    pinned = SERVING_OLD._replace(pinned="1.0.0")
    assert registered(pinned, build("1.0.0", "g"), False, NOW, person=True)[0] == pinned


def test_a_verified_build_is_good_and_no_longer_rejected():
    record = marked_good(rejected(TRYING_NEW, NEW, "late", True, NOW), NEW, NOW)
    assert (record.good, record.rejected) == (NEW, ())


def test_the_list_of_rejections_does_not_grow_without_end():
    record = SERVING_OLD
    for number in range(3 * KEEP_REJECTIONS):
        record = rejected(record, build(f"2.{number}"), "exited 1", False, NOW)
    assert len(record.rejected) == KEEP_REJECTIONS
    assert record.rejected[-1].version == f"2.{3 * KEEP_REJECTIONS - 1}"


def test_the_same_rejection_is_kept_once():
    record = rejected(TRYING_NEW, NEW, "exited 1", False, NOW)
    record = rejected(record, NEW, "exited 2", False, NOW)
    assert [rejection.reason for rejection in record.rejected] == ["exited 2"]


def test_an_ensure_is_content_with_the_lower_of_wanted_and_recorded():
    assert needed(SERVING_OLD, "2.0.0", False) == "1.0.0"
    assert needed(TRYING_NEW, "1.0.0", False) == "1.0.0"
    assert needed(TRYING_NEW, "2.0.0", False) == "2.0.0"


def test_an_ensure_whose_build_was_rejected_is_content_with_any():
    record = rejected(TRYING_NEW, NEW, "exited 1", False, NOW)
    assert needed(record, "2.0.0", False) == ""


def test_a_restart_is_not_content_with_less_than_it_wanted():
    record = rejected(TRYING_NEW, NEW, "exited 1", False, NOW)
    assert needed(record, "2.0.0", True) == "2.0.0"


def test_a_build_that_is_gone_gives_way_to_the_good_one():
    record, gone = without_gone(TRYING_NEW, lambda candidate: candidate != NEW)
    assert (record.recorded, record.good, gone) == (OLD, OLD, ["2.0.0"])


def test_builds_that_are_there_stay():
    assert without_gone(TRYING_NEW, lambda _: True) == (TRYING_NEW, [])


# A person's settings and environment.


def having(build: Build, **environment: str) -> Build:
    return build._replace(environment=tuple(sorted(environment.items())))


TODAY = having(OLD, PATH="/new", INCUMBENT_LOG_LEVEL="debug", PYTHONPATH="/mine")
THEN = having(OLD, PATH="/old", INCUMBENT_LOG_LEVEL="info", PYTHONPATH="/mine", MYTOOL_KEY="k")


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("pinned", ["", "1.0.0"])
def test_a_person_who_launches_the_same_build_gives_it_their_environment(restart, pinned):
    before = Record("incumbent", THEN, THEN, pinned=pinned)
    after, rejection = registered(before, TODAY, restart, NOW, person=True)
    assert after == before._replace(recorded=TODAY)
    assert rejection is None
    assert after.good == THEN


@pytest.mark.parametrize("restart", [False, True])
def test_nobody_else_changes_the_environment_of_what_is_recorded(restart):
    before = Record("incumbent", THEN, THEN)
    assert registered(before, TODAY, restart, NOW) == (before, None)


def test_an_environment_that_is_the_same_changes_nothing():
    before = Record("incumbent", THEN, THEN)
    own = THEN._replace(registered_at="later", registered_by="pid 7")
    own = own._replace(environment=own.environment[::-1])  # a file may have another order
    assert registered(before, own, True, NOW, person=True) == (before, None)


@pytest.mark.parametrize("own", [having(build("0.9"), **dict(TODAY.environment))])
def test_another_build_keeps_what_decides_its_code_and_gets_the_rest(own):
    recorded = having(OLD, PATH="/old", PYTHONPATH="/release", VIRTUAL_ENV="/theirs")
    before = Record("incumbent", recorded, recorded)
    after, _ = registered(before, own, True, NOW, person=True)
    assert after.recorded is not None
    assert after.recorded.same_as(recorded)
    assert dict(after.recorded.environment) == {
        "PATH": "/new",
        "INCUMBENT_LOG_LEVEL": "debug",
        "PYTHONPATH": "/release",
        "VIRTUAL_ENV": "/theirs",
    }


def test_what_a_restart_would_change_is_told_by_name():
    assert differing(THEN, TODAY) == ["INCUMBENT_LOG_LEVEL", "MYTOOL_KEY", "PATH"]
    assert differing(THEN, THEN) == []


def test_another_builds_own_path_is_not_told():
    own = having(build("0.9"), PATH="/old", PYTHONPATH="/other")
    assert differing(having(OLD, PATH="/old", PYTHONPATH="/release"), own) == []


def test_the_record_of_another_service_is_told_by_its_name():
    with pytest.raises(AnothersRecordError) as raised:
        decoded(encoded(SERVING_OLD), "other")
    assert raised.value.service == "incumbent"


def test_the_record_of_no_service_is_corrupt():
    said = json.loads(encoded(SERVING_OLD)) | {"name": 5}
    with pytest.raises(ValueError, match="no service") as raised:
        decoded(json.dumps(said).encode(), "incumbent")
    assert not isinstance(raised.value, AnothersRecordError)
