"""A working install always gets a worker, whatever the record says and whatever was killed."""

import os
import signal

import pytest

from ..world import App, World, eventually

pytestmark = pytest.mark.process


def checkout(world: World, name: str, version: str = "1.0.0", flaw: str = "") -> App:
    """Give an app in a folder of its own: the same module, the same version, other content."""
    made = world.app(version, flaw)
    folder = world.sandbox.root / "checkouts" / name
    folder.mkdir(parents=True)
    source = (made.folder / "hosted.py").read_text()
    (folder / "hosted.py").write_text(f"{source}\nFROM = {name!r}\n")
    return App(folder, version)


def served_from(world: World) -> str:
    return os.path.dirname(str(world.health().worker_path))


def test_a_successor_that_was_killed_leaves_an_ensure_content_with_the_older_worker(world: World):
    old = world.ensure(world.app("1.0.0")).said["pid"]
    caller = world.begin(world.app("2.0.0", "slow to import"), "ensure")
    spawned = eventually(
        lambda: world.events("standby_spawned", machine="worker"), "the successor is spawned"
    )
    os.kill(int(spawned[0]["why"].split()[0].removeprefix("pid=")), signal.SIGKILL)
    done = world.end(caller)
    assert done.code == 0, done
    assert done.said["pid"] == old
    assert "was killed by signal 9" in done.talk
    assert world.record()["rejected"] == []
    assert world.ensure(world.app("2.0.0", "slow to import")).said["version"] == "2.0.0"


def test_a_persons_restart_in_another_checkout_of_the_same_version_serves_its_code(world: World):
    a, b = checkout(world, "a"), checkout(world, "b")
    world.ensure(a)
    done = world.command(b, "restart")
    assert done.returncode == 0, done
    assert served_from(world) == str(b.folder)


def test_an_ensure_in_another_checkout_of_the_same_version_recycles_nothing(world: World):
    a, b = checkout(world, "a"), checkout(world, "b")
    first = world.ensure(a).said["pid"]
    dones = [world.ensure(app) for app in (b, a, b)]
    assert {done.said["pid"] for done in dones} == {first}
    assert served_from(world) == str(a.folder)


def test_hooks_of_two_installs_of_one_version_at_once_recycle_nothing(world: World):
    a, b = checkout(world, "a"), checkout(world, "b")
    first = world.ensure(a).said["pid"]
    for app in (a, b):
        dones = world.at_once(app, *["ensure"] * 8)
        assert {done.said["pid"] for done in dones} == {first}
    assert world.generations() == 1


def test_a_persons_restart_whose_own_code_fails_says_so_and_the_other_serves(world: World):
    a, b = checkout(world, "a"), checkout(world, "b", flaw="fails at start")
    world.ensure(a)
    done = world.command(b, "restart")
    assert done.returncode == 1
    assert "no such table" in done.stderr
    assert served_from(world) == str(a.folder)
