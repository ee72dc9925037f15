"""No handler's thread of a predecessor is at work once the successor's app starts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ..world import App, World, eventually
from .test_hang import ask_without_waiting, is_gone

pytestmark = pytest.mark.process

WRITES_ON = """
import asyncio, json, os, time
import anyio.to_thread
__version__ = "1.0.0"

def note(what):
    with open(os.path.join(os.environ["INCUMBENT_DATA_DIR"], "lives.jsonl"), "a") as file:
        file.write(json.dumps(dict(what=what, pid=os.getpid(), at=time.monotonic())) + chr(10))

def write_on(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        note("writes")
        time.sleep(0.01)

HANDLERS = {
    "/anyio": lambda: anyio.to_thread.run_sync(write_on, 60),
    "/asyncio": lambda: asyncio.to_thread(write_on, 60),
    "/short": lambda: asyncio.to_thread(write_on, 0.9),
}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        note("begins")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await HANDLERS[scope["path"]]()
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
"""


@pytest.fixture
def app(world: World) -> Any:
    folder = world.sandbox.root / "apps" / "writing"
    folder.mkdir(parents=True)
    (folder / "hosted.py").write_text(WRITES_ON)
    world.settings["INCUMBENT_DRAIN_TIMEOUT"] = "0.6"
    return App(folder, "1.0.0")


def writes(world: World, pid: int) -> list[float]:
    return [line["at"] for line in world.lives("writes") if line["pid"] == pid]


@pytest.mark.parametrize(
    ("path", "handover"), [("/anyio", "seamless"), ("/asyncio", "seamless"), ("/anyio", "rebind")]
)
def test_a_thread_that_outlives_the_drain_is_gone_before_the_next_app_starts(
    world: World, app, path, handover
):
    world.settings["INCUMBENT_HANDOVER"] = handover
    world.ensure(app)
    pid = world.health().pid
    with ask_without_waiting(world, path):
        eventually(lambda: writes(world, pid), "the handler is at work")
        done = world.restart(app)
    assert done.code == 0, done
    assert is_gone(pid)
    begins = {line["pid"]: line["at"] for line in world.lives("begins")}
    assert begins[world.health().pid] > writes(world, pid)[-1]
    assert "1 threads outlive the drain" in world.log()
    assert json.loads(json.dumps(world.record()))["rejected"] == []


def test_a_thread_that_ends_soon_after_the_drain_costs_nobody_the_port(world: World, app):
    world.ensure(app)
    pid = world.health().pid
    with ask_without_waiting(world, "/short"):
        eventually(lambda: writes(world, pid), "the handler is at work")
        done = world.restart(app)
    assert done.code == 0, done
    begins = {line["pid"]: line["at"] for line in world.lives("begins")}
    assert begins[world.health().pid] > writes(world, pid)[-1]
    assert "outlive the drain" not in world.log()
