"""The worker gives its app what is kept: everything once, each session in its order."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle.client.deliver import (
    DELIVERED,
    FAILED,
    REFUSED,
    UNDELIVERED,
    envelope,
    new_id,
)
from incumbent.lifecycle.client.spool import GUARD, NO_SESSION, Claim, Spool, claim, session_key
from incumbent.server.spool import drain as module
from incumbent.server.spool.drain import LANES, Drain
from incumbent.server.spool.kept_events import KeptEvents

SOON_S = 30.0
A, B, C = (session_key(letter) for letter in "abc")


class Case:
    """A spool, its drain, an app that says of each event what it is told to, else takes it."""

    def __init__(self, path: Path) -> None:
        self.spool = Spool(str(path))
        self.sent: list[Any] = []
        self.told: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.claims: list[Claim] = []
        self.hold: Callable[[Any], Awaitable[None]] | None = None
        self.at_once = self.most_at_once = 0

    def keep(self, n: Any, session: str = NO_SESSION, claimed: bool = False) -> Claim:
        its = self.spool.keep(json.dumps(n).encode(), session)
        if claimed:
            self.claims.append(its)
        else:
            its.let_go()
        return its

    def keep_old(self, order: int, n: Any, session: str) -> None:
        os.makedirs(self.spool.path, exist_ok=True)
        payload = json.dumps({"n": n, "session_id": session}).encode()
        path = Path(self.spool.path) / f"{order:020d}-{new_id()}.json"
        path.write_bytes(envelope(new_id(), "Old", payload))

    async def give(self, body: bytes) -> tuple[str, str]:
        said = json.loads(body)
        n = said["payload"]["n"] if isinstance(said, dict) else said
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            if self.hold is not None:
                await self.hold(n)
            self.sent.append(n)
            words = self.words.get(str(n), [])
            return (words.pop(0) if words else DELIVERED), "too odd"
        finally:
            self.at_once -= 1

    def run(self, act: Callable[[Drain], Coroutine[Any, Any, None]]) -> None:
        """Drain while something is done, then stop."""

        async def running() -> None:
            drain = Drain(KeptEvents(self.spool), self.give, self.told.extend)
            drain.start()
            try:
                await asyncio.wait_for(act(drain), SOON_S)
            finally:
                await drain.stop(SOON_S)
                for its in self.claims:
                    its.let_go()

        asyncio.run(running())

    def until_sent(self, count: int) -> list[Any]:
        """Drain until the app has had so many; give them in its order."""

        async def act(drain: Drain) -> None:
            await until(lambda: len(self.sent) >= count and not drain.is_at_work)

        self.run(act)
        return self.sent

    def waiting(self) -> list[str]:
        return self.spool.waiting()


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.002)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path / "spool")


@pytest.fixture
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing pause for long."""
    monkeypatch.setattr(module, "pause_after", lambda tries: 0.01 * tries)
    for name in ("TROUBLE_S", "BUSY_S", "LOOK_AGAIN_S"):
        monkeypatch.setattr(module, name, 0.01)


def test_what_is_kept_is_given_once_in_order_and_removed(case: Case):
    for n in range(40):
        case.keep(n, A)
    assert case.until_sent(40) == list(range(40))
    assert case.waiting() == []


def test_each_session_is_in_order_and_several_are_at_once(case: Case):
    async def hold(_: Any) -> None:
        await asyncio.sleep(0.001)

    case.hold = hold
    for n in range(5):
        for session in range(30):
            case.keep([session, n], session_key(str(session)))
    sent = case.until_sent(150)
    for session in range(30):
        assert [n for of, n in sent if of == session] == list(range(5))
    assert 1 < case.most_at_once <= LANES


def test_what_is_kept_later_is_noticed_by_a_look_a_second(case: Case):
    async def act(drain: Drain) -> None:
        drain.tick()
        drain.tick()
        for n in range(3):
            case.keep(n, A)

            def taken(n: int = n) -> bool:
                drain.tick()
                return len(case.sent) > n and not case.waiting()

            await until(taken)

    case.run(act)
    assert case.sent == [0, 1, 2]


def test_a_change_is_followed_by_one_look_more(case: Case):
    async def act(drain: Drain) -> None:
        os.mkdir(case.spool.path)
        drain.tick()
        await asyncio.sleep(0.05)
        stamp = os.stat(case.spool.path).st_mtime_ns
        case.keep(1)
        os.utime(case.spool.path, ns=(stamp, stamp))
        drain.tick()
        await until(lambda: case.sent == [1])

    case.run(act)


@pytest.mark.usefixtures("_hurry")
def test_an_event_that_failed_holds_up_its_own_session_until_it_is_taken(case: Case):
    case.words = {"1": [FAILED, FAILED]}
    for n in range(3):
        case.keep(n, A)
    case.keep(9, B)
    sent = case.until_sent(6)
    assert [n for n in sent if n != 9] == [0, 1, 1, 1, 2]
    assert case.waiting() == []
    assert "too odd" in case.told[0]


def test_an_event_that_failed_holds_up_no_other_session(case: Case):
    case.words = {"0": [FAILED]}
    case.keep(0, A)
    case.keep(1, A)
    for n in range(2, 5):
        case.keep(n, B)
    case.keep(5)
    assert sorted(case.until_sent(5)) == [0, 2, 3, 4, 5]
    assert len(case.waiting()) == 2


def test_without_a_session_an_event_that_failed_holds_up_none(case: Case):
    case.words = {"0": [FAILED]}
    for n in range(3):
        case.keep(n)
    assert case.until_sent(3) == [0, 1, 2]
    assert len(case.waiting()) == 1


def test_an_event_refused_for_good_is_set_aside_and_holds_up_none(case: Case):
    case.words = {"0": [REFUSED]}
    for n in range(3):
        case.keep(n, A)
    assert case.until_sent(3) == [0, 1, 2]
    assert case.waiting() == []
    assert [why for _, why in case.spool.aside()] == ["too odd"]


@pytest.mark.usefixtures("_hurry")
def test_an_event_that_nobody_answered_for_is_given_again(case: Case):
    case.words = {"0": [UNDELIVERED]}
    case.keep(0, A)
    case.keep(1, A)
    assert case.until_sent(3) == [0, 0, 1]
    assert case.waiting() == []


@pytest.mark.usefixtures("_hurry")
def test_what_stands_between_the_app_and_its_event_is_told_and_passes(case: Case):
    troubles = [MemoryError("no more")]

    async def hold(_: Any) -> None:
        if troubles:
            raise troubles.pop()

    case.hold = hold
    case.keep(0, A)
    case.keep(1, A)
    assert case.until_sent(2) == [0, 1]
    assert "no more" in case.told[0]


def test_an_event_that_hangs_holds_up_no_other_session(case: Case):
    gate = asyncio.Event()

    async def hold(n: Any) -> None:
        if n == 0:
            await gate.wait()

    case.hold = hold
    case.keep(0, A)
    case.keep(1, A)
    for n in range(2, 50):
        case.keep(n, session_key(str(n)))

    async def act(_: Drain) -> None:
        await until(lambda: len(case.sent) == 48)
        gate.set()
        await until(lambda: len(case.sent) == 50)

    case.run(act)
    assert case.sent[-2:] == [0, 1]


def test_events_of_the_first_release_come_first_in_their_order(case: Case):
    case.keep(9, A)
    for n in range(3):
        case.keep_old(n, n, "abc"[n])
    assert case.until_sent(4) == [0, 1, 2, 9]


@pytest.mark.usefixtures("_hurry")
def test_an_event_of_the_first_release_that_failed_holds_up_its_session_alone(case: Case):
    case.words = {"0": [FAILED] * 5}
    case.keep_old(0, 0, "a")
    case.keep_old(1, 1, "a")
    case.keep_old(2, 2, "b")
    case.keep(3, A)
    case.keep(4, B)
    sent = case.until_sent(10)
    assert [n for n in sent if n in (0, 1, 3)] == [0] * 6 + [1, 3]
    assert [n for n in sent if n in (2, 4)] == [2, 4]
    assert sent.index(4) < sent.index(1)


def test_what_a_hook_has_claimed_is_left_to_it_with_what_is_behind(case: Case):
    case.keep(0, A, claimed=True)
    case.keep(1, A)
    case.keep(2, B)
    assert case.until_sent(1) == [2]
    assert len(case.waiting()) == 2


@pytest.mark.usefixtures("_hurry")
def test_what_a_hook_lets_go_of_is_given(case: Case):
    its = case.keep(0, A, claimed=True)
    case.keep(1, A)

    async def act(_: Drain) -> None:
        await asyncio.sleep(0.05)
        assert case.sent == []
        its.let_go()
        await until(lambda: case.sent == [0, 1])

    case.run(act)


@pytest.mark.usefixtures("_hurry")
def test_a_hook_that_never_lets_go_holds_up_nobody_for_ever(case: Case, monkeypatch):
    monkeypatch.setattr(module, "CLAIM_S", 0.05)
    case.keep(0, A, claimed=True)
    assert case.until_sent(1) == [0]


@pytest.mark.usefixtures("_hurry")
def test_while_a_hook_of_the_first_release_drains_nobody_else_does(case: Case):
    case.keep(0, A)
    guard = os.open(os.path.join(case.spool.path, GUARD), os.O_RDWR | os.O_CREAT)
    assert claim(guard)

    async def act(_: Drain) -> None:
        await asyncio.sleep(0.05)
        assert case.sent == []
        os.close(guard)
        await until(lambda: case.sent == [0])

    case.run(act)


def suspects(case: Case, *ns: Any) -> None:
    for n in ns:
        case.keep(n, session_key(str(n)))
    kept = KeptEvents(case.spool)
    for name in kept.waiting():
        kept.take([name], ())


@pytest.mark.usefixtures("_hurry")
def test_a_suspect_of_the_first_release_that_fails_is_tried_again_before_those_behind(case: Case):
    case.words = {"0": [FAILED] * 3}
    for n in range(3):
        case.keep_old(n, n, "a")
    kept = KeptEvents(case.spool)
    kept.take(kept.waiting(), ())
    assert case.until_sent(6) == [0, 0, 0, 0, 1, 2]
    assert case.waiting() == []


@pytest.mark.usefixtures("_hurry")
def test_what_is_behind_a_suspect_of_the_first_release_comes_after_it(case: Case):
    case.words = {"0": [FAILED]}
    for n in range(2):
        case.keep_old(n, n, "a")
    kept = KeptEvents(case.spool)
    kept.take(kept.waiting(), ())
    for n in range(2, 5):
        case.keep_old(n, n, "a")
    assert case.until_sent(6) == [0, 0, 1, 2, 3, 4]
    assert case.waiting() == []


def test_suspects_of_one_session_come_one_after_the_other(case: Case):
    for n in range(3):
        case.keep(n, session_key("s"))
    kept = KeptEvents(case.spool)
    kept.take(kept.waiting(), ())
    assert case.until_sent(3) == [0, 1, 2]
    assert case.waiting() == []


def test_what_was_in_hand_at_a_death_has_the_app_alone(case: Case):
    suspects(case, "x", "y", "z")
    for n in range(20):
        case.keep(n, session_key(str(n)))

    async def hold(n: Any) -> None:
        if n in ("x", "y", "z"):
            await asyncio.sleep(0.01)
            assert case.at_once == 1

    case.hold = hold
    assert sorted(map(str, case.until_sent(23))) == sorted([*map(str, range(20)), "x", "y", "z"])
    assert case.waiting() == []


def test_a_stop_lets_the_app_finish_what_it_has_and_gives_it_no_more(case: Case):
    gate = asyncio.Event()

    async def hold(_: Any) -> None:
        await gate.wait()

    async def act(drain: Drain) -> None:
        await until(lambda: case.at_once == 1)
        assert drain.is_at_work
        stopping = asyncio.ensure_future(drain.stop(SOON_S))
        await asyncio.sleep(0)
        gate.set()
        assert await stopping
        assert not drain.is_at_work

    case.hold = hold
    for n in range(3):
        case.keep(n, A)
    names = case.waiting()
    case.run(act)
    assert case.sent == [0]
    assert case.waiting() == names[1:]


def test_a_stop_cuts_off_what_takes_too_long_and_it_waits(case: Case):
    async def hold(_: Any) -> None:
        await asyncio.Event().wait()

    async def act(drain: Drain) -> None:
        await until(lambda: case.at_once == 1)
        assert not await drain.stop(0.01)

    case.hold = hold
    case.keep(0, A)
    names = case.waiting()
    case.run(act)
    assert case.sent == []
    assert case.waiting() == names


def test_after_a_stop_it_goes_on_where_it_was(case: Case):
    async def act(drain: Drain) -> None:
        await drain.stop(SOON_S)
        case.keep(0, A)
        drain.tick()
        await asyncio.sleep(0.02)
        assert case.sent == []
        drain.start()
        await until(lambda: case.sent == [0])

    case.run(act)


def test_a_stop_that_is_called_off_changes_nothing(case: Case):
    gate = asyncio.Event()

    async def hold(n: Any) -> None:
        if n == 0:
            await gate.wait()

    async def act(drain: Drain) -> None:
        await until(lambda: case.at_once == 1)
        stopping = asyncio.ensure_future(drain.stop(SOON_S))
        await asyncio.sleep(0)
        stopping.cancel()
        drain.start()
        gate.set()
        await until(lambda: case.sent == [0, 1])

    case.hold = hold
    case.keep(0, A)
    case.keep(1, A)
    case.run(act)
    assert case.waiting() == []


def test_a_stop_before_a_start_has_nothing_to_stop(case: Case):
    async def stopping() -> None:
        assert await Drain(KeptEvents(case.spool), case.give, case.told.extend).stop(0)

    asyncio.run(stopping())


@pytest.mark.usefixtures("_hurry")
def test_a_disk_that_cannot_be_written_is_told_and_costs_no_event(case: Case, monkeypatch):
    case.keep(0, A)
    rename = os.rename
    troubles = [OSError(28, "No space left on device")] * 3

    def failing(source: str, target: str) -> None:
        if troubles:
            raise troubles.pop()
        rename(source, target)

    monkeypatch.setattr(os, "rename", failing)
    assert case.until_sent(1) == [0]
    assert "No space left" in case.told[0]
    assert case.waiting() == []


@pytest.mark.usefixtures("_hurry")
def test_a_spool_that_cannot_be_locked_is_told_and_looked_at_again(case: Case):
    case.keep(0, A)
    guard = Path(case.spool.path) / GUARD
    guard.mkdir()

    async def act(_: Drain) -> None:
        await until(lambda: bool(case.told))
        guard.rmdir()
        await until(lambda: case.sent == [0])

    case.run(act)
    assert "can't look into the spool" in case.told[0]
