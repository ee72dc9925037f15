"""No thread, no process, no memory to be had: one sentence, nothing lost, nothing rejected."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..isolation import Sandbox
from ..world import RUN_S, World

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("prlimit"),
        reason="NOT TESTED: it takes root, setpriv and prlimit to be a user with a limit",
    ),
]

FIRST_USER = 20000  # plus a test's port, which no other test has: no user's processes are shared
CAPABLE = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]  # wherever the code is
HOPELESS = 4  # beside the launcher's two threads there is room for none beside a worker's two
ENOUGH = 64

# What `threading` raises, as an app's framework passes it on.
THREADLESS = """
async def app(scope, receive, send):
    await receive()
    words = "Traceback ...\\nRuntimeError: can't start new thread\\n"
    await send({"type": "lifespan.startup.failed", "message": words})
"""


class Poor:
    """A user who may have only so many processes and threads."""

    def __init__(self, world: World, home: Path, user: int) -> None:
        self._world, self._app = world, world.app("1.0.0")
        self._as_us = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *CAPABLE]
        self.data_dir = home / "data"
        world.settings |= {"HOME": str(home), "INCUMBENT_DATA_DIR": str(self.data_dir)}

    def run(self, limit: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command under a limit as `prlimit` takes it."""
        return subprocess.run(
            [*self._as_us, "prlimit", limit, sys.executable, "-m", "incumbent.cli", *words],
            env=self._world.environment(self._app),
            cwd="/",
            input=given,
            text=True,
            capture_output=True,
            timeout=RUN_S,
            check=False,
        )

    def leave_no_room(self, pid: int) -> None:
        """Let this living process have nobody beside it."""
        limit = ["prlimit", f"--pid={pid}", "--nproc=1"]
        subprocess.run([*self._as_us, *limit], check=True, timeout=RUN_S)


@pytest.fixture
def poor(world: World, sandbox: Sandbox) -> Iterator[Poor]:
    home = Path(tempfile.mkdtemp(dir=os.path.realpath("/tmp")))
    user = FIRST_USER + sandbox.port
    os.chown(home, user, user)
    us = Poor(world, home, user)
    yield us
    us.run(f"--nproc={ENOUGH}", "stop")
    shutil.rmtree(home)


def assert_one_sentence(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    [sentence] = [line for line in done.stderr.splitlines() if line.startswith("worker-service: ")]
    assert " is to be had" in sentence
    assert "run `worker-service " in sentence


@pytest.mark.parametrize("limit", range(1, HOPELESS + 1))
def test_a_start_without_room_fails_and_the_next_one_works(poor: Poor, limit: int):
    assert_one_sentence(poor.run(f"--nproc={limit}", "start"))
    assert not (poor.data_dir / "spawn.lock").exists()
    assert not (poor.data_dir / "worker.pid").exists()
    assert json.loads((poor.data_dir / "launch.json").read_bytes())["rejected"] == []
    assert poor.run(f"--nproc={ENOUGH}", "start").returncode == 0
    assert poor.run(f"--nproc={ENOUGH}", "trace", "--check").returncode == 0


def test_a_hook_without_a_process_keeps_its_event(poor: Poor):
    done = poor.run("--nproc=1", "hook", "SessionStart", given='{"a": 1}')
    assert done.returncode == 0
    assert isinstance(json.loads(done.stdout), dict)
    assert "no process is to be had" in done.stderr
    assert "Traceback" not in done.stderr
    [kept] = (poor.data_dir / "spool").glob("*.json")
    assert json.loads(kept.read_bytes())["payload"] == {"a": 1}


def test_a_restart_without_room_leaves_the_worker_in_office(poor: Poor):
    started = poor.run(f"--nproc={ENOUGH}", "start")
    assert started.returncode == 0, started
    pid = json.loads((poor.data_dir / "worker.pid").read_bytes())["pid"]
    poor.leave_no_room(pid)
    assert_one_sentence(poor.run("--nproc=3", "restart"))
    assert poor.run(f"--nproc={ENOUGH}", "status").returncode == 0
    assert json.loads((poor.data_dir / "worker.pid").read_bytes())["pid"] == pid
    assert json.loads((poor.data_dir / "launch.json").read_bytes())["rejected"] == []


@pytest.mark.parametrize("megabytes", [16, 24, 32])
def test_a_start_without_memory_fails_and_the_next_one_works(poor: Poor, megabytes: int):
    done = poor.run(f"--as={megabytes * 1_000_000}", "start")
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    assert not (poor.data_dir / "spawn.lock").exists()
    assert poor.run(f"--nproc={ENOUGH}", "start").returncode == 0
    assert json.loads((poor.data_dir / "launch.json").read_bytes())["rejected"] == []


def test_an_app_whose_start_gets_no_thread_is_not_rejected(poor: Poor, world: World):
    (world.app("1.0.0").folder / "hosted.py").write_text(THREADLESS)
    done = poor.run(f"--nproc={ENOUGH}", "start")
    assert done.returncode == 1
    assert "no thread is to be had" in done.stderr
    assert json.loads((poor.data_dir / "launch.json").read_bytes())["rejected"] == []
