"""A ticket opens what it was made for, until it ends, to nobody who knows no secret."""

from __future__ import annotations

import pytest

from incumbent.lifecycle.page_access import LINK_S, SESSION_S, link, may_look, opens, session

SECRET, OTHER = "ab" * 32, "cd" * 32
ADDRESS = ("127.0.0.1", 20001)
NOW = 1_800_000_000.0


def ticket() -> str:
    return link(SECRET, "instance", ADDRESS, NOW).removeprefix("/lifecycle?once=")


def test_a_link_opens_its_own_instance_for_two_minutes():
    given = ticket()
    assert opens(given, SECRET, "instance", ADDRESS, NOW)
    assert opens(given, SECRET, "instance", ADDRESS, NOW + LINK_S - 1)
    assert not opens(given, SECRET, "instance", ADDRESS, NOW + LINK_S + 1)


@pytest.mark.parametrize(
    ("secret", "instance", "address"),
    [
        (OTHER, "instance", ADDRESS),
        ("", "instance", ADDRESS),
        (SECRET, "another", ADDRESS),
        (SECRET, "instance", ("127.0.0.1", 20002)),
        (SECRET, "instance127.0.0.1", ("", 20001)),
    ],
)
def test_a_link_opens_nothing_else(secret, instance, address):
    assert not opens(ticket(), secret, instance, address, NOW)


def test_a_session_is_good_for_a_working_day():
    given = session(SECRET, "/data", ADDRESS, NOW)
    assert may_look(given, SECRET, "/data", ADDRESS, NOW + SESSION_S - 1)
    assert not may_look(given, SECRET, "/data", ADDRESS, NOW + SESSION_S + 1)
    assert not may_look(given, SECRET, "/other", ADDRESS, NOW)
    assert not may_look(given, OTHER, "/data", ADDRESS, NOW)


def test_neither_passes_for_the_other():
    assert not may_look(ticket(), SECRET, "instance", ADDRESS, NOW)
    assert not opens(session(SECRET, "i", ADDRESS, NOW), SECRET, "i", ADDRESS, NOW)


def test_nobody_makes_a_session_last_longer():
    ends, nonce, proof = session(SECRET, "/data", ADDRESS, NOW).split(".")
    longer = f"{int(ends) + 1000}.{nonce}.{proof}"
    assert not may_look(longer, SECRET, "/data", ADDRESS, NOW)


@pytest.mark.parametrize("junk", ["", ".", "..", "1.2.3", "\u0661.a.b", "9" * 300, "x" * 10_000])
def test_junk_opens_nothing(junk):
    assert not opens(junk, SECRET, "instance", ADDRESS, NOW)
    assert not may_look(junk, SECRET, "/data", ADDRESS, NOW)
