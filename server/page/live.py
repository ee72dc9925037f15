"""Tells an open page what has changed, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from .diagram import box
from .facts import Watch
from .render import parts

STEP_S = 0.1
BEAT_S = 1.0  # a page that hears nothing for three of them says so
AGAIN_MS = 300  # the browser asks again so soon after the stream has ended


async def changes(watch: Watch) -> AsyncIterator[bytes]:
    """Give the parts that differ from those given before, at once, then as they change.

    A beat of its own says that the event loop turns, and renews the durations.
    """
    given: dict[str, str] = {}
    seen: object = None
    yield f"retry: {AGAIN_MS}\n\n".encode()
    loop = asyncio.get_running_loop()
    beat = loop.time()
    while True:
        now = watch.stamp()
        if now != seen or loop.time() >= beat:
            seen, beat = now, loop.time() + BEAT_S
            facts = await watch.facts()
            written = parts(facts)
            fresh = {name: text for name, text in written.items() if given.get(name) != text}
            given = written
            yield _event({"box": box(facts.health.state), "parts": fresh})
            await watch.doctor.ask(wait=0)
        await asyncio.sleep(STEP_S)


def _event(said: dict[str, object]) -> bytes:
    return f"data: {json.dumps(said)}\n\n".encode()
