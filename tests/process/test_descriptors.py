"""Clients that stay take no descriptor that a handover needs; each is passed on, or closed."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time

import pytest

from ..gap_apps import BARE, asked, connected, request
from ..world import SOON_S, App, World, eventually

pytestmark = pytest.mark.process

OURS = 6000  # this process is every client


@pytest.fixture(autouse=True)
def room_for_clients():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < OURS:
        pytest.skip("too few descriptors may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OURS, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def limited(world: World, soft: int, hard: int) -> App:
    """Give an app whose worker is up, under these limits."""
    folder = world.sandbox.root / "apps" / "limited"
    folder.mkdir(parents=True)
    (folder / "hosted.py").write_text(BARE)
    app = App(folder, "1.0.0")
    code = "from incumbent.lifecycle import ensure_running; ensure_running()"
    limits = f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({soft}, {hard})); {code}"
    subprocess.run([sys.executable, "-c", limits], env=world.environment(app), cwd="/", check=True)
    return app


def still_served(clients: list[socket.socket], port: int) -> int:
    """Give how many are answered; each other one was closed, none is left without a word."""
    answered = 0
    for client in clients:
        try:
            client.sendall(request(port, "/"))
            answered += client.recv(4096).startswith(b"HTTP/1.1 200 ")
        except OSError:  # closed before
            continue
    return answered


@pytest.mark.parametrize(
    ("idle", "soft", "hard", "kept"),
    [
        (1, 1024, 4096, 1),
        (600, 1024, 4096, 600),
        (600, 1024, 1024, 600),
        (1000, 1024, 4096, 1000),
        (5000, 1024, 8192, 1000),
        (900, 1024, 1024, 900),
        (40, 64, 64, 1),
    ],
)
def test_idle_connections_do_not_keep_a_worker_from_handing_over(
    world: World, idle, soft, hard, kept
):
    app = limited(world, soft, hard)
    pid = world.health().pid
    clients = [connected(world.port) for _ in range(idle)]
    try:
        asked(world.port)
        done = world.restart(app)
        assert done.code == 0, done
        assert done.said["pid"] != pid
        assert still_served(clients, world.port) >= kept, world.log()
        assert "Traceback" not in world.log()
    finally:
        for client in clients:
            client.close()
    asked(world.port)


def test_more_idle_connections_than_there_is_room_for_do_not_silence_a_worker(world: World):
    limited(world, 128, 128)
    clients = [connected(world.port) for _ in range(300)]
    began = time.monotonic()
    asked(world.port)
    assert time.monotonic() - began < 2
    for client in clients:
        client.close()


def test_half_open_requests_do_not_silence_a_worker(world: World):
    limited(world, 1024, 1024)
    clients = [connected(world.port, b"GET / HT") for _ in range(1100)]
    began = time.monotonic()
    asked(world.port)
    assert time.monotonic() - began < 2
    for client in clients:
        client.close()


def test_half_a_head_has_five_seconds_and_an_idle_connection_has_not(world: World):
    limited(world, 1024, 4096)
    with connected(world.port) as idle, connected(world.port) as trickling:
        began = time.monotonic()
        trickling.settimeout(0.5)
        answer = b""
        trickling.sendall(b"GET /")
        while not answer and time.monotonic() < began + SOON_S:
            try:
                trickling.sendall(b"x")
                answer = trickling.recv(4096)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert 4 < time.monotonic() - began < 7
        idle.sendall(request(world.port, "/"))
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_worker_raises_its_soft_limit_to_the_hard_one(world: World):
    limited(world, 256, 2048)
    pid = world.health().pid
    eventually(lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE) == (2048, 2048), "raised")
