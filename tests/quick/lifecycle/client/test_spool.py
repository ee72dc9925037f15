"""The spool keeps each event whole, in its session's order, for its user alone."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.client.deliver import envelope, new_id
from incumbent.lifecycle.client.spool import NO_SESSION, Claim, Spool, claim, session_key

BODIES = [b'{"n": %d}' % number for number in range(5)]
A, B = session_key("a"), session_key("b")


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Keeping]:
    with Keeping(str(tmp_path / "spool")) as its:
        yield its


class Keeping(Spool):
    """A spool whose claims are let go in the end."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.claims: list[Claim] = []

    def __enter__(self) -> Keeping:
        return self

    def __exit__(self, *_: object) -> None:
        for its in self.claims:
            its.let_go()

    def kept(self, body: bytes, session: str = NO_SESSION) -> str:
        self.claims.append(self.keep(body, session))
        return self.claims[-1].path

    def bodies(self) -> list[bytes]:
        return [(Path(self.path) / name).read_bytes() for name in self.waiting()]


def test_what_is_kept_waits_in_order(spool: Keeping):
    for body in BODIES:
        spool.kept(body, A)
    assert spool.bodies() == BODIES


def test_an_event_holds_up_its_own_session(spool: Keeping):
    assert not spool.holds_up(A)
    path = spool.kept(BODIES[0], A)
    assert spool.holds_up(A)
    assert not spool.holds_up(B)
    os.unlink(path)
    assert not spool.holds_up(A)


def test_an_event_in_hand_holds_up_its_session(spool: Keeping):
    path = spool.kept(BODIES[0], A)
    os.rename(path, path.removesuffix(".json") + ".hand.json")
    assert spool.holds_up(A)


def test_an_event_of_the_first_release_holds_up_all(spool: Keeping):
    os.mkdir(spool.path)
    (Path(spool.path) / f"{1:020d}-{new_id()}.json").write_bytes(BODIES[0])
    assert spool.holds_up(A)


def test_names_of_the_first_release_come_first_in_their_order(spool: Keeping):
    spool.kept(BODIES[2], A)
    late = str(time.time_ns() + 10**15).rjust(20, "0")
    for number, name in enumerate([f"{late}-{new_id()}", f"{'9' * 20}-{new_id()}"]):
        (Path(spool.path) / f"{name}.json").write_bytes(BODIES[number])
    assert spool.bodies() == BODIES[:3]


def test_of_one_session_those_of_the_first_release_are_told_too_and_no_others(spool: Keeping):
    spool.kept(BODIES[0], B)
    own = spool.kept(BODIES[1], A)
    old = f"{1:020d}-{new_id()}.json"
    (Path(spool.path) / old).write_bytes(BODIES[2])
    assert spool.waiting(A) == [old, os.path.basename(own)]
    assert len(spool.waiting()) == 3


def test_an_event_is_first_while_none_of_its_session_is_before_it(spool: Keeping):
    other, first, second = (spool.kept(BODIES[0], session) for session in (B, A, A))
    assert [spool.is_first(path) for path in (other, first, second)] == [True, True, False]
    os.unlink(first)
    assert spool.is_first(second)
    assert not spool.is_first(first)


def test_a_kept_event_is_claimed_until_its_hook_lets_it_go(spool: Keeping):
    with open(spool.kept(BODIES[0])) as file:
        assert not claim(file.fileno())
        spool.claims[0].let_go()
        assert claim(file.fileno())
        spool.claims[0].let_go()


def test_what_is_set_aside_waits_no_more_and_tells_why(spool: Keeping):
    path = Path(spool.kept(BODIES[0], A))
    other = spool.kept(BODIES[1], A)
    aside = spool.set_aside(path.name, "too odd \udc80")
    assert Path(aside).read_bytes() == BODIES[0]
    assert spool.bodies() == [BODIES[1]]
    assert spool.aside() == [(aside, "too odd ?")]
    assert spool.is_first(other)


def test_what_the_first_release_set_aside_is_found(spool: Keeping):
    os.mkdir(spool.path)
    old = Path(spool.path) / f"{1:020d}-{new_id()}.json.refused"
    old.write_bytes(BODIES[0])
    assert spool.aside() == [(str(old), "the app refused it")]


def test_a_reason_that_cannot_be_written_keeps_nothing_from_being_set_aside(spool: Keeping):
    path = Path(spool.kept(BODIES[0], A))
    (path.parent / f"{path.stem}.why").mkdir()
    aside = spool.set_aside(path.name, "too odd")
    assert spool.waiting() == []
    assert [found for found, _ in spool.aside()] == [aside]


def test_nothing_is_set_aside_where_there_is_no_spool(spool: Keeping):
    assert spool.aside() == []


def test_a_clock_that_goes_back_changes_no_order(spool: Keeping, monkeypatch):
    times = iter([3_000, 2_000, 1_000])
    monkeypatch.setattr("incumbent.lifecycle.client.spool.time_ns", lambda: next(times))
    for body in BODIES[:3]:
        spool.kept(body, A)
    assert spool.bodies() == BODIES[:3]


def test_a_file_name_tells_nothing_of_its_session(spool: Keeping):
    path = spool.kept(BODIES[0], session_key("../../secret"))
    assert "secret" not in path
    assert Path(path).parent == Path(spool.path)
    assert session_key("../../secret") == session_key("../../secret") != session_key("other")


@pytest.mark.parametrize("session", [None, "", 7, ["s"]])
def test_what_names_no_session_has_none(session):
    assert session_key(session) == NO_SESSION


def test_a_torn_write_is_no_event(spool: Keeping):
    spool.kept(BODIES[0])
    path = Path(spool.path) / f".{'1' * 20}-x.json.tmp"
    path.write_bytes(b'{"n"')
    assert len(spool.waiting()) == 1


def test_what_is_kept_is_for_its_user_alone(spool: Keeping):
    path = Path(spool.kept(BODIES[0]))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_an_empty_spool_is_not_there_at_all(spool: Keeping):
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
