"""A tool that carries us in files of its own, as shiv, pex or zipapp build it."""

from __future__ import annotations

import os
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ..world import World

pytestmark = pytest.mark.process

CALL = """
import sys
sys.path.insert(0, {carried!r})
from incumbent.lifecycle import ensure_running, restart, stop
first = ensure_running().pid
second = restart().pid
print(first != second)
stop()
"""


def installed() -> Path:
    (folder,) = (Path(entry) for entry in site.getsitepackages() if Path(entry).is_dir())
    return folder


def called(world: World, carried: Path) -> subprocess.CompletedProcess[str]:
    """Run a tool by an interpreter that has nothing of ours."""
    environment = {"HOME": str(world.sandbox.root), "PATH": os.environ["PATH"]}
    environment |= {
        name: text
        for name, text in world.environment(world.app("1.0.0")).items()
        if name.startswith("INCUMBENT_") and name not in ("INCUMBENT_APP", "INCUMBENT_VERSION")
    }
    base = getattr(sys, "_base_executable", sys.executable)
    code = CALL.format(carried=str(carried))
    return subprocess.run(
        [base, "-c", code], env=environment, capture_output=True, text=True, timeout=90, check=False
    )


def test_a_tool_that_unpacks_itself_has_a_worker_all_the_same(world: World):
    carried = world.sandbox.root / "carried"
    carried.mkdir()
    for one in installed().iterdir():
        if one.suffix != ".pth":
            (carried / one.name).symlink_to(one)
    done = called(world, carried)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_a_tool_inside_a_zip_is_told_what_to_do(world: World):
    carried = world.sandbox.root / "tool.pyz"
    with zipfile.ZipFile(carried, "w") as archive:
        for name in ("incumbent", "packaging", "transitions"):
            for file in (installed() / name, *(installed() / name).rglob("*")):
                if file.is_dir() or file.suffix == ".py":  # a namespace needs its folder
                    archive.write(file, file.relative_to(installed()))
    done = called(world, carried)
    assert done.returncode == 1
    assert f"a worker can't run from inside {carried}: " in done.stderr
    assert "build it with shiv or pex" in done.stderr
    assert not (world.data_dir / "spawn.lock").exists()
