"""A thread of a pool is at work while it runs something, whatever that is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
import pytest

from incumbent.server.process.pool_threads import at_work

POOLS: dict[str, Callable[..., Awaitable[Any]]] = {
    "asyncio": asyncio.to_thread,
    "anyio": anyio.to_thread.run_sync,
}


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("where", ["in Python", "in C"])
def test_a_thread_is_at_work_as_long_as_what_it_runs(pool: str, where: str):
    lock = threading.Lock()
    lock.acquire()
    before = at_work()

    def in_python() -> None:
        with lock:
            pass

    async def runs() -> list[int]:
        work = in_python if where == "in Python" else lock.acquire
        running = asyncio.ensure_future(POOLS[pool](work))
        while at_work() == before:
            await asyncio.sleep(0.001)
        counts = [at_work() - before]
        lock.release()
        await running
        until = time.monotonic() + 15
        while at_work() != before and time.monotonic() < until:
            await asyncio.sleep(0.001)
        return [*counts, at_work() - before]

    assert asyncio.run(runs()) == [1, 0]


def test_a_thread_of_its_own_is_no_pools():
    going_on = threading.Event()
    before = at_work()
    thread = threading.Thread(target=going_on.wait)
    thread.start()
    assert at_work() == before
    going_on.set()
    thread.join()
