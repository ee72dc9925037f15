"""Nobody is harmed who is not ours; nobody is believed who is not alive."""

import os
import signal
import socket
import sys
import threading
from typing import Any

import pytest

from incumbent.lifecycle.lock.process_identity import start_token

from ..world import World, bystander, eventually

pytestmark = pytest.mark.process


def test_deleting_the_pid_file_changes_nothing_in_status(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    (world.data_dir / "worker.pid").unlink()
    done = world.command(app, "status")
    assert done.returncode == 0
    assert str(pid) in done.stdout


def test_a_pid_file_that_names_an_innocent_process_harms_nobody(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    with bystander() as innocent:
        lie = f'{{"pid": {innocent.pid}, "start": "{start_token(innocent.pid)}"}}'
        for command in ("restart", "stop", "start", "restart", "stop"):
            (world.data_dir / "worker.pid").write_text(lie)
            assert world.command(app, command).returncode == 0
            assert innocent.poll() is None


def test_a_killed_worker_is_replaced_by_the_next_ensure(world: World):
    app = world.app("1.0.0")
    first = world.ensure(app).said["pid"]
    os.kill(first, signal.SIGKILL)
    second = world.ensure(app)
    assert second.code == 0
    assert second.said["pid"] != first
    assert second.took < 2


def test_a_worker_that_nobody_reaped_is_dead(world: World):
    app = world.app("1.0.0")
    program = (
        "import os, signal, sys\n"
        "from incumbent.lifecycle import ensure_running\n"
        "first = ensure_running().pid\n"
        "os.kill(first, signal.SIGKILL)\n"
        "os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)\n"
        "print('{\"zombie\": %d}' % first, flush=True)\n"
        "sys.stdin.readline()\n"
        "print('{}')\n"
    )
    parent = world.begin_process([sys.executable, "-c", program], app)
    zombie = int(parent.stdout.readline().split()[1].rstrip("}"))
    assert start_token(zombie) is None
    world.leave_lock(zombie, "1")
    done = world.ensure(app)
    assert done.code == 0
    assert done.said["pid"] != zombie
    assert done.took < 5
    parent.stdin.write("\n")
    parent.communicate()


def test_a_worker_outlives_its_launcher_without_its_descriptors(world: World):
    app = world.app("1.0.0")
    read, write = os.pipe()
    os.set_inheritable(write, True)
    launcher = world.begin(app, "ensure", pass_fds=(write,))
    pid = world.end(launcher).said["pid"]
    os.close(write)
    os.set_blocking(read, False)
    assert os.read(read, 1) == b"", "the worker holds the launcher's pipe open"
    os.close(read)
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/cwd") == os.sep
    targets = {os.readlink(f"/proc/{pid}/fd/{number}") for number in (0, 1, 2)}
    assert targets == {os.devnull, str(world.data_dir / "logs" / "worker.log")}


def test_sigterm_lets_the_request_in_flight_finish(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    answers: list[dict[str, Any]] = []
    asking = threading.Thread(target=lambda: answers.append(world.get("/slow/400")))
    asking.start()
    eventually(lambda: world.lives("slow"), "the request is in flight")
    os.kill(pid, signal.SIGTERM)
    asking.join()
    assert answers
    assert answers[0]["pid"] == pid
    eventually(lambda: start_token(pid) is None, "the worker ends")
    assert not (world.data_dir / "worker.pid").exists()
    assert len(world.lives("ends")) == 1


def test_a_foreign_listener_is_neither_asked_nor_replaced(world: World):
    app = world.app("1.0.0")
    with socket.socket() as foreign:
        foreign.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        foreign.bind(("127.0.0.1", world.port))
        foreign.listen()
        foreign.settimeout(0.1)
        heard: list[bytes] = []
        ending = threading.Event()

        def answer() -> None:
            while not ending.is_set():
                try:
                    connection, _ = foreign.accept()
                except TimeoutError:
                    continue
                connection.settimeout(5)
                heard.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                connection.close()

        answering = threading.Thread(target=answer)
        answering.start()
        done = world.ensure(app)
        ending.set()
        answering.join()
    assert heard
    assert done.code == 1
    assert done.said["event"] == "port_foreign"
    assert "INCUMBENT_PORT" in done.said["error"]
    assert all(request.startswith(b"GET /api/health") for request in heard)
    assert world.spawns() == 0
