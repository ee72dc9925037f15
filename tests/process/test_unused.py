"""A worker that nobody uses stops; one that grows too large restarts, by the verified path."""

from __future__ import annotations

import socket

import pytest

from ..world import World, eventually
from .test_hang import ask_without_waiting, hosted, is_gone

pytestmark = pytest.mark.process

MB = 2**20
GROWING = """
import asyncio
__version__ = "1.0.0"
kept = []

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/grow":
        kept.append(b"x" * (300 << 20))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"begins", "more_body": True})
        await asyncio.sleep(4)
    await send({"type": "http.response.body", "body": b"{}"})
"""


def test_a_worker_that_nobody_uses_stops_and_the_next_event_has_another(world: World):
    world.settings["INCUMBENT_IDLE_TIMEOUT"] = "1.5"
    app = world.app("1.0.0")
    world.ensure(app)
    pid = world.health().pid  # to ask how it is, is no use
    eventually(lambda: world.seen().kind == "dark", "it stops")
    eventually(lambda: is_gone(pid), "it ends")
    assert [line["to"] for line in world.events("idle_over")] == ["handing-off/stopping"]
    assert world.events("closed")[-1]["to"] == "idle/stopped"
    assert not (world.data_dir / "worker.pid").exists()
    assert world.ensure(app).code == 0
    assert world.health().pid != pid


def test_a_stream_that_is_open_is_use(world: World):
    world.settings["INCUMBENT_IDLE_TIMEOUT"] = "1.5"
    world.ensure(hosted(world, GROWING))
    with ask_without_waiting(world, "/stream") as stream:
        stream.settimeout(20)
        said = b""
        while b"{}" not in said:
            said += stream.recv(4096)
    assert b"begins" in said
    assert world.events("idle_over") == []
    eventually(lambda: world.seen().kind == "dark", "it stops")


def test_a_worker_that_grows_beyond_its_limit_restarts_and_nobody_is_refused(world: World):
    world.settings["INCUMBENT_MAX_MEMORY"] = "256M"
    world.ensure(hosted(world, GROWING))
    before = world.health()
    assert world.get("/grow") == {}
    eventually(
        lambda: (seen := world.seen().health) is not None and seen.pid != before.pid, "another"
    )
    assert world.health().generation.after(before.generation)
    assert "MB are more than the limit of 256 MB: restarting" in world.log()
    eventually(lambda: world.events("child_ready", machine="worker"), "it handed over")
    assert world.get("/") == {}


def test_a_limit_below_what_the_app_begins_with_is_told_and_not_kept(world: World):
    world.settings["INCUMBENT_MAX_MEMORY"] = "1M"
    world.ensure(world.app("1.0.0"))
    pid = world.health().pid
    eventually(lambda: "from the beginning: serving on" in world.log(), "it is told")
    with socket.create_connection(("127.0.0.1", world.port)):
        assert world.health().pid == pid
    assert world.generations() == 1
