"""The children of an app end with their worker, or with the launch of the next one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.lock.process_identity import start_token

from ..world import App, World, eventually

pytestmark = pytest.mark.process

APP = """
import multiprocessing, os, subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor
__version__ = "1.0.0"

def note(pid):
    with open(os.path.join(os.environ["INCUMBENT_DATA_DIR"], "children"), "a") as file:
        file.write(f"{{pid}}\\n")

def sleep():
    note(os.getpid())
    time.sleep(60)

async def app(scope, receive, send):
    global kept
    if scope["type"] == "lifespan":
        await receive()
        {child}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
"""

SLEEPS = "import time; time.sleep(60)"
KINDS = {
    "fork": "os.fork() or (sleep(), os._exit(0))",
    "pool": "kept = ProcessPoolExecutor(2, multiprocessing.get_context('fork'))"
    "; kept.submit(sleep)",
    "spawned pool": "kept = ProcessPoolExecutor(2, multiprocessing.get_context('spawn'))"
    "; note(kept.submit(os.getpid).result())",
    "program": f"kept = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); note(kept.pid)",
    "stubborn": "kept = subprocess.Popen([sys.executable, '-c', 'import signal, time; "
    "signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)'], "
    "stdout=subprocess.PIPE); kept.stdout.readline(); note(kept.pid)",
    "grandchild": "os.fork() or (os.fork() or (sleep(), os._exit(0)), os._exit(0))",
}


@pytest.fixture(params=KINDS)
def parenting(world: World, request) -> App:
    return hosted(world, KINDS[request.param])


def hosted(world: World, child: str) -> App:
    folder = world.sandbox.root / "apps" / "parenting"
    folder.mkdir(parents=True)
    (folder / "hosted.py").write_text(APP.format(child=child))
    return App(folder, "1.0.0")


def children(world: World) -> list[int]:
    path = Path(world.data_dir) / "children"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def gone(pids: list[int]) -> bool:
    return all(start_token(pid) is None for pid in pids)


def begun(world: World, app: App) -> list[int]:
    done = world.ensure(app)
    assert done.code == 0, done
    eventually(lambda: children(world), "a child")
    found = children(world)
    assert not gone(found)
    return found


def test_a_stop_ends_the_children_of_the_app(world: World, parenting: App):
    before = begun(world, parenting)
    done = world.stop(parenting)
    assert done.code == 0, done
    assert gone(before)


def test_a_restart_ends_the_children_of_the_app_before_and_no_other(world: World, parenting: App):
    before = begun(world, parenting)
    done = world.restart(parenting)
    assert done.code == 0, done
    eventually(lambda: gone(before), "the children of the one before end")
    after = eventually(lambda: set(children(world)) - set(before), "the next one's children")
    assert not gone(list(after))
    world.stop(parenting)


def test_the_launch_after_a_kill_ends_what_was_left(world: World, parenting: App):
    before = begun(world, parenting)
    os.kill(world.health().pid, signal.SIGKILL)
    done = world.ensure(parenting)
    assert done.code == 0, done
    eventually(lambda: gone(before), "what was left ends")
    world.stop(parenting)


@pytest.fixture
def apart(world: World) -> Iterator[tuple[App, list[int]]]:
    """Give an app whose child is in a session of its own."""
    app = hosted(world, KINDS["program"].replace("])", "], start_new_session=True)"))
    found = begun(world, app)
    yield app, found
    os.kill(found[0], signal.SIGKILL)


def test_a_child_in_a_session_of_its_own_is_left_alone(world: World, apart):
    app, found = apart
    os.kill(world.health().pid, signal.SIGKILL)
    world.ensure(app)
    world.stop(app)
    assert start_token(found[0]) is not None
    for pid in children(world)[1:]:
        os.kill(pid, signal.SIGKILL)
