"""Whatever launchers do at once, whoever is killed: one worker, a clean journal, a way on.

The searches of `tests/proof` are exhaustive within bounds; this is chance on real processes, with
a small budget: `SCHEDULES=300` in the environment is a larger one, `--hypothesis-seed` gives the
same schedules again.
"""

import contextlib
import itertools
import json
import os
import signal

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from incumbent.lifecycle.machine import trace_check

from ..isolation import Sandbox
from ..world import World, dead_owner, eventually

pytestmark = pytest.mark.process

SCHEDULES = int(os.environ.get("SCHEDULES", "10"))
OLD, NEW = "1.0.0", "2.0.0"
LAUNCHERS = st.tuples(
    st.sampled_from(["ensure", "ensure", "restart", "stop"]), st.sampled_from([OLD, NEW])
)
MISHAPS = st.sampled_from(["none", "none", "the worker dies", "the PID file goes", "a dead lock"])
ROUNDS = st.lists(
    st.tuples(st.lists(LAUNCHERS, min_size=1, max_size=3), MISHAPS), min_size=1, max_size=4
)
NUMBERS = itertools.count()


def befall(world: World, mishap: str, killed: set[int]) -> None:
    if mishap == "the PID file goes":
        (world.data_dir / "worker.pid").unlink(missing_ok=True)
    elif mishap == "a dead lock":
        with contextlib.suppress(FileExistsError):
            _leave_lock_of_the_dead(world)
    elif mishap == "the worker dies":
        health = world.seen().health
        if health is not None:
            killed.add(health.pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(health.pid, signal.SIGKILL)


def _leave_lock_of_the_dead(world: World) -> None:
    """Put a whole lock file there as a process leaves it that died with it, unless there is one."""
    elsewhere = World(world.sandbox._replace(data_dir=world.sandbox.root / "lock"))
    elsewhere.leave_lock(*dead_owner())
    world.data_dir.mkdir(mode=0o700, exist_ok=True)
    os.link(elsewhere.data_dir / "spawn.lock", world.data_dir / "spawn.lock")
    (elsewhere.data_dir / "spawn.lock").unlink()


def assert_one_at_a_time(world: World, killed: set[int]) -> None:
    """No app began its life while another lived that nobody had killed."""
    alive: set[int] = set()
    for line in sorted(world.lives(), key=lambda line: line["at"]):
        if line["what"] == "begins":
            assert alive <= killed, world.lives()
            alive.add(line["pid"])
        elif line["what"] == "ends":
            alive.discard(line["pid"])


@settings(
    max_examples=SCHEDULES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rounds=ROUNDS, strategy=st.sampled_from(["seamless", "rebind"]))
def test_a_schedule_by_chance_breaks_no_promise(sandbox: Sandbox, rounds, strategy):
    world = World(sandbox._replace(data_dir=sandbox.root / f"chance-{next(NUMBERS)}"))
    world.settings["INCUMBENT_HANDOVER"] = strategy
    apps = {version: world.app(version) for version in (OLD, NEW)}
    killed: set[int] = set()
    try:
        for launchers, mishap in rounds:
            begun = [world.begin(apps[version], what) for what, version in launchers]
            befall(world, mishap, killed)
            for launcher in begun:
                done = world.end(launcher)
                note(f"{launchers}, {mishap}: {done.said}")
                assert done.code == 0 or done.said["kind"] in ("NotVerifiedError", "StopError")
        last = world.ensure(apps[NEW])
        assert (last.code, last.said.get("version")) == (0, NEW), last
        assert world.health().pid == last.said["pid"]
        restarted = world.restart(apps[NEW])  # takes the lock, also one of the dead
        assert restarted.code == 0, restarted
        assert_one_at_a_time(world, killed)
        lock = world.data_dir / "spawn.lock"
        eventually(lambda: not lock.exists(), "the lock is given back")
        assert trace_check.check(None, (world.data_dir / "trace.jsonl").read_bytes()).faults == []
    finally:
        world.close()


def lived(world: World, *lines: tuple[str, int]) -> None:
    world.data_dir.mkdir()
    told = [
        json.dumps({"what": what, "pid": pid, "at": at}) for at, (what, pid) in enumerate(lines)
    ]
    (world.data_dir / "lives.jsonl").write_text("\n".join(told) + "\n")


def test_two_apps_at_once_are_seen(world: World):
    lived(world, ("begins", 1), ("begins", 2), ("ends", 1))
    with pytest.raises(AssertionError):
        assert_one_at_a_time(world, killed=set())


def test_one_app_after_another_is_no_two(world: World):
    lived(world, ("begins", 1), ("ends", 1), ("begins", 2), ("begins", 3))
    assert_one_at_a_time(world, killed={2})
