"""The pytest plugin, in a sample tool's own test suite: nothing of it reaches the real worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..isolation import Sandbox
from ..world import RUN_S

pytestmark = pytest.mark.process

TOOL = """
from functools import partial
from incumbent.lifecycle import Worker

__version__ = "1.0.0"
worker = partial(Worker, "mytool", __version__, "mytool:app")

async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"mine"})
"""
CONFTEST = 'pytest_plugins = ["incumbent.lifecycle.testing"]\n'
TESTS = """
import os
import urllib.request
from incumbent.lifecycle import ensure_running, status
import mytool

def test_a_worker_is_brought_up(worker_place):
    health = ensure_running(mytool.worker())
    assert (health.port, health.version) == (worker_place.port, "1.0.0")
    assert mytool.worker().data_dir == os.path.realpath(worker_place.data_dir)
    with urllib.request.urlopen(f"http://127.0.0.1:{health.port}/") as answer:
        assert answer.read() == b"mine"

def test_the_next_one_has_none_of_it():
    assert status(mytool.worker()).kind == "dark"
    assert not os.listdir(os.environ["INCUMBENT_DATA_DIR"])
"""
TOUCHING = """
import os
from incumbent.lifecycle.settings import default_data_dir

def test_the_real_one():
    with open(os.path.join(default_data_dir("mytool", os.environ), "token")) as file:
        file.read()
"""


class Project:
    """A sample tool with a test suite."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.folder = sandbox.root / "project"
        self.folder.mkdir()
        (self.folder / "mytool.py").write_text(TOOL)
        (self.folder / "conftest.py").write_text(CONFTEST)
        self.home = sandbox.home

    def test(self, tests: str) -> subprocess.CompletedProcess[str]:
        """Run these tests as the tool's author would."""
        (self.folder / "test_it.py").write_text(tests)
        plain = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"],
            env=plain | {"HOME": str(self.home), "PYTHONPATH": str(self.folder)},
            cwd=self.folder,
            text=True,
            capture_output=True,
            timeout=RUN_S,
            check=False,
        )


@pytest.fixture
def project(sandbox: Sandbox) -> Project:
    return Project(sandbox)


def test_each_test_has_a_worker_of_its_own(project: Project):
    done = project.test(TESTS)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    known = list(project.home.rglob("*"))
    assert [path for path in known if path.name in ("launch.json", "token", "worker.pid")] == []


def test_a_test_that_touches_the_real_data_dir_fails(project: Project):
    real = project.home / ".local" / "share" / "incumbent" / "mytool"
    real.mkdir(parents=True)
    (real / "token").write_text(json.dumps("kept"))
    done = project.test(TOUCHING)
    assert done.returncode == 1
    assert f"this test touched the real {real}/token" in done.stdout
    assert Path(real / "token").read_text() == '"kept"'
