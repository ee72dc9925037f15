"""Whoever comes by a link gets a session, once; whoever brings a session is known."""

from __future__ import annotations

import pytest

from incumbent.lifecycle.page_access import LINK_S, SESSION_S, link, session
from incumbent.server.page import visitors as module
from incumbent.server.page.visitors import Visitors

from .given import NOON, health

SECRET = "ab" * 32
WORKER = health()
ADDRESS = (WORKER.host, WORKER.port)


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    its = Clock()
    monkeypatch.setattr(module, "wall_clock", its)
    return its


def query(now: float = NOON) -> bytes:
    return link(SECRET, WORKER.instance, ADDRESS, now).partition("?")[2].encode()


def given(cookie: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), (b"cookie", f"theme=dark; {cookie}; other=1".encode())]


@pytest.mark.usefixtures("clock")
def test_a_link_gives_a_session_for_the_page_that_no_script_reads():
    cookie, *rights = Visitors().admit(query(), SECRET, WORKER).split("; ")
    assert rights == ["Path=/lifecycle", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]
    assert cookie.startswith(f"incumbent-{WORKER.port}=")
    assert Visitors().knows(given(cookie), SECRET, WORKER)


@pytest.mark.usefixtures("clock")
def test_a_link_works_once():
    visitors, ticket = Visitors(), query()
    assert visitors.admit(ticket, SECRET, WORKER)
    assert visitors.admit(ticket, SECRET, WORKER) == ""
    assert visitors.admit(query(), SECRET, WORKER) != ""


def test_a_link_that_was_used_is_no_link_again_for_as_long_as_it_would_work(clock: Clock):
    visitors, ticket = Visitors(), query()
    assert visitors.admit(ticket, SECRET, WORKER)
    clock.now += LINK_S - 1
    assert visitors.admit(ticket, SECRET, WORKER) == ""
    clock.now += 2
    assert visitors.admit(ticket, SECRET, WORKER) == ""


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("asked", [b"", b"once=", b"once=9999999999.a.b", b"once=\xff", b"x=1"])
def test_what_is_no_link_gives_nothing(asked: bytes):
    assert Visitors().admit(asked, SECRET, WORKER) == ""


@pytest.mark.usefixtures("clock")
def test_a_session_comes_by_cookie_or_as_a_bearer():
    its = session(SECRET, WORKER.data_dir, ADDRESS, NOON)
    visitors = Visitors()
    assert visitors.knows([(b"authorization", f"Bearer {its}".encode())], SECRET, WORKER)
    assert visitors.knows(given(f"incumbent-{WORKER.port}={its}"), SECRET, WORKER)
    for header in (
        (b"authorization", its.encode()),
        (b"authorization", b"Bearer x"),
        (b"cookie", f"incumbent-1={its}".encode()),
        (b"x-session", its.encode()),
    ):
        assert not visitors.knows([header], SECRET, WORKER)


def test_a_session_ends(clock: Clock):
    its = [(b"authorization", f"Bearer {session(SECRET, '/d', ADDRESS, NOON)}".encode())]
    clock.now += SESSION_S - 1
    assert Visitors().knows(its, SECRET, WORKER)
    clock.now += 2
    assert not Visitors().knows(its, SECRET, WORKER)
