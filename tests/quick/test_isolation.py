"""The tripwire bites: no test can touch the real home, its data dir, its port."""

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from incumbent.lifecycle import Worker
from incumbent.lifecycle.lock.process_identity import start_token

from .. import isolation
from ..isolation import Sandbox, Tripwire, TripwireError

BITING = """
    import os, subprocess, sys
    from pathlib import Path
    REAL = {home!r}

    def test_opens_a_file_of_the_real_home():
        open(os.path.join(REAL, "notes"), "w")

    def test_swallows_the_error():
        try:
            os.mkdir(os.path.join(REAL, "folder"))
        except AssertionError:
            pass

    def test_lets_another_process_write_the_real_data_dir():
        program = "import os, sys; os.makedirs(sys.argv[1])"
        real = os.path.join(REAL, ".local", "share", "incumbent", "incumbent")
        subprocess.run([sys.executable, "-c", program, real], check=True)

    def test_leaves_a_process_behind():
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE).poll()

    def test_fails_with_a_detached_process_left_behind():
        argv = [sys.executable, "-c", "import time; time.sleep(60)"]
        print("left:", subprocess.Popen(argv, start_new_session=True).pid)
        assert False

    def test_leaves_a_listener_behind(sandbox):
        import socket
        global listener
        listener = socket.create_server(("127.0.0.1", sandbox.port))

    def test_minds_its_own_business(sandbox):
        assert os.environ["HOME"] == str(sandbox.home) != REAL
        sandbox.data_dir.mkdir()
        (sandbox.data_dir / "launch.json").write_text("{{}}")
"""


CONFTEST = """
from tests import isolation
from tests.conftest import sandbox
isolation.LEAVING_S = 0.3  # whoever stays here stays for good
"""


@pytest.mark.slow
def test_a_run_that_touches_what_is_not_its_own_fails_loudly(tmp_path):
    home = tmp_path / "real-home"
    home.mkdir()
    suite = tmp_path / "suite"
    suite.mkdir()
    (suite / "conftest.py").write_text(CONFTEST)
    (suite / "test_biting.py").write_text(textwrap.dedent(BITING).format(home=str(home)))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:randomly",
            "-v",
            suite,
        ],
        env=os.environ | {"HOME": str(home), "PYTHONPATH": str(isolation.REPOSITORY)},
        cwd=suite,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    said = done.stdout
    assert done.returncode == 1, said
    assert "FAILED test_biting.py::test_opens_a_file_of_the_real_home" in said
    assert "ERROR test_biting.py::test_swallows_the_error" in said
    assert "ERROR test_biting.py::test_lets_another_process_write_the_real_data_dir" in said
    assert "ERROR test_biting.py::test_leaves_a_process_behind" in said
    assert "ERROR test_biting.py::test_fails_with_a_detached_process_left_behind" in said
    assert "ERROR test_biting.py::test_leaves_a_listener_behind" in said
    assert "test_minds_its_own_business PASSED" in said
    assert "ERROR test_biting.py::test_minds_its_own_business" not in said
    assert not (home / "notes").exists()
    assert not (home / "folder").exists()
    left = next(line for line in said.splitlines() if line.startswith("left:"))
    assert start_token(int(left.split()[1])) is None


def test_the_real_home_is_guarded():
    tripwire = Tripwire(["/home/ann"], ["/home/ann/.local/share/incumbent"], ["/home/ann/code"])
    with pytest.raises(TripwireError):
        tripwire.hook("open", ("/home/ann/.bashrc", "r", 0))
    with pytest.raises(TripwireError):
        tripwire.hook("os.rename", ("/tmp/harmless", "/home/ann/x", -1, -1))
    assert len(tripwire.tripped) == 2


def test_code_below_the_real_home_is_not_guarded():
    tripwire = Tripwire(["/home/ann"], [], ["/home/ann/code"])
    tripwire.hook("open", ("/home/ann/code/app.py", "r", 0))
    tripwire.hook("open", ("/home/annette/notes", "r", 0))
    assert tripwire.tripped == []


def test_a_real_data_dir_is_guarded_wherever_it_lies():
    tripwire = Tripwire([], ["/home/ann/code/incumbent"], ["/home/ann/code"])
    with pytest.raises(TripwireError):
        tripwire.hook("os.mkdir", ("/home/ann/code/incumbent/incumbent", 0o700, -1))


@pytest.mark.parametrize("port", [27000, 27999])
def test_a_default_port_is_guarded(port):
    tripwire = Tripwire([], [], [])
    for event in ("socket.connect", "socket.bind"):
        with pytest.raises(TripwireError):
            tripwire.hook(event, (None, ("127.0.0.1", port)))


@pytest.mark.parametrize("port", [0, 26999, 28000])
def test_another_port_is_not_guarded(port):
    tripwire = Tripwire([], [], [])
    tripwire.hook("socket.bind", (None, ("127.0.0.1", port)))
    assert tripwire.tripped == []


def test_a_worker_without_settings_lives_in_the_sandbox(sandbox: Sandbox):
    worker = Worker()
    assert (worker.data_dir, worker.port) == (str(sandbox.data_dir), sandbox.port)
    assert Path.home() == sandbox.home


def test_two_tests_never_have_the_same_port():
    claimed = [isolation.reserved_port() for _ in range(20)]
    try:
        assert len({port for port, _ in claimed}) == 20
        assert all(port < 27000 for port, _ in claimed)
    finally:
        for _, give_back in claimed:
            give_back()


def test_a_port_in_use_is_not_reserved():
    port, give_back = isolation.reserved_port()
    with socket.create_server(("127.0.0.1", port)):
        assert isolation.somebody_listens(port)
    give_back()
