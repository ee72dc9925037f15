"""A bad file of ours never stops a launch; a bad disk stops it with a clear sentence."""

import json
import os
import sys
import time

import pytest

from ..world import LAUNCHER, World

pytestmark = pytest.mark.process

GARBAGE = [b"", b"{", b"\0\xff garbage", b'{"format": 1}', b"[]"]
FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"


CORRUPT = [(name, said) for name in ("launch.json", "token", "settings.json") for said in GARBAGE]
CORRUPT.remove(("settings.json", b'{"format": 1}'))  # an object of settings nobody knows is whole


@pytest.mark.parametrize(("name", "content"), CORRUPT)
def test_a_corrupt_file_is_set_aside_and_the_launch_goes_on(world: World, name, content):
    world.data_dir.mkdir(mode=0o700)
    (world.data_dir / name).write_bytes(content)
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
    [aside] = world.data_dir.glob(f"{name}.corrupt-*")
    assert aside.read_bytes() == content


@pytest.mark.parametrize("name", ["launch.json", "settings.json"])
def test_a_corrupt_file_is_spoken_of_once_on_stderr(world: World, name):
    app = world.app("1.0.0")
    world.ensure(app)
    (world.data_dir / name).write_bytes(b"{")
    done = world.ensure(app)
    assert done.code == 0, done
    assert done.talk.count(f"{name}.corrupt-") == 1
    assert f"{name} was corrupt" in done.talk
    assert "corrupt" not in world.ensure(app).talk
    assert world.spawns() == 1


def test_a_restart_over_a_corrupt_record_is_verified(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    (world.data_dir / "launch.json").write_bytes(b"{")
    done = world.restart(app)
    assert done.code == 0, done
    assert world.record()["good"]["version"] == "1.0.0"


def test_a_torn_lock_is_set_aside_and_the_launch_goes_on(world: World):
    world.data_dir.mkdir(mode=0o700)
    lock = world.data_dir / "spawn.lock"
    lock.write_bytes(b'{"token": "ab')
    os.utime(lock, (time.time() - 10, time.time() - 10))
    assert world.ensure(world.app("1.0.0")).code == 0
    assert len(list(world.data_dir.glob("spawn.lock.corrupt-*"))) == 1


def test_a_worker_whose_pid_file_cannot_be_written_serves(world: World):
    world.data_dir.mkdir(mode=0o700)
    (world.data_dir / "worker.pid").mkdir()
    assert world.ensure(world.app("1.0.0")).code == 0
    assert (world.data_dir / "worker.pid").is_dir()


def test_a_journal_that_cannot_be_written_stops_nobody(world: World):
    world.data_dir.mkdir(mode=0o700)
    (world.data_dir / "trace.jsonl").mkdir()
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
    assert "trace.jsonl" in done.talk


def test_a_data_dir_that_cannot_be_made_stops_a_launch_with_a_clear_sentence(world: World):
    world.data_dir.write_text("a file stands in the way")
    done = world.ensure(world.app("1.0.0"))
    assert (done.code, done.said["kind"]) == (1, "FilesError")
    assert str(world.data_dir) in done.said["error"]
    assert "worker-service start" in done.said["error"]
    assert "Traceback" not in done.talk


@pytest.mark.parametrize("visited", [False, True])
def test_a_full_disk_stops_a_launch_with_a_clear_sentence(world: World, visited):
    app = world.app("1.0.0")
    if visited:
        world.ensure(app)
        world.stop(app)
        (world.data_dir / "launch.json").unlink()
    spawned = world.spawns()
    argv = [sys.executable, "-c", FULL + LAUNCHER, "ensure", "free"]
    done = world.end(world.begin_process(argv, app))
    assert (done.code, done.said["kind"]) == (1, "FilesError")
    assert str(world.data_dir) in done.said["error"]
    assert "Traceback" not in done.talk
    assert world.spawns() == spawned
    assert world.seen().kind == "dark"


def test_a_full_disk_that_keeps_only_the_lock_away_stops_a_launch(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    world.stop(app)
    spawned = world.spawns()
    argv = [sys.executable, "-c", FULL + LAUNCHER, "ensure", "free"]
    done = world.end(world.begin_process(argv, app))
    assert done.code == 1
    assert "spawn.lock" in done.said["error"]
    assert "Traceback" not in done.talk
    assert world.spawns() == spawned
    assert not (world.data_dir / "spawn.lock").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_read_only_data_dir_stops_a_launch_with_a_clear_sentence(world: World):
    world.data_dir.mkdir(mode=0o500)
    done = world.ensure(world.app("1.0.0"))
    assert (done.code, done.said["kind"]) == (1, "FilesError")
    assert str(world.data_dir) in done.said["error"]


def test_the_first_run_keeps_stdout_clean_and_says_where_the_settings_are(world: World):
    launcher = world.begin(world.app("1.0.0"), "ensure")
    out, talk = launcher.communicate(timeout=30)
    assert [json.loads(line)["version"] for line in out.splitlines()] == ["1.0.0"]
    assert str(world.data_dir / "settings.json") in talk
    assert world.data_dir.stat().st_mode & 0o777 == 0o700
