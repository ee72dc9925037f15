"""Every path in the data dir has one name, and one place that says it."""

import os
import re
from pathlib import Path

import pytest

from incumbent.lifecycle import Worker, data_dir, trust
from incumbent.lifecycle.data_dir import DataDir

REPOSITORY = Path(__file__).parents[3]
ROOMS = ("lifecycle", "server", "cli")
SOURCES = [path for room in ROOMS for path in sorted((REPOSITORY / room).rglob("*.py"))]
IN_THE_DATA_DIR = re.compile(r"""\bworker\.path\(\s*["']([^"']+)["']""")


def properties() -> list[str]:
    return [name for name, value in vars(DataDir).items() if isinstance(value, property)]


@pytest.mark.parametrize("name", properties())
def test_each_path_lies_in_the_data_dir_as_the_worker_says_it(name, sandbox):
    worker = Worker()
    path = getattr(DataDir(worker.data_dir), name)
    assert path.startswith(str(sandbox.data_dir) + os.sep)
    assert path == worker.path(*path.removeprefix(worker.data_dir + os.sep).split(os.sep))


def test_every_name_has_its_path_and_no_two_are_one():
    paths = [getattr(DataDir("/d"), name) for name in properties()]
    assert len(set(paths)) == len(paths) == len(data_dir.NAMES) + 1  # the log lies in the logs
    assert {path.split(os.sep)[2] for path in paths} == set(data_dir.NAMES)


def test_nobody_says_a_name_that_is_not_here():
    said = {name for path in SOURCES for name in IN_THE_DATA_DIR.findall(path.read_text())}
    assert "launch.json" in said  # the hot path says it by itself
    assert said <= set(data_dir.NAMES)


def test_what_decides_is_named_here():
    assert set(trust.DECIDING) <= set(data_dir.NAMES)
