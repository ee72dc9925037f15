"""A worker serves wherever it is put, whatever state its launcher was in."""

import contextlib
import os
import signal
import subprocess
import sys

import pytest

from incumbent.lifecycle.lock.process_identity import start_token

from ..world import HAND, LAUNCHER, App, World, eventually

pytestmark = pytest.mark.process

BLOCKED = (
    "import signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})\n"
    "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
)

EXIT_LOST = 75
EXIT_LATE = 77
HUSHED = {
    "/dev/full": "os.dup2(os.open('/dev/full', os.O_WRONLY), 2); sys.stderr = open(2, 'w')",
    "closed": "sys.stderr.close()",
}


def assert_launched_replaced_stopped(world: World, app: App):
    first = world.ensure(app)
    assert first.code == 0, first
    second = world.restart(app)
    assert second.code == 0, second
    assert second.said["pid"] != first.said["pid"]
    assert world.stop(app).code == 0


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_a_worker_on_another_loopback_address_is_launched_replaced_stopped(world: World, host):
    world.settings["INCUMBENT_HOST"] = host
    app = world.app("1.0.0")
    assert_launched_replaced_stopped(world, app)
    literal = f"[{host}]" if ":" in host else host
    assert f"{literal}:{world.port}" in world.command(app, "status").stdout


@pytest.mark.parametrize("name", [b"with a space", "ünïcode".encode(), b"not \xff utf-8"])
def test_a_worker_whose_data_dir_has_an_odd_name_is_launched_replaced_stopped(world: World, name):
    world.data_dir = world.data_dir / os.fsdecode(name)
    world.settings["INCUMBENT_DATA_DIR"] = str(world.data_dir)
    app = world.app("1.0.0")
    assert_launched_replaced_stopped(world, app)


@pytest.mark.parametrize("path", ["elsewhere{0}.", "./"])
def test_a_relative_import_path_is_the_launchers_not_the_workers(world: World, path):
    app = world.app("1.0.0")
    variables = {"PYTHONPATH": path.format(os.pathsep)}
    done = world.end(world.begin(app, "ensure", cwd=app.folder, env=variables))
    assert done.code == 0, done
    assert world.get()["version"] == "1.0.0"


def test_a_worker_inherits_no_blocked_or_ignored_signal(world: World):
    argv = [sys.executable, "-c", BLOCKED + LAUNCHER, "ensure", "free"]
    pid = world.end(world.begin_process(argv, world.app("1.0.0"))).said["pid"]
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: start_token(pid) is None, "the worker hears SIGTERM")
    assert len(world.lives("ends")) == 1


def test_a_successor_of_a_worker_whose_launcher_ignored_sigchld_is_judged_by_its_end(world: World):
    old = world.app("1.0.0")
    argv = [sys.executable, "-c", BLOCKED + LAUNCHER, "ensure", "free"]
    pid = world.end(world.begin_process(argv, old)).said["pid"]
    done = world.restart(world.app("2.0.0", "dies at import"))
    assert "exited 3: gone without a word" in done.said["error"]
    assert world.record()["version"] == "1.0.0"
    assert world.health().pid == pid


def test_a_worker_begun_with_closed_standard_files_serves(world: World):
    closing = "import os, sys; [os.close(fd) for fd in (0, 1, 2)]; os.execv(sys.executable, {})"
    argv = [sys.executable, "-c", closing.format([sys.executable, "-c", HAND])]
    process = world.begin_process(argv, world.app("1.0.0"))
    eventually(lambda: world.seen().kind == "serving", "it serves")
    held = {os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in (0, 1, 2)}
    assert held == {os.devnull}
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=15) == 0


def test_run_with_closed_standard_files_becomes_the_worker(world: World):
    command = f"exec {sys.executable} -m incumbent.cli run <&- >&- 2>&-"
    app = world.app("1.0.0")
    process = subprocess.Popen(["/bin/sh", "-c", command], env=world.environment(app), cwd="/")
    try:
        eventually(lambda: world.seen().kind == "serving", "it serves")
        assert world.health().pid == process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        assert process.wait(timeout=15) == 0


@pytest.mark.parametrize("where", ["a reader that is gone", "a full disk"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_run_whose_output_nobody_takes_ends_by_its_own_exit_code(world: World, stream, where):
    app = world.app("1.0.0")
    world.settings["PYTHONUNBUFFERED"] = ""
    (app.folder / "hosted.py").write_text(
        (app.folder / "hosted.py").read_text()
        + "\nimport atexit; print('a word'); atexit.register(print, 'a last word')\n"
    )
    with contextlib.ExitStack() as stack:
        if where == "a full disk":
            target = os.open("/dev/full", os.O_WRONLY)
        else:
            reader, target = os.pipe()
            os.close(reader)
        stack.callback(os.close, target)
        argv = [sys.executable, "-m", "incumbent.cli", "run"]
        first = world.begin_process(argv, app, **{stream: target})
        eventually(lambda: world.seen().kind == "serving", "it serves")
        second = world.begin_process(argv, app, **{stream: target})
        assert second.wait(timeout=15) == EXIT_LOST
        first.terminate()
        assert first.wait(timeout=15) == 0


@pytest.mark.parametrize("stderr", ["/dev/full", "closed"])
def test_a_worker_that_is_not_up_in_time_ends_whatever_hears_its_last_words(world: World, stderr):
    world.settings["INCUMBENT_START_TIMEOUT"] = "1"
    app = world.app("1.0.0", "hangs at import")
    source = (app.folder / "hosted.py").read_text()
    hang = "print('I sit and wait', file=sys.stderr, flush=True); time.sleep(99)"
    assert hang in source
    (app.folder / "hosted.py").write_text(source.replace(hang, f"{HUSHED[stderr]}; time.sleep(99)"))
    process = world.begin_process([sys.executable, "-c", HAND], app)
    assert process.wait(timeout=15) == EXIT_LATE
