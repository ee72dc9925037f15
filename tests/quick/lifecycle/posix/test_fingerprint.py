"""The print of an app changes with its code, and with nothing else."""

import os
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle.posix import fingerprint as module
from incumbent.lifecycle.posix.fingerprint import fingerprint

PYTHON = "/usr/bin/python3"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a package that can be imported, with a folder in it."""
    folder = tmp_path / "marvel"
    (folder / "deep" / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "web.py", "deep/rows.py"):
        (folder / name).write_text("1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def of_marvel() -> str:
    return fingerprint("marvel.web:app", PYTHON)


@pytest.mark.parametrize("name", ["__init__.py", "web.py", "deep/rows.py"])
def test_a_file_of_another_size_or_time_changes_the_print(package: Path, name: str):
    before, file = of_marvel(), package / name
    told = file.stat()
    file.write_text("12\n")
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    resized = of_marvel()
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns + 1))
    assert len({before, resized, of_marvel()}) == 3


def test_a_new_file_changes_the_print(package: Path):
    before = of_marvel()
    (package / "deep" / "more.py").write_text("")
    assert of_marvel() != before


def test_what_is_no_source_does_not_change_the_print(package: Path):
    before = of_marvel()
    (package / "data.txt").write_text("x")
    (package / "deep" / "__pycache__" / "rows.py").write_text("x")
    assert of_marvel() == before


def test_a_module_alone_is_printed_without_its_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(tmp_path))
    module_alone, neighbour = tmp_path / "alone.py", tmp_path / "neighbour.py"
    module_alone.write_text("1\n")
    before = fingerprint("alone:app", PYTHON)
    neighbour.write_text("1\n")
    assert fingerprint("alone:app", PYTHON) == before
    module_alone.write_text("12\n")
    assert fingerprint("alone:app", PYTHON) != before


def test_app_and_interpreter_are_part_of_the_print():
    prints = {
        fingerprint("no_such_marvel:app", PYTHON),
        fingerprint("no_such_marvel:other", PYTHON),
        fingerprint("no_such_marvel:app", sys.executable),
    }
    assert len(prints) == 3
    assert all(isinstance(one, str) and one.startswith("1-") for one in prints)


def test_an_app_without_end_is_printed_in_bounded_time(
    package: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(6):
        (package / f"many{number}").mkdir()
        (package / f"many{number}" / "one.py").write_text("")
    monkeypatch.setattr(module, "FILES_LIMIT", 3)
    count = int(of_marvel().partition("-")[0])
    assert 3 < count < 1 + 9


def test_the_order_of_the_file_system_is_no_part_of_the_print(
    package: Path, monkeypatch: pytest.MonkeyPatch
):
    for number in range(3):
        (package / f"many{number}").mkdir()
        (package / f"many{number}" / "one.py").write_text("")
    before, walk = of_marvel(), os.walk

    def backwards(top: str):
        for root, folders, names in walk(top):
            folders.reverse()
            yield root, folders, sorted(names, reverse=True)

    monkeypatch.setattr(os, "walk", backwards)
    assert of_marvel() == before
