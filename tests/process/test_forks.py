"""A child that the app forks holds nothing of the worker: not its port, not its signals."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest

from ..isolation import processes_of, somebody_listens
from ..world import App, World, eventually

pytestmark = pytest.mark.process

APP = """
import json, multiprocessing, os, time
from concurrent.futures import ProcessPoolExecutor
__version__ = "1.0.0"

def note(pid):
    with open(os.path.join(os.environ["INCUMBENT_DATA_DIR"], "children"), "a") as file:
        file.write(f"{{pid}}\\n")

def sleep():
    note(os.getpid())
    time.sleep(60)

{at_import}

async def app(scope, receive, send):
    global kept
    if scope["type"] == "lifespan":
        await receive()
{at_start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
{at_request}
    said = json.dumps(dict(pid=os.getpid())).encode()
    headers = [(b"content-type", b"application/json")]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": said}})
"""

FORK = "if os.fork() == 0: sleep(); os._exit(0)"
PROCESS = (
    "kept = multiprocessing.get_context('fork').Process(target=sleep, daemon=True); kept.start()"
)
POOL = "kept = ProcessPoolExecutor(2, multiprocessing.get_context('fork')); kept.submit(sleep)"


@pytest.fixture
def forking(world: World):
    def hosted(when: str, how: str) -> App:
        folder = world.sandbox.root / "apps" / "forking"
        folder.mkdir(parents=True)
        places = {"at_import": "", "at_start": "", "at_request": ""}
        places[when] = how if when == "at_import" else " " * (8 if "start" in when else 4) + how
        (folder / "hosted.py").write_text(APP.format(**places))
        return App(folder, "1.0.0")

    yield hosted
    seen = world.seen()
    for pid, _ in processes_of(world.data_dir):
        if seen.health is None or pid != seen.health.pid:
            with contextlib.suppress(ProcessLookupError):  # ended with its worker meanwhile
                os.kill(pid, signal.SIGKILL)


def of(world: World) -> list[int]:
    path = Path(world.data_dir) / "children"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


@pytest.mark.parametrize("how", [FORK, PROCESS, POOL], ids=["fork", "process", "pool"])
@pytest.mark.parametrize("when", ["at_import", "at_start", "at_request"])
def test_a_killed_worker_leaves_its_port_free_whatever_was_forked(world: World, forking, when, how):
    app = forking(when, how)
    done = world.ensure(app)
    assert done.code == 0, done
    world.get()
    eventually(lambda: of(world), "a child")
    pid = world.health().pid
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not somebody_listens(world.port), "the port is free")
    assert world.ensure(app).said["pid"] != pid


def test_a_stop_frees_the_port_whatever_was_forked(world: World, forking):
    app = forking("at_start", FORK)
    world.ensure(app)
    eventually(lambda: of(world), "a child")
    done = world.stop(app)
    assert done.code == 0, done
    assert not somebody_listens(world.port)


def test_a_connection_ends_for_its_client_although_a_child_was_forked_meanwhile(
    world: World, forking
):
    world.ensure(forking("at_request", FORK))
    with socket.create_connection(("127.0.0.1", world.port), 10) as client:
        head = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{world.port}\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        received = b""
        while more := client.recv(4096):
            received += more
    assert received.startswith(b"HTTP/1.1 200 ")
    eventually(lambda: of(world), "a child")


def test_a_signal_to_a_forked_child_ends_it_and_is_not_heard_by_the_worker(world: World, forking):
    world.ensure(forking("at_request", FORK))
    pid = world.get()["pid"]
    [child] = eventually(lambda: of(world), "a child")
    os.kill(child, signal.SIGTERM)
    eventually(lambda: _has_ended(child), "the child ends")
    assert world.get()["pid"] == pid
    assert world.events("stop_asked") == []


def test_handovers_go_on_although_each_app_forks(world: World, forking):
    app = forking("at_start", FORK)
    world.ensure(app)
    pids = {world.restart(app).said["pid"] for _ in range(3)}
    assert len(pids) == 3
    assert world.get()["pid"] in pids


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True
