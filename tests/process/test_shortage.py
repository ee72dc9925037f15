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

from ..world import RUN_S, World

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("prlimit"),
        reason="NOT TESTED: it takes root, setpriv and prlimit to be a user with a limit",
    ),
]

US = "41201"  # no user of this machine has this number; root has no such limit
AS_US = ["setpriv", "--reuid", US, "--regid", US, "--clear-groups"]
AS_US += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]  # wherever the code is
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

    def __init__(self, world: World, home: Path) -> None:
        self._world, self._app = world, world.app("1.0.0")
        self.data_dir = home / "data"
        world.settings |= {"HOME": str(home), "INCUMBENT_DATA_DIR": str(self.data_dir)}

    def run(self, limit: str, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run one command under a limit as `prlimit` takes it."""
        return subprocess.run(
            [*AS_US, "prlimit", limit, sys.executable, "-m", "incumbent.cli", *words],
            env=self._world.environment(self._app),
            cwd="/",
            input=given,
            text=True,
            capture_output=True,
            timeout=RUN_S,
            check=False,
        )


@pytest.fixture
def poor(world: World) -> Iterator[Poor]:
    home = Path(tempfile.mkdtemp(dir=os.path.realpath("/tmp")))
    os.chown(home, int(US), int(US))
    user = Poor(world, home)
    yield user
    user.run(f"--nproc={ENOUGH}", "stop")
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
    assert poor.run("--nproc=8", "start").returncode == 0
    done = poor.run("--nproc=3", "restart")
    assert done.returncode in (0, 1)  # its worker has limits of its own, and may have room
    assert "Traceback" not in done.stderr
    assert poor.run(f"--nproc={ENOUGH}", "status").returncode == 0
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
