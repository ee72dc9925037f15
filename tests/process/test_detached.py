"""A worker owes nothing to the launcher that spawned it."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from incumbent.lifecycle.lock.process_identity import start_token

from ..world import LAUNCHER, World, eventually

pytestmark = pytest.mark.process


def open_files(pid: int) -> set[str]:
    folder = f"/proc/{pid}/fd"
    return {os.readlink(f"{folder}/{number}") for number in os.listdir(folder)}


def test_a_worker_survives_the_end_of_its_launchers_whole_group(world: World):
    program = LAUNCHER + "\nsys.stdout.flush(); sys.stdin.readline()"
    program = program.replace('sys.exit("error" in said)', "print('', flush=True)")
    argv = [sys.executable, "-c", program, "ensure", "free"]
    launcher = world.begin_process(argv, world.app("1.0.0"), start_new_session=True)
    assert launcher.stdout.readline()
    pid = world.health().pid
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    assert world.health().pid == pid
    assert world.get()["pid"] == pid


def test_a_worker_survives_the_deletion_of_its_launchers_cwd(world: World, tmp_path):
    app = world.app("1.0.0")
    cwd = tmp_path / "project"
    cwd.mkdir()
    first = world.end(world.begin(app, "ensure", cwd=cwd)).said["pid"]
    assert os.readlink(f"/proc/{first}/cwd") == os.sep
    shutil.rmtree(cwd)
    done = world.restart(app)
    assert done.code == 0, done
    assert world.get()["pid"] == done.said["pid"] != first


@pytest.mark.parametrize("handovers", [0, 2])
def test_a_worker_holds_no_file_of_its_launcher_open(world: World, tmp_path, handovers):
    app = world.app("1.0.0")
    with open(tmp_path / "of the launcher", "w") as ours:
        os.set_inheritable(ours.fileno(), True)
        launcher = world.begin(app, "ensure", pass_fds=(ours.fileno(),))
        pid = world.end(launcher).said["pid"]
    for _ in range(handovers):
        pid = world.restart(app).said["pid"]
    log = str(world.data_dir / "logs" / "worker.log")
    eventually(lambda: log in open_files(pid), "the worker's output goes to its log")
    regular = {path for path in open_files(pid) if path.startswith("/")}
    assert regular == {os.devnull, log, str(world.data_dir / "serve.lock")}
    assert os.getsid(pid) == pid


def test_after_a_handover_one_process_has_the_listening_socket(world: World):
    app = world.app("1.0.0")
    old = world.ensure(app).said["pid"]
    new = world.restart(app).said["pid"]
    eventually(lambda: start_token(old) is None, "the predecessor is gone")
    os.kill(new, signal.SIGKILL)
    eventually(lambda: world.seen().kind == "dark", "nobody holds a copy of the socket")


def test_a_caller_that_reads_its_launchers_output_to_the_end_is_not_kept_waiting(world: World):
    done = subprocess.run(
        [sys.executable, "-c", LAUNCHER, "ensure", "free"],
        env=world.environment(world.app("1.0.0")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=20,
        check=True,
    )
    assert done.stdout.strip().endswith(b"}")
    assert world.health().pid


def test_a_worker_says_nothing_on_its_launchers_output(world: World):
    app = world.app("1.0.0")
    code = app.folder / "hosted.py"
    code.write_text(code.read_text() + "print('so much to say', flush=True)\n")
    launcher = world.begin(app, "ensure")
    out, _ = launcher.communicate(timeout=20)
    assert len(out.splitlines()) == 1
    assert "so much to say" in world.log()
