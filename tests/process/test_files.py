"""A bad file of ours never stops a launch, the settings apart; a bad disk does, with a sentence."""

import json
import os
import shutil
import sys
import time

import pytest

from ..world import LAUNCHER, World

pytestmark = pytest.mark.process

AT_ONCE_S = 5.0  # a tenth of what a run may take
GARBAGE = [b"", b"{", b"\0\xff garbage", b'{"format": 1}', b"[]"]
FULL = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"


CORRUPT = [(name, said) for name in ("launch.json", "token") for said in GARBAGE]


@pytest.mark.parametrize(("name", "content"), CORRUPT)
def test_a_corrupt_file_is_set_aside_and_the_launch_goes_on(world: World, name, content):
    world.data_dir.mkdir(mode=0o700)
    (world.data_dir / name).write_bytes(content)
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
    [aside] = world.data_dir.glob(f"{name}.corrupt-*")
    assert aside.read_bytes() == content


@pytest.mark.parametrize("name", ["launch.json", "token"])
@pytest.mark.parametrize("what", ["a folder", "a pipe"])
def test_what_is_no_file_is_set_aside_and_the_launch_goes_on(world: World, name, what):
    world.data_dir.mkdir(mode=0o700)
    path = world.data_dir / name
    if what == "a folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
    [aside] = world.data_dir.glob(f"{name}.corrupt-*")
    assert aside.is_dir() or aside.is_fifo()
    assert done.talk.count(aside.name) == 1


@pytest.mark.parametrize("name", ["launch.json", "token"])
@pytest.mark.parametrize("nowhere", ["missing", "itself"])
def test_a_link_to_nowhere_is_set_aside_and_the_launch_goes_on(world: World, name, nowhere):
    world.data_dir.mkdir(mode=0o700)
    path = world.data_dir / name
    path.symlink_to(path if nowhere == "itself" else world.data_dir / "missing")
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
    [aside] = world.data_dir.glob(f"{name}.corrupt-*")
    assert aside.is_symlink()
    assert path.is_file()


@pytest.mark.parametrize("what", ["a folder", "a pipe", "a link to itself"])
def test_settings_that_cannot_be_read_stop_a_launch_with_a_clear_sentence(world: World, what):
    world.data_dir.mkdir(mode=0o700)
    path = world.data_dir / "settings.json"
    if what == "a folder":
        path.mkdir()
    elif what == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path)
    done = world.ensure(world.app("1.0.0"))
    assert (done.code, done.said["kind"]) == (1, "SettingsFileError"), done
    assert str(path) in done.said["error"]
    assert [there.name for there in world.data_dir.iterdir()] == ["settings.json"]
    path.rmdir() if what == "a folder" else path.unlink()


def test_a_link_in_the_place_of_the_lock_stops_a_launch_with_a_clear_sentence(world: World):
    world.data_dir.mkdir(mode=0o700)
    (world.data_dir / "spawn.lock").symlink_to(world.data_dir / "missing")
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 1
    assert "spawn.lock: it is a symbolic link" in done.said["error"]
    assert done.took < AT_ONCE_S
    assert world.spawns() == 0
    assert (world.data_dir / "spawn.lock").is_symlink()


def test_a_pipe_in_the_place_of_the_journal_keeps_nobody_waiting(world: World):
    world.data_dir.mkdir(mode=0o700)
    os.mkfifo(world.data_dir / "trace.jsonl")
    done = world.ensure(world.app("1.0.0"))
    (world.data_dir / "trace.jsonl").unlink()
    assert done.code == 0, done
    assert "trace.jsonl" in done.talk


@pytest.mark.parametrize("loss", ["corrupt", "another", "deleted", "the whole data dir"])
@pytest.mark.parametrize("command", ["restart", "stop"])
def test_a_worker_whose_token_file_was_lost_obeys_the_new_one(world: World, loss, command):
    app = world.app("1.0.0")
    old = world.ensure(app).said["pid"]
    token = world.data_dir / "token"
    if loss == "the whole data dir":
        shutil.rmtree(world.data_dir)
    elif loss == "deleted":
        token.unlink()
    else:
        token.write_text("ab" * 32 if loss == "another" else "torn")
    done = world.end(world.begin(app, command))
    assert done.code == 0, done
    if command == "restart":
        assert world.health().pid == done.said["pid"] != old
        assert world.data_dir.stat().st_mode & 0o777 == 0o700
    else:
        assert world.seen().kind == "dark"


@pytest.mark.parametrize("name", ["launch.json", "token"])
def test_a_corrupt_file_is_spoken_of_once_on_stderr(world: World, name):
    app = world.app("1.0.0")
    world.ensure(app)
    (world.data_dir / name).write_bytes(b"{")
    done = world.restart(app) if name == "token" else world.ensure(app)
    assert done.code == 0, done
    assert done.talk.count(f"{name}.corrupt-") == 1
    assert f"{name} was corrupt" in done.talk
    assert "corrupt" not in world.ensure(app).talk
    assert world.spawns() == (2 if name == "token" else 1)


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
    done = world.ensure(world.app("1.0.0"))
    assert done.code == 0, done
    [aside] = world.data_dir.glob("spawn.lock.corrupt-*")
    assert f"spawn.lock was corrupt; set aside as {aside}" in done.talk


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


def test_a_log_folder_that_cannot_be_made_is_told_of_and_blames_no_build(world: World):
    old, new = world.app("1.0.0"), world.app("2.0.0")
    world.ensure(old)
    world.stop(old)
    logs = world.data_dir / "logs"
    shutil.rmtree(logs)
    logs.write_text("in the way")
    done = world.ensure(new)
    assert (done.code, done.said["kind"]) == (1, "NotVerifiedError")
    assert str(logs) in done.said["error"]
    assert world.record()["rejected"] == []
    logs.unlink()
    assert world.ensure(new).said["version"] == "2.0.0"


def test_a_program_that_is_not_there_is_the_builds_fault(world: World):
    world.ensure(world.app("1.0.0"))
    world.stop(world.app("1.0.0"))
    world.settings["INCUMBENT_PYTHON"] = str(world.data_dir / "no-python")
    done = world.ensure(world.app("2.0.0"))
    assert done.said["version"] == "1.0.0", done
    assert [entry["version"] for entry in world.record()["rejected"]] == ["2.0.0"]
