"""The spool gives every event back once, in order, and loses none that it took."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from incumbent.lifecycle.deliver import DELIVERED, REFUSED, UNDELIVERED, envelope, new_id
from incumbent.lifecycle.spool import Spool

BODIES = [b'{"n": %d}' % number for number in range(5)]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(str(tmp_path / "spool"))


def test_what_is_kept_comes_back_in_order(spool: Spool):
    for body in BODIES:
        spool.keep(body)
    sent = []
    assert spool.hand_over(lambda body: (sent.append(body) or DELIVERED, "")) == (False, [])
    assert sent == BODIES
    assert spool.waiting() == []


def test_what_could_not_be_sent_stays_and_so_does_all_behind_it(spool: Spool):
    for body in BODIES:
        spool.keep(body)
    answers = iter([DELIVERED, DELIVERED, UNDELIVERED])
    stopped, sentences = spool.hand_over(lambda _: (next(answers), "gone"))
    assert (stopped, sentences) == (True, [])
    sent = []
    spool.hand_over(lambda body: (sent.append(body) or DELIVERED, ""))
    assert sent == BODIES[2:]


def test_an_event_refused_for_good_is_set_aside_and_holds_up_none_behind_it(spool: Spool):
    for body in BODIES[:3]:
        spool.keep(body)
    answers = iter([DELIVERED, REFUSED, DELIVERED])
    stopped, sentences = spool.hand_over(lambda _: (next(answers), "too odd"))
    assert not stopped
    assert len(sentences) == 1
    assert "too odd" in sentences[0]
    aside = [path for path in Path(spool.path).iterdir() if path.name.endswith(".refused")]
    assert [path.read_bytes() for path in aside] == [BODIES[1]]
    assert spool.waiting() == []


def test_one_process_at_a_time_hands_over(spool: Spool):
    spool.keep(BODIES[0])
    other = Spool(spool.path)
    seen = []

    def send(body: bytes) -> tuple[str, str]:
        seen.append((body, other.hand_over(lambda _: (DELIVERED, ""))))
        return DELIVERED, ""

    spool.hand_over(send)
    assert seen == [(BODIES[0], (False, []))]


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
    sent = []
    spool.hand_over(lambda body: (sent.append(body) or DELIVERED, ""))
    assert sent == [BODIES[0]]
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
