"""A hook that is ended, by any signal, at any moment, loses nothing and delivers nothing twice.

`make drill-hooks` tries twenty moments of each kind; here it is two.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from ..world import App, World, eventually
from .test_hook import Hooks, given, has_begun, recording, stopped

pytestmark = pytest.mark.process

MOMENTS = int(os.environ.get("INCUMBENT_TEST_MOMENTS", "2"))
SPAN_S = 0.12  # from the event's arrival; a hook of a healthy worker takes half of that
SLOW_START_S = 1.0

HANDLED = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]


@contextlib.contextmanager
def up(world: World, app: App) -> Iterator[None]:
    world.ensure(app)
    yield


@contextlib.contextmanager
def down(world: World, app: App) -> Iterator[None]:
    del world, app
    yield


@contextlib.contextmanager
def hung(world: World, app: App) -> Iterator[None]:
    world.ensure(app)
    with stopped(world.health().pid):
        yield


@contextlib.contextmanager
def starting(world: World, app: App) -> Iterator[None]:
    launcher = world.begin(app, "ensure")
    eventually(lambda: world.events("pid_written"), "a worker is on its way up")
    yield
    world.end(launcher)


STATES = {"up": up, "down": down, "hung": hung, "starting": starting}


def strike(hooks: Hooks, number: int, moment: int) -> tuple[int, bool]:
    """End one hook so long after its event came; give its exit code, whether it had kept it."""
    process: subprocess.Popen[bytes] = hooks.begin("Struck")
    eventually(lambda: has_begun(process.pid) or process.poll() is not None, "the hook has begun")
    given(process, json.dumps({"session_id": "s", "n": moment}).encode())
    time.sleep(SPAN_S * moment / MOMENTS)
    process.send_signal(number)
    process.communicate(timeout=60)
    kept = [json.loads(path.read_bytes())["payload"]["n"] for path in hooks.kept()]
    return process.returncode, moment in kept


def counts(hooks: Hooks) -> Counter[int]:
    """Wait for the worker to drain; give how often each event took effect, in order of numbers."""
    hooks.fire("Last", json.dumps({"session_id": "s", "n": MOMENTS}).encode())
    numbers = [payload["n"] for _, payload in hooks.delivered()]
    assert numbers == sorted(numbers), "out of its session's order"
    return Counter(numbers)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("number", HANDLED, ids=lambda number: signal.Signals(number).name)
def test_a_hook_that_is_told_to_end_has_brought_or_kept_its_event(
    world: World, number: int, state: str
):
    hooks = Hooks(world, recording(world, start=SLOW_START_S if state == "starting" else 0))
    with STATES[state](world, hooks.app):
        codes = [strike(hooks, number, moment)[0] for moment in range(MOMENTS)]
    assert codes == [0] * MOMENTS
    assert counts(hooks) == Counter(range(MOMENTS + 1))


@pytest.mark.parametrize("state", STATES)
def test_a_hook_that_is_killed_brings_its_event_once_and_what_it_kept_is_safe(
    world: World, state: str
):
    """Killed before it has kept or sent the event, nobody has it but the host: that is not lost."""
    hooks = Hooks(world, recording(world, start=SLOW_START_S if state == "starting" else 0))
    with STATES[state](world, hooks.app):
        kept = {n for n in range(MOMENTS) if strike(hooks, signal.SIGKILL, n)[1]}
    found = counts(hooks)
    assert set(found.values()) == {1}
    assert kept | {MOMENTS} <= set(found)
