"""The spool gives every event back once, in order, and loses none that it took."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.client.deliver import (
    DELIVERED,
    FAILED,
    REFUSED,
    UNDELIVERED,
    envelope,
    new_id,
)
from incumbent.lifecycle.client.spool import (
    BUSY,
    DONE,
    LATE,
    NO_SESSION,
    STOPPED,
    Spool,
    session_key,
)

BODIES = [b'{"n": %d}' % number for number in range(5)]
A, B = session_key("a"), session_key("b")


LONG_S = 60.0


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(str(tmp_path / "spool"))


def sending(spool: Spool, *answers: str, own: str = "") -> tuple[str, list[str], list[bytes]]:
    """Hand over, the app answering so and then taking all; give the round's end and what went."""
    said, sent = iter(answers), []

    def send(body: bytes, _: float) -> tuple[str, str]:
        sent.append(body)
        return next(said, DELIVERED), "too odd"

    ending, sentences = spool.hand_over(send, LONG_S, LONG_S, own)
    return ending, sentences, sent


def put_off_no_more(spool: Spool) -> None:
    """Let the pause of every kept event be over."""
    for name in spool.waiting():
        os.utime(os.path.join(spool.path, name), (1, 1))


def test_what_is_kept_comes_back_in_order(spool: Spool):
    for body in BODIES:
        spool.keep(body)
    assert sending(spool) == (DONE, [], BODIES)
    assert spool.waiting() == []


def test_where_nobody_takes_events_what_was_not_sent_stays(spool: Spool):
    for body in BODIES:
        spool.keep(body)
    ending, sentences, _ = sending(spool, DELIVERED, DELIVERED, UNDELIVERED)
    assert (ending, sentences) == (STOPPED, [])
    assert sending(spool)[2] == BODIES[2:]


def test_an_event_refused_for_good_is_set_aside_and_holds_up_none_behind_it(spool: Spool):
    for body in BODIES[:3]:
        spool.keep(body, A)
    ending, sentences, sent = sending(spool, DELIVERED, REFUSED, DELIVERED)
    assert (ending, sent) == (DONE, BODIES[:3])
    assert len(sentences) == 1
    assert "too odd" in sentences[0]
    aside = [path for path in Path(spool.path).iterdir() if path.name.endswith(".refused")]
    assert [path.read_bytes() for path in aside] == [BODIES[1]]
    assert spool.waiting() == []


def test_an_event_that_failed_holds_up_its_own_session(spool: Spool):
    spool.keep(BODIES[0], A)
    spool.keep(BODIES[1], A)
    ending, sentences, sent = sending(spool, FAILED)
    assert (ending, sent) == (DONE, BODIES[:1])
    assert "too odd" in sentences[0]
    assert spool.holds_up(A)
    put_off_no_more(spool)
    assert sending(spool)[2] == BODIES[:2]
    assert not spool.holds_up(A)


def test_an_event_that_failed_holds_up_no_other_session(spool: Spool):
    spool.keep(BODIES[0], A)
    spool.keep(BODIES[1], B)
    spool.keep(BODIES[2])
    assert sending(spool, FAILED)[2] == BODIES[:3]
    assert not spool.holds_up(B)
    assert not spool.holds_up(NO_SESSION)


def test_without_a_session_an_event_that_failed_holds_up_none(spool: Spool):
    for body in BODIES[:3]:
        spool.keep(body)
    assert sending(spool, FAILED)[2] == BODIES[:3]
    assert len(spool.waiting()) == 1


def test_an_event_that_failed_is_not_tried_again_at_once_by_another_session(spool: Spool):
    spool.keep(BODIES[0], A)
    path = os.path.join(spool.path, spool.waiting()[0])
    old = f"{int(time.time() - 800) * 10**9:020d}"
    os.rename(path, os.path.join(spool.path, old + os.path.basename(path)[20:]))
    assert sending(spool, FAILED)[2] == BODIES[:1]
    assert sending(spool)[2] == []
    assert sending(spool, own=B)[2] == []
    assert sending(spool, own=A)[2] == BODIES[:1]


def test_a_pause_further_ahead_than_any_is_a_clock_that_went_back(spool: Spool):
    path = spool.keep(BODIES[0], A)
    os.utime(path, (time.time(), time.time() + 90_000))
    assert sending(spool)[2] == BODIES[:1]


def test_ones_own_session_goes_before_the_others(spool: Spool):
    for number, body in enumerate(BODIES[:4]):
        spool.keep(body, B if number < 2 else A)
    assert sending(spool, own=A)[2] == [*BODIES[2:4], *BODIES[:2]]


def test_names_of_the_first_release_come_first_in_their_order(spool: Spool):
    spool.keep(BODIES[2], A)
    late = str(time.time_ns() + 10**15).rjust(20, "0")
    for number, name in enumerate([f"{late}-{new_id()}", f"{'9' * 20}-{new_id()}"]):
        (Path(spool.path) / f"{name}.json").write_bytes(BODIES[number])
    assert spool.holds_up(B)
    assert sending(spool, own=A)[2] == BODIES[:3]


def test_an_event_of_the_first_release_that_failed_holds_up_its_session_alone(spool: Spool):
    spool.keep(BODIES[1], session_key("s1"))
    spool.keep(BODIES[2], session_key("s2"))
    old = envelope("i", "Old", b'{"session_id": "s1"}')
    (Path(spool.path) / f"{1:020d}-{new_id()}.json").write_bytes(old)
    assert sending(spool, FAILED)[2] == [old, BODIES[2]]


def test_a_clock_that_goes_back_changes_no_order(spool: Spool, monkeypatch):
    times = iter([3_000, 2_000, 1_000])
    monkeypatch.setattr("incumbent.lifecycle.client.spool.time_ns", lambda: next(times))
    for body in BODIES[:3]:
        spool.keep(body, A)
    assert sending(spool)[2] == BODIES[:3]


def test_a_file_name_tells_nothing_of_its_session(spool: Spool):
    path = spool.keep(BODIES[0], session_key("../../secret"))
    assert "secret" not in path
    assert Path(path).parent == Path(spool.path)
    assert session_key("../../secret") == session_key("../../secret") != session_key("other")


@pytest.mark.parametrize("session", [None, "", 7, ["s"]])
def test_what_names_no_session_has_none(session):
    assert session_key(session) == NO_SESSION


def test_one_process_at_a_time_hands_over(spool: Spool):
    spool.keep(BODIES[0])
    other = Spool(spool.path)
    seen = []

    def send(body: bytes, _: float) -> tuple[str, str]:
        seen.append((body, sending(other)))
        return DELIVERED, ""

    spool.hand_over(send, LONG_S, LONG_S)
    assert seen == [(BODIES[0], (BUSY, [], []))]


def test_when_the_time_is_up_the_rest_stays(spool: Spool):
    spool.keep(BODIES[0], A)
    spool.keep(BODIES[1], B)
    sent = []

    def send(body: bytes, _: float) -> tuple[str, str]:
        sent.append(body)
        return DELIVERED, ""

    assert spool.hand_over(send, LONG_S, 0.0, B) == (LATE, [])
    assert sent == [BODIES[1]]
    assert len(spool.waiting()) == 1


def test_an_event_that_takes_all_the_time_holds_up_none_of_the_next_round(spool: Spool):
    spool.keep(BODIES[0], A)
    spool.keep(BODIES[1], B)

    def send(_: bytes, seconds: float) -> tuple[str, str]:
        time.sleep(seconds)
        return UNDELIVERED, "no answer in time"

    ending, sentences = spool.hand_over(send, 0.01, 0.01)
    assert ending == LATE
    assert "no answer in time" in sentences[0]
    assert len(spool.waiting()) == 2


def test_a_torn_write_is_no_event(spool: Spool):
    spool.keep(BODIES[0])
    path = Path(spool.path) / f".{'1' * 20}-x.json.tmp"
    path.write_bytes(b'{"n"')
    assert len(spool.waiting()) == 1


def test_a_link_in_the_spool_is_not_followed(spool: Spool, tmp_path: Path):
    spool.keep(BODIES[0])
    secret = tmp_path / "secret"
    secret.write_text("not for the app")
    os.symlink(secret, Path(spool.path) / "00-link.json")
    assert sending(spool)[2] == [BODIES[0]]
    assert secret.read_text() == "not for the app"


def test_what_is_kept_is_for_its_user_alone(spool: Spool):
    path = Path(spool.keep(BODIES[0]))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_empty_spool_is_not_there_at_all(spool: Spool):
    assert spool.waiting() == []
    assert not Path(spool.path).exists()


def test_ids_are_uuids_of_version_4():
    import uuid

    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all((uuid.UUID(text).version, str(uuid.UUID(text))) == (4, text) for text in ids)


def test_the_envelope_is_json_with_the_payload_as_it_came():
    import json

    said = json.loads(envelope("i", 'odd "name"\n', b'{"a": [1, "\\u00e4"]}'))
    assert said == {"id": "i", "event": 'odd "name"\n', "payload": {"a": [1, "ä"]}}
