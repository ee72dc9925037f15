"""An app that dies soon after it is up, again and again, is not launched again and again."""

from __future__ import annotations

import json

import pytest

from incumbent.lifecycle.record import SOON_DEAD

from ..world import App, World, eventually
from .test_hang import hosted

pytestmark = pytest.mark.process

DIES = """
import asyncio, os, signal
__version__ = "1.0.0"

def die():
    os.write(2, b"out of marbles\\n")
    {how}

async def app(scope, receive, send):
    await receive()
    await send({{"type": "lifespan.startup.complete"}})
    asyncio.get_running_loop().call_later(0.3, die)
    await receive()
    await send({{"type": "lifespan.shutdown.complete"}})
"""


def launched(world: World, app: App, times: int) -> None:
    for _ in range(times):
        assert world.ensure(app).code == 0
        eventually(lambda: world.seen().kind == "dark", "it dies")


def as_if_many_had_died(world: World) -> None:
    """Let the record say that all but the last two of a loop have died."""
    record = world.record()
    [counted] = record["rejected"]
    counted["tries"] = SOON_DEAD - 2
    (world.data_dir / "launch.json").write_text(json.dumps(record))


@pytest.mark.parametrize("how", ["os._exit(3)", "os.kill(os.getpid(), signal.SIGKILL)"])
def test_an_app_that_dies_soon_after_it_is_up_is_not_launched_for_ever(world: World, how: str):
    app = hosted(world, DIES.format(how=how))
    launched(world, app, SOON_DEAD)
    assert world.spawns() == SOON_DEAD

    refused = world.ensure(app)
    assert refused.code == 1
    assert f"{SOON_DEAD} times in a row" in refused.said["error"]
    assert "out of marbles" in refused.said["error"]
    assert "the next try is in" in refused.said["error"]
    assert "worker-service restart" in refused.said["error"]
    assert world.ensure(app).code == 1
    assert world.spawns() == SOON_DEAD, "nobody launched it again"

    doctor = world.command(app, "doctor")
    assert doctor.returncode == 1
    assert "out of marbles" in doctor.stdout

    person = world.command(app, "restart")
    assert person.returncode == 0, person.stderr
    assert world.spawns() == SOON_DEAD + 1, "a person's command tries at once"
    eventually(lambda: world.seen().kind == "dark", "it dies again")
    assert world.ensure(app).code == 0, "and it has cleared what was counted"


def test_an_older_install_that_works_gets_a_worker_where_a_newer_one_dies_each_time(world: World):
    older = world.app("0.9.0")
    world.ensure(older)
    world.stop(older)
    newer = hosted(world, DIES.format(how="os._exit(3)"))
    launched(world, newer, 2)
    as_if_many_had_died(world)
    launched(world, newer, 1)
    assert world.ensure(newer).said["version"] == "0.9.0", "what was good before is tried"
    assert world.ensure(older).said["version"] == "0.9.0"
    assert world.spawns() == 5
    pid = world.health().pid
    told = world.ensure(newer)
    assert (told.said["version"], world.health().pid) == ("0.9.0", pid)
    assert "out of marbles" in told.talk, "the newer install is told why"
