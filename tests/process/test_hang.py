"""A worker that hangs ends itself; one that is only busy does not."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import threading
import time

import pytest

from incumbent.lifecycle.lock.process_identity import start_token

from ..world import App, World, eventually
from .test_hook import Hooks

pytestmark = pytest.mark.process

HANG_S = 2.0
ENDED_BY_S = HANG_S + 1.0  # the loop puts the end off once a second

HANGING = """
import ctypes, time
from incumbent.server.recorder import app as recording
__version__ = "1.0.0"

def spin():
    while True:
        pass

HANGS = {
    "/blocked-loop": lambda: time.sleep(90),
    "/interpreter-held-in-C": lambda: ctypes.PyDLL(None).sleep(90),
    "/busy-loop": spin,
    "/blocked-for-a-while": lambda: time.sleep(5),
}

async def app(scope, receive, send):
    if scope["type"] == "http" and scope["path"] in HANGS:
        HANGS[scope["path"]]()
    await recording(scope, receive, send)
"""
KINDS = ("/blocked-loop", "/interpreter-held-in-C", "/busy-loop")

AT_START = """
import ctypes
__version__ = "1.0.0"

async def app(scope, receive, send):
    await receive()
    ctypes.PyDLL(None).sleep(90)
"""

AT_END = """
import time
__version__ = "1.0.0"

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        time.sleep(90)
"""


def hosted(world: World, source: str) -> App:
    folder = world.sandbox.root / "apps" / "hanging"
    folder.mkdir(parents=True)
    (folder / "hosted.py").write_text(source)
    return App(folder, "1.0.0")


@pytest.fixture
def hooks(world: World) -> Hooks:
    world.settings["INCUMBENT_HANG_TIMEOUT"] = f"{HANG_S:g}"
    return Hooks(world, hosted(world, HANGING), INCUMBENT_HOOK_TIMEOUT="4")


def ask_without_waiting(world: World, path: str) -> socket.socket:
    asking = socket.create_connection(("127.0.0.1", world.port))
    asking.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{world.port}\r\n\r\n".encode())
    return asking


def is_gone(pid: int) -> bool:
    return start_token(pid) is None


@pytest.mark.parametrize("path", KINDS)
def test_a_worker_that_hangs_ends_with_its_stacks_and_the_next_event_has_another(
    world: World, hooks: Hooks, path
):
    hooks.fire("First")
    pid = world.health().pid
    with ask_without_waiting(world, path):
        began = time.monotonic()
        kept = hooks.fire("Kept", env={"INCUMBENT_HOOK_TIMEOUT": "1"})
        eventually(lambda: is_gone(pid), "the worker ends")
        assert time.monotonic() - began < ENDED_BY_S + 1
    assert (kept.code, kept.out) == (0, b"{}\n")
    log = world.log()
    assert "Timeout (" in log
    assert "hosted.py" in log
    assert "loop_stands_still_longer_than_hang_timeout" in log
    assert hooks.fire("Next").talk == ""
    assert [event for event, _ in hooks.delivered()] == ["First", "Kept", "Next"]
    assert world.health().pid != pid


def test_a_worker_that_was_stopped_for_longer_serves_or_has_said_why_it_ended(world, hooks: Hooks):
    hooks.fire("First")
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    kept = hooks.fire("Kept", env={"INCUMBENT_HOOK_TIMEOUT": "1"})
    time.sleep(ENDED_BY_S)
    os.kill(pid, signal.SIGCONT)
    assert kept.code == 0
    hooks.fire("Next")
    assert [event for event, _ in hooks.delivered()] == ["First", "Kept", "Next"]
    assert world.health().pid == pid or "Timeout (" in world.log()


def test_a_worker_that_was_stopped_for_less_serves_on(world: World, hooks: Hooks):
    hooks.fire("First")
    pid = world.health().pid
    os.kill(pid, signal.SIGSTOP)
    time.sleep(HANG_S / 2)
    os.kill(pid, signal.SIGCONT)
    assert world.get("/api/events")
    time.sleep(ENDED_BY_S)
    assert world.health().pid == pid


def test_a_loop_that_is_blocked_for_less_is_no_hang(world: World, hooks: Hooks):
    world.settings["INCUMBENT_HANG_TIMEOUT"] = "8"
    hooks.fire("First")
    pid = world.health().pid
    with contextlib.suppress(http.client.HTTPException, ValueError):
        world.get("/blocked-for-a-while")
    assert world.health().pid == pid
    assert "Timeout (" not in world.log()


def test_many_slow_requests_are_no_hang(world: World):
    world.settings["INCUMBENT_HANG_TIMEOUT"] = f"{HANG_S:g}"
    world.ensure(world.app("1.0.0"))
    pid = world.health().pid
    slow = [threading.Thread(target=world.get, args=("/slow/5000",)) for _ in range(32)]
    for one in slow:
        one.start()
    for one in slow:
        one.join()
    assert world.health().pid == pid


def test_a_worker_without_a_hang_timeout_hangs(world: World, hooks: Hooks):
    world.settings["INCUMBENT_HANG_TIMEOUT"] = "0"
    hooks.fire("First")
    pid = world.health().pid
    with ask_without_waiting(world, "/blocked-loop"):
        time.sleep(ENDED_BY_S + 1)
        assert not is_gone(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_build_that_hangs_in_C_ends_itself_when_its_launcher_was_killed(world: World):
    world.settings["INCUMBENT_START_TIMEOUT"] = "0.5"
    launcher = world.begin(hosted(world, AT_START), "ensure")
    pid = eventually(lambda: world.events("pid_written"), "it starts its app")[0]["pid"]
    launcher.kill()
    launcher.wait()
    eventually(lambda: is_gone(pid), "it ends itself")


@pytest.mark.parametrize("what", ["restart", "stop"])
def test_an_end_of_the_app_that_blocks_is_cut(world: World, what):
    world.settings["INCUMBENT_DRAIN_TIMEOUT"] = "0.5"
    app = hosted(world, AT_END)
    world.ensure(app)
    pid = world.health().pid
    done = world.end(world.begin(app, what))
    assert done.code == 0, done
    assert done.took < 10
    assert is_gone(pid)
    assert "hosted.py" in world.log()
    if what == "restart":
        os.kill(world.health().pid, signal.SIGKILL)
