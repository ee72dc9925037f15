"""What people type day by day, beside real workers."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ..world import App, World, eventually

pytestmark = pytest.mark.process

TALKS = """
import logging, os
{at_import}
logging.getLogger("mine").info("imported by %d", os.getpid())
print("printed at import")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    print("asked for", scope["path"])
    logging.getLogger("mine").info("asked for %s", scope["path"])
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{{}}"}})
"""


def talking(world: World, at_import: str = "") -> App:
    folder = world.sandbox.root / "apps" / "talking"
    folder.mkdir(parents=True)
    (folder / "hosted.py").write_text(TALKS.format(at_import=at_import))
    return App(folder, "1.0.0")


class Following:
    """`logs --follow` in a process of its own; `lines` are all that it has shown so far."""

    def __init__(self, world: World, app: App) -> None:
        argv = [sys.executable, "-m", "incumbent.cli.main", "logs", "--follow"]
        self.process = world.begin_process(argv, app, stderr=subprocess.DEVNULL)
        self._fd = self.process.stdout.fileno()
        os.set_blocking(self._fd, False)
        self._shown = b""

    @property
    def lines(self) -> list[str]:
        with contextlib.suppress(BlockingIOError):
            while part := os.read(self._fd, 65536):
                self._shown += part
        return self._shown.decode().splitlines()

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()

    def shows(self, line: str, times: int = 1) -> None:
        eventually(lambda: sum(line in row for row in self.lines) >= times, f"{times} x {line!r}")


@pytest.fixture
def follow(world: World) -> Iterator[Any]:
    """Give what begins to follow the log of an app."""
    begun: list[Following] = []

    def begin(app: App) -> Following:
        begun.append(Following(world, app))
        return begun[-1]

    yield begin
    for following in begun:
        following.end()


def test_what_the_app_says_is_followed_at_once_across_a_restart_and_a_rotation(
    world: World, follow: Any
) -> None:
    app = talking(world)
    world.ensure(app)
    following = follow(app)
    following.shows("printed at import")
    world.get("/one")
    following.shows("asked for /one", 2)  # printed, then logged
    pid = world.restart(app).said["pid"]
    following.shows(f"imported by {pid}")
    log = world.data_dir / "logs" / "worker.log"
    world.get("/two")
    os.replace(log, f"{log}.1")  # as a worker does; this one goes on in the old file
    pid = world.restart(app).said["pid"]
    following.shows(f"imported by {pid}")
    world.get("/three")
    following.shows("asked for /three", 2)
    for line, times in (("printed at import", 3), ("asked for /one", 2), ("asked for /two", 2)):
        assert sum(line in row for row in following.lines) == times


def test_what_a_worker_says_that_is_not_up_yet_is_shown(world: World) -> None:
    go = world.sandbox.root / "go"
    waits = f"import time\nprint('I sit and wait')\nwhile not os.path.exists({str(go)!r}):"
    app = talking(world, f"{waits}\n    time.sleep(0.02)")
    launcher = world.begin(app, "ensure")
    eventually(lambda: "I sit and wait" in world.command(app, "logs").stdout, "it is shown")
    assert not world.log()
    go.touch()
    assert world.end(launcher).code == 0
    assert world.command(app, "logs").stdout.count("I sit and wait") == 1


def test_the_apps_own_set_up_of_logging_is_honoured(world: World) -> None:
    app = talking(world, "logging.basicConfig(format='<%(name)s: %(message)s>', level='INFO')")
    pid = world.ensure(app).said["pid"]
    assert f"<mine: imported by {pid}>" in world.log().splitlines()
    assert world.log().count("imported by") == 1


def test_every_worker_is_listed_wherever_its_data_dir_is(world: World) -> None:
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    elsewhere = {"INCUMBENT_DATA_DIR": str(world.sandbox.root / "another"), "INCUMBENT_PORT": ""}
    argv = [sys.executable, "-m", "incumbent.cli.main", "list", "--json"]
    from_elsewhere = world.begin_process(argv, app, env=elsewhere)
    out, _ = from_elsewhere.communicate(timeout=60)
    (listed,) = json.loads(out)["workers"]
    assert (listed["dataDir"], listed["state"]) == (str(world.data_dir), "running")
    assert (listed["pid"], listed["version"], listed["port"]) == (pid, "1.0.0", world.port)
    shown = world.command(app, "list").stdout
    for fact in ("running", str(pid), f"127.0.0.1:{world.port}", str(world.data_dir)):
        assert fact in shown


def test_a_stopped_worker_stays_listed_until_its_data_dir_is_gone(world: World) -> None:
    app = world.app("1.0.0")
    world.ensure(app)
    world.stop(app)
    assert "not running" in world.command(app, "list").stdout
    os.rename(world.data_dir, f"{world.data_dir}.old")
    done = world.command(app, "list")
    assert f"its data dir {world.data_dir} is gone" in done.stderr
    assert str(world.data_dir) not in done.stdout


def test_status_tells_what_a_worker_takes_as_people_say_it(world: World) -> None:
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    rows = dict(
        row.split(maxsplit=1) for row in world.command(app, "status").stdout.splitlines()[1:]
    )
    assert rows["pid"] == str(pid)
    assert rows["generation"] == "1"
    assert rows["memory"].endswith(" MB")
    assert rows["processor"].endswith(" s since it began") or "ms" in rows["processor"]
    assert rows["address"] == f"http://127.0.0.1:{world.port}"
    said = json.loads(world.command(app, "status", "--json").stdout)
    assert said["memory"] > 1_000_000
    assert said["processor"] > 0
