"""A worker of the first edition beside launchers of this one, and the other way round."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle.lock.process_identity import start_token

from .. import isolation
from ..world import RUN_S, World, bystander, eventually

pytestmark = pytest.mark.process

CHECKOUT = Path(__file__).resolve().parents[2]
FIRST_EDITION = "6a647607beff38968cde1c6d8a12d3455d146014"  # the last commit of 0.1.0's line


def first_edition() -> bytes:
    """Give its code as a tar, out of the history of this checkout; nothing where there is none."""
    try:
        return subprocess.run(
            ["git", "archive", FIRST_EDITION, "lifecycle", "server", "cli"],
            cwd=CHECKOUT,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return b""


CODE = first_edition()
if not CODE:
    pytest.skip("needs this project's history, for the code of 0.1.0", allow_module_level=True)


class Editions:
    """The built-in worker, by the code of either edition, in one data dir."""

    def __init__(self, world: World, other: int) -> None:
        self.world, self.other = world, other
        self._old, self._new = (world.sandbox.root / name for name in ("first", "second"))
        with tarfile.open(fileobj=io.BytesIO(CODE)) as tar:
            tar.extractall(self._old / "incumbent", filter="data")
        for folder in ("lifecycle", "server", "cli"):
            shutil.copytree(CHECKOUT / folder, self._new / "incumbent" / folder)
        about = self._new / "incumbent" / "lifecycle" / "about.py"
        text, changed = re.subn(
            '^VERSION = ".*"', 'VERSION = "0.9.0"', about.read_text(), flags=re.M
        )
        assert changed == 1
        about.write_text(text)

    def type(self, *arguments: str, old: bool = False, **settings: str) -> Any:
        environment = self.world.environment(self.world.app("0"))
        for name in ("INCUMBENT_APP", "INCUMBENT_VERSION"):
            del environment[name]
        environment["PYTHONPATH"] = str(self._old if old else self._new)
        return subprocess.run(
            [sys.executable, "-P", "-m", "incumbent.cli", *arguments],
            env=environment | settings,
            cwd="/",
            text=True,
            capture_output=True,
            timeout=RUN_S,
            input="{}",
            check=False,
        )

    def start(self, *, old: bool = False, **settings: str) -> int:
        done = self.type("--json", "start", old=old, **settings)
        assert done.returncode == 0, done
        pid: int = json.loads(done.stdout)["pid"]
        return pid

    def version(self) -> str:
        version: str = self.world.get("/api/health")["version"]
        return version

    def recorded(self) -> list[str]:
        return [event["event"] for event in self.world.get("/api/events?limit=1000")["events"]]


@pytest.fixture
def editions(world: World) -> Iterator[Editions]:
    other, give_back = isolation.reserved_port()
    yield Editions(world, other)
    give_back()


@pytest.fixture
def old(editions: Editions) -> int:
    """Give the worker of the first edition that serves already, with one event."""
    pid = editions.start(old=True)
    assert editions.version() == "0.1.0"
    assert editions.type("hook", "First", old=True).returncode == 0
    return pid


def assert_one_of_ours(editions: Editions, old: int) -> None:
    eventually(lambda: start_token(old) is None, "the worker of the first edition ends")
    health = editions.world.health()
    assert health.pid != old
    assert (health.version, health.generation.number > 0) == ("0.9.0", True)
    assert editions.recorded()[0] == "First"


@pytest.mark.parametrize("what", ["start", "restart"])
def test_a_command_upgrades_a_worker_of_the_first_edition(editions: Editions, old: int, what):
    done = editions.type(what)
    assert done.returncode == 0, done.stderr
    assert_one_of_ours(editions, old)


def test_a_hook_upgrades_a_worker_of_the_first_edition(editions: Editions, old: int):
    done = editions.type("hook", "Second")
    assert (done.returncode, done.stdout) == (0, "{}\n")
    assert_one_of_ours(editions, old)
    assert editions.recorded() == ["First", "Second"]


def test_start_at_another_port_leaves_the_first_editions_worker_alone(editions: Editions, old: int):
    """Its record says what is needed: an `ensure` judges a worker elsewhere like one at home."""
    done = editions.type("start", INCUMBENT_PORT=str(editions.other))
    assert not isolation.somebody_listens(editions.other), done
    assert f"127.0.0.1:{editions.world.port}" in done.stdout + done.stderr
    assert editions.world.get("/api/health")["status"] == "ok"
    assert editions.recorded() == ["First"]
    assert old > 0


def test_restart_at_another_port_moves_the_first_editions_worker(editions: Editions, old: int):
    done = editions.type("restart", INCUMBENT_PORT=str(editions.other))
    assert done.returncode == 0, done.stderr
    assert not isolation.somebody_listens(editions.world.port)
    editions.world.port = editions.other
    editions.world.settings["INCUMBENT_PORT"] = str(editions.other)
    assert_one_of_ours(editions, old)


def test_stop_at_another_port_stops_the_first_editions_worker(editions: Editions, old: int):
    done = editions.type("stop", INCUMBENT_PORT=str(editions.other))
    assert done.returncode == 0, done.stderr
    eventually(lambda: start_token(old) is None, "it ends")


@pytest.mark.parametrize("what", ["start", "stop", "restart", "status"])
def test_the_first_edition_takes_a_worker_of_ours_for_a_strangers(editions: Editions, what):
    """It can't prove itself, so it is told of no data dir; it moves nothing."""
    pid = editions.start()
    done = editions.type(what, old=True)
    assert done.returncode == (4 if what == "status" else 1)
    assert f"127.0.0.1:{editions.world.port} is held by" in done.stdout + done.stderr
    assert editions.world.health().pid == pid


def test_a_hook_of_the_first_edition_keeps_its_event_for_a_hook_of_ours(editions: Editions):
    editions.start()
    old = editions.type("hook", "Old", old=True, INCUMBENT_HOOK_TIMEOUT="1")
    assert (old.returncode, editions.recorded()) == (0, [])
    assert editions.type("hook", "New").returncode == 0
    eventually(lambda: sorted(editions.recorded()) == ["New", "Old"], "both are delivered")


@pytest.mark.parametrize("command", ["restart", "stop"])
def test_the_secret_that_crossed_the_wire_is_another_one_afterwards(
    editions: Editions, old: int, command
):
    token = editions.world.data_dir / "token"
    before = token.read_text()
    done = editions.type(command)
    assert done.returncode == 0, done.stderr
    eventually(lambda: start_token(old) is None, "the worker of the first edition ends")
    assert token.read_text() != before
    assert len(token.read_text()) == len(before)
    assert token.stat().st_mode & 0o777 == 0o600


def test_who_is_no_worker_of_the_first_edition_by_the_kernel_is_not_asked(editions: Editions):
    """It says what one says, and the PID file names it; another process has the socket."""
    pid = editions.start(old=True)
    report = json.dumps(editions.world.get("/api/health")).encode()
    assert editions.type("stop", old=True).returncode == 0
    eventually(lambda: start_token(pid) is None, "it ends")
    world, heard = editions.world, []
    with bystander() as other, socket.create_server(("127.0.0.1", world.port)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        heard.append(connection.recv(65536))
                        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(report)
                        connection.sendall(head + report.replace(b"%d" % pid, b"%d" % other.pid))

        named = {"pid": other.pid, "start": start_token(other.pid), "version": "0.1.0"}
        (world.data_dir / "worker.pid").write_text(json.dumps(named | {"port": world.port}))
        serving = threading.Thread(target=serve)
        serving.start()
        try:
            for command in ("restart", "stop", "hook"):
                done = editions.type(command, *(["Event"] if command == "hook" else []))
                assert (done.returncode, "does not prove it" in done.stderr) == (
                    0 if command == "hook" else 1,
                    True,
                ), done
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            serving.join()
    assert heard
    assert all(asked.startswith(b"GET /api/health ") for asked in heard)
    token = (world.data_dir / "token").read_text().strip()
    assert token.encode() not in b"".join(heard)
