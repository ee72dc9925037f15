"""What is asked of a worker is taken in order, each answer goes to who asked."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from incumbent.lifecycle.drivers.ports import RESTART, SETTLED, SHUTDOWN, Request
from incumbent.server.requests import Requests


def test_asks_are_taken_in_order_each_with_its_number():
    async def story() -> list[Request | None]:
        requests = Requests()
        assert not requests.waiting
        requests.ask(RESTART)
        requests.ask(SHUTDOWN)
        assert requests.waiting
        taken = [await requests.next_ask(), await requests.poll_ask()]
        assert not requests.waiting
        return [*taken, await requests.poll_ask(), requests.taken()]

    assert asyncio.run(story()) == [Request(RESTART, 1), Request(SHUTDOWN, 2), None, None]


def test_who_waits_for_an_ask_is_woken_by_it():
    async def story() -> Request:
        requests = Requests()
        waiting = asyncio.ensure_future(requests.next_ask())
        await asyncio.sleep(0)
        assert not waiting.done()
        requests.ask(RESTART)
        return await asyncio.wait_for(waiting, 10)

    assert asyncio.run(story()) == Request(RESTART, 1)


def test_what_was_asked_while_nobody_listened_is_heard():
    async def story() -> Request:
        requests = Requests()
        requests.ask(RESTART)
        assert requests.taken() == Request(RESTART, 1)
        requests.ask(SHUTDOWN)
        return await asyncio.wait_for(requests.next_ask(), 10)

    assert asyncio.run(story()) == Request(SHUTDOWN, 2)


@pytest.mark.parametrize("joined", [True, False])
def test_an_answer_goes_to_who_asked_and_to_nobody_else(joined: bool):
    async def story() -> tuple[bool, bool]:
        requests = Requests()
        first, second = requests.ask(RESTART), requests.ask(RESTART)
        await requests.accept_ask(Request(RESTART, 2), joined)
        assert not first.done()
        await requests.accept_ask(Request(RESTART, 2), not joined)  # answered once
        await requests.accept_all(not joined)
        return await first, await second

    assert asyncio.run(story()) == (not joined, joined)


def test_an_answer_that_nobody_waits_for_any_more_is_given_to_nobody():
    async def story() -> None:
        requests = Requests()
        requests.ask(RESTART).cancel()
        await requests.accept_all(False)
        await requests.accept_ask(Request(RESTART, 1))

    asyncio.run(story())


def test_an_ask_is_new_only_after_the_look_for_something_new():
    async def story() -> None:
        requests = Requests()
        requests.ask(RESTART)
        await asyncio.wait_for(requests.something(), 10)
        new = asyncio.ensure_future(requests.something_new())
        await asyncio.sleep(0)
        assert not new.done()
        requests.ask(SHUTDOWN)
        await asyncio.wait_for(new, 10)

    asyncio.run(story())


def test_what_is_asked_between_the_look_and_the_waiting_is_not_lost():
    async def story() -> None:
        requests = Requests()
        coming = requests.something_new()
        requests.ask(RESTART)
        await asyncio.wait_for(coming, 10)

    asyncio.run(story())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_stop(number: signal.Signals):
    async def story() -> Request:
        requests = Requests()
        requests.hear_signals()
        os.kill(os.getpid(), number)
        return await asyncio.wait_for(requests.next_ask(), 10)

    assert asyncio.run(story()) == Request(SHUTDOWN, 1)


def test_a_worker_settles_once_and_whoever_asks_comes_first():
    async def story() -> list[Request]:
        requests = Requests()
        requests.is_settled = lambda: True
        requests.ask(RESTART)
        first, second = await requests.next_ask(), await requests.next_ask()
        waiting = asyncio.ensure_future(requests.next_ask())
        await asyncio.sleep(0)
        requests.tick()
        await asyncio.sleep(0)
        assert not waiting.done()
        requests.ask(SHUTDOWN)
        return [first, second, await asyncio.wait_for(waiting, 10)]

    assert asyncio.run(story()) == [Request(RESTART, 1), Request(SETTLED), Request(SHUTDOWN, 2)]
