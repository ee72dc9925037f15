"""A hook's look at the worker: content with one that serves, patient while another launches."""

import sys
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from incumbent.lifecycle import Worker
from incumbent.lifecycle.client.fast_path import CONTENT, LOOK_ON_S, FastPath
from incumbent.lifecycle.machine.tables import SPAWNER

from ..world import App, World, eventually

pytestmark = pytest.mark.process

LONG_S = 30.0
SHORT_S = 0.2


@pytest.fixture
def app(world: World) -> App:
    return world.app("1.0.0")


@pytest.fixture
def dark(world: World, app: App) -> Worker:
    """Give a worker that is recorded, and nobody serves."""
    world.ensure(app)
    world.stop(app)
    return Worker(environ=world.environment(app))


@pytest.fixture
def paths(dark: Worker):
    made = [FastPath(dark, "hook") for _ in range(2)]
    yield made
    for fast_path in made:
        fast_path.close()


# Each module costs a hook 1 % of its time. Slow ones, and those that a healthy worker spares it:
SPARED = """
    __future__ collections contextlib enum errno functools json logging re socket threading typing
    incumbent.lifecycle.errors incumbent.lifecycle.generation incumbent.lifecycle.runs
    incumbent.lifecycle.settings_file
"""
HOT = {
    "a call": "from incumbent.lifecycle import ensure_running; ensure_running()",
    "a hook": "from incumbent.cli.main import main; main(['hook', 'PostToolUse'])",
}


@pytest.mark.parametrize("hot", HOT.values(), ids=HOT.keys())
def test_a_process_that_finds_the_worker_imports_nothing_slow(world: World, app: App, hot: str):
    world.ensure(app)
    asked = f"import sys; begun = set(sys.modules); {hot}; print(*set(sys.modules) - begun)"
    process = world.begin_process([sys.executable, "-c", asked], app)
    out, talk = process.communicate('{"a": 1}', timeout=LONG_S)
    imported = set(out.splitlines()[-1].split())
    assert "incumbent.lifecycle.client.fast_path" in imported, talk
    assert not imported & set(SPARED.split())


def test_what_the_fast_path_writes_is_a_row_of_the_spawner():
    assert CONTENT in SPAWNER


def test_a_worker_that_serves_is_seen_at_once(world: World, app: App, paths):
    world.ensure(app)
    health = paths[0].health(LONG_S)
    assert health is not None
    assert health.pid == world.health().pid


def test_whoever_sees_the_port_dark_first_does_not_wait(paths):
    began = monotonic()
    assert paths[0].health(LONG_S) is None
    assert monotonic() - began < LOOK_ON_S


def test_whoever_comes_second_looks_on_until_the_worker_is_up(world: World, app: App, paths):
    first, second = paths
    assert first.health(LONG_S) is None
    with ThreadPoolExecutor(1) as thread:
        looking = thread.submit(second.health, LONG_S)
        world.restart(app)  # which takes no fast path
        health = looking.result()
    assert health is not None
    assert health.pid == world.health().pid


def test_whoever_comes_second_does_not_look_on_for_ever(paths):
    first, second = paths
    assert first.health(LONG_S) is None
    began = monotonic()
    assert second.health(SHORT_S) is None
    assert monotonic() - began < LOOK_ON_S


def test_a_turn_that_was_given_back_is_anothers(paths):
    first, second = paths
    assert first.health(LONG_S) is None
    first.close()
    began = monotonic()
    assert second.health(LONG_S) is None
    assert monotonic() - began < LOOK_ON_S


def test_a_worker_that_waits_for_its_standby_is_good_enough(world: World):
    app = world.app("1.0.0", "slow to import")
    world.ensure(app)
    pid = world.health().pid
    restart = world.begin(app, "restart")
    eventually(lambda: world.events("standby_spawned"), "a standby")
    health = FastPath(Worker(environ=world.environment(app)), "hook").health(LONG_S)
    assert world.end(restart).code == 0
    assert health is not None
    assert health.pid == pid


def test_a_worker_that_is_too_old_is_not_good_enough(world: World, app: App):
    world.ensure(app)
    newer = Worker(environ=world.environment(world.app("2.0.0")))
    assert FastPath(newer, "hook").health(LONG_S) is None
