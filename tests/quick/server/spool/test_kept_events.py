"""What becomes of a kept event stands in its file's name, before it happens."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from incumbent.lifecycle.client.deliver import envelope, new_id
from incumbent.lifecycle.client.spool import NO_SESSION, Spool, session_key
from incumbent.server.spool.kept_events import (
    RUN,
    RUN_LIMIT_BYTES,
    TRIES,
    KeptEvents,
    Name,
    Taken,
    parsed,
    pause_after,
)

A, B = session_key("a"), session_key("b")
STEM = f"{7:020d}-{A}-{new_id()}"


class Place:
    """A spool with events, and the worker's view of it."""

    def __init__(self, path: Path) -> None:
        self.spool = Spool(str(path))
        self.kept = KeptEvents(self.spool)

    def keep(self, *sessions: str) -> list[Name]:
        for number, session in enumerate(sessions):
            self.spool.keep(b'{"n": %d}' % number, session).let_go()
        return self.kept.waiting()

    def take(self, names: list[Name]) -> list[Taken]:
        return self.kept.take(names, ())[0]

    def files(self) -> list[str]:
        return sorted(os.listdir(self.spool.path))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "spool")


@pytest.mark.parametrize("mark", ["", "hand", "suspect", "last"])
@pytest.mark.parametrize("tries", [0, 1, 31])
def test_a_name_says_what_it_was_made_of(tries: int, mark: str):
    name = Name(STEM, tries, mark)
    assert parsed(name.file) == name
    assert name.file.endswith(".json")
    assert name.session == A


@pytest.mark.parametrize("file", ["x.json", "a.b.json", "1.2.3.json", ".json", "a.01.json",
                                  "a.hand.3.json", "a.0.json", "a.hand.hand.json"])  # fmt: skip
def test_a_name_that_we_never_wrote_is_one_stem(file: str):
    assert parsed(file).file == file


def test_an_event_is_in_hand_before_it_is_given(place: Place):
    (name,) = place.keep(A)
    (event,) = place.take([name])
    assert place.files() == [f"{name.stem}.hand.json"]
    assert (event.body, event.session) == (b'{"n": 0}', A)


def test_what_took_effect_is_removed(place: Place):
    (event,) = place.take(place.keep(A))
    place.kept.remove(event)
    assert place.files() == []
    place.kept.remove(event)


def test_what_was_not_given_waits_as_before(place: Place):
    (name,) = place.keep(A)
    place.kept.give_back(place.take([name])[0])
    assert place.kept.waiting() == [name]


def test_what_failed_waits_with_its_tries_counted(place: Place):
    (name,) = place.keep(A)
    tries, sentence = place.kept.fail(place.take([name])[0], "too odd")
    assert tries == 1
    assert "too odd" in sentence
    assert place.kept.waiting() == [name._replace(tries=1)]
    again = place.kept.fail(place.take(place.kept.waiting())[0], "too odd")
    assert again[0] == 2


def test_what_failed_as_often_as_may_be_is_set_aside(place: Place):
    (name,) = place.keep(A)
    path = Path(place.spool.path)
    (path / name.file).rename(path / name._replace(tries=TRIES - 1).file)
    tries, sentence = place.kept.fail(place.take(place.kept.waiting())[0], "too odd")
    aside = str(path / f"{name.stem}.set-aside")
    assert tries == 0
    assert aside in sentence
    assert place.spool.aside() == [(aside, f"too odd, {TRIES} times")]
    assert place.kept.waiting() == []


def test_what_the_app_refused_is_set_aside_with_the_reason(place: Place):
    (event,) = place.take(place.keep(A))
    assert "too odd" in place.kept.refuse(event, "too odd")
    assert [why for _, why in place.spool.aside()] == ["too odd"]


def test_what_was_in_hand_at_a_death_is_a_suspect_and_the_second_time_set_aside(place: Place):
    (name,) = place.keep(A)
    place.take([name])
    assert place.kept.recover() == []
    suspect = name._replace(mark="suspect")
    assert place.kept.waiting() == [suspect]
    assert place.kept.recover() == []
    assert place.kept.waiting() == [suspect]
    place.take([suspect])
    assert place.kept.waiting() == [name._replace(mark="last")]
    (sentence,) = place.kept.recover()
    assert "died twice" in sentence
    assert [why for _, why in place.spool.aside()] == ["the worker died twice while the app had it"]


def test_a_suspect_that_was_not_given_is_one_still(place: Place):
    (name,) = place.keep(A)
    place.take([name])
    place.kept.recover()
    (event,) = place.take(place.kept.waiting())
    place.kept.give_back(event)
    assert place.kept.waiting() == [name._replace(mark="suspect")]


def test_a_suspect_that_the_app_answered_is_none_any_more(place: Place):
    (name,) = place.keep(A)
    place.take([name])
    place.kept.recover()
    place.kept.fail(place.take(place.kept.waiting())[0], "too odd")
    assert place.kept.waiting() == [name._replace(tries=1)]


def test_so_many_are_taken_together(place: Place):
    names = place.keep(*[A] * (RUN + 1))
    assert [event.name.stem for event in place.take(names)] == [name.stem for name in names[:RUN]]


def test_long_ones_are_taken_one_by_one(place: Place):
    for _ in range(2):
        place.spool.keep(b"x" * RUN_LIMIT_BYTES, A).let_go()
    names = place.kept.waiting()
    assert [event.name.stem for event in place.take(names)] == [names[0].stem]
    assert place.kept.waiting()[1] == names[1]


def test_a_claimed_event_and_those_behind_it_are_left(place: Place):
    place.keep(A)
    claim = place.spool.keep(b"{}", A)
    place.spool.keep(b"{}", A).let_go()
    names = place.kept.waiting()
    taken, claimed, _ = place.kept.take(names, ())
    assert [event.name.stem for event in taken] == [names[0].stem]
    assert claimed == [names[1]]
    assert [name.mark for name in place.kept.waiting()] == ["hand", "", ""]
    claim.let_go()
    assert len(place.take(names[1:])) == 2


def test_a_claim_that_lasts_too_long_is_none(place: Place):
    claim = place.spool.keep(b"{}", A)
    names = place.kept.waiting()
    taken, claimed, _ = place.kept.take(names, {names[0].stem})
    assert (len(taken), claimed) == (1, [])
    claim.let_go()


def test_without_a_session_a_claimed_event_holds_up_none(place: Place):
    claim = place.spool.keep(b"{}")
    place.spool.keep(b"{}").let_go()
    names = place.kept.waiting()
    taken, claimed, _ = place.kept.take(names, ())
    assert [event.name.stem for event in taken] == [names[1].stem]
    assert claimed == [names[0]]
    claim.let_go()


def test_what_its_hook_has_brought_meanwhile_is_passed_over(place: Place):
    names = place.keep(A, A)
    os.unlink(os.path.join(place.spool.path, names[0].file))
    assert [event.name.stem for event in place.take(names)] == [names[1].stem]


def test_a_link_is_not_followed_and_set_aside(place: Place, tmp_path: Path):
    place.keep(A)
    secret = tmp_path / "secret"
    secret.write_text("not for the app")
    os.symlink(secret, os.path.join(place.spool.path, "00-link.json"))
    taken, _, sentences = place.kept.take(place.kept.waiting(), ())
    assert [event.body for event in taken] == [b'{"n": 0}']
    assert len(sentences) == 1
    assert "can't be read" in sentences[0]
    assert secret.read_text() == "not for the app"


def test_of_an_event_of_the_first_release_the_session_is_in_the_body(place: Place):
    os.mkdir(place.spool.path)
    for number, body in enumerate([envelope("i", "Old", b'{"session_id": "a"}'), b"no", b"[]"]):
        (Path(place.spool.path) / f"{number:020d}-{new_id()}.json").write_bytes(body)
    taken = place.take(place.kept.waiting())
    assert [event.session for event in taken] == [A, NO_SESSION, NO_SESSION]


def test_one_process_at_a_time_drains(place: Place):
    place.keep(A)
    other = KeptEvents(place.spool)
    assert place.kept.begin()
    assert place.kept.begin()
    assert not other.begin()
    place.kept.end()
    assert other.begin()
    other.end()


def test_a_spool_is_empty_while_no_event_waits(place: Place):
    assert place.kept.is_empty()
    (name,) = place.keep(A)
    assert not place.kept.is_empty()
    place.kept.refuse(place.take([name])[0], "too odd")
    assert place.kept.is_empty()


def test_the_stamp_changes_when_a_file_comes_or_goes(place: Place):
    assert place.kept.stamp() == 0
    place.keep(A)
    first = place.kept.stamp()
    os.utime(place.spool.path, ns=(1, 1))
    place.keep(A)
    assert first != 0
    assert place.kept.stamp() != 1


def test_pauses_grow_up_to_an_hour_and_last_a_day_in_all():
    pauses = [pause_after(tries) for tries in range(1, TRIES)]
    assert pauses[:4] == [1.0, 2.0, 4.0, 8.0]
    assert pauses[-1] == 3600.0
    assert 18 * 3600 < sum(pauses) < 26 * 3600
