"""The house rules that a reader feels at once: short files, small classes, one sentence each."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
ROOMS = ("lifecycle", "server", "cli")
LINES = 300
METHODS = 20
# One method a state: whoever reads a driver reads all of it.
DRIVERS = {"lifecycle/drivers/worker.py": "WorkerDriver", "lifecycle/drivers/spawner.py": "Spawner"}


def files() -> list[str]:
    found = (path for room in ROOMS for path in (REPOSITORY / room).rglob("*.py"))
    return sorted(str(path.relative_to(REPOSITORY)) for path in found)


@functools.cache
def parsed(file: str) -> ast.Module:
    return ast.parse((REPOSITORY / file).read_text())


def test_there_are_files_to_look_at():
    assert len(files()) > 100
    assert set(DRIVERS) <= set(files())


@pytest.mark.parametrize("room", ROOMS)
def test_no_file_is_longer_than_a_reader_has_patience_for(room: str):
    long = {file for file in files() if (REPOSITORY / file).read_text().count("\n") > LINES}
    assert {file for file in long if file.startswith(f"{room}/")} == set()


def test_no_class_has_more_methods_than_fit_in_a_head():
    large = {
        (file, node.name)
        for file in files()
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.ClassDef)
        and sum(isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) for one in node.body)
        > METHODS
    }
    assert large == set(DRIVERS.items())


def test_a_module_says_in_one_sentence_what_it_does():
    def says(file: str) -> str:
        return (ast.get_docstring(parsed(file)) or "").partition("\n\n")[0].replace("\n", " ")

    two = {file for file in files() if " and " in says(file) or ". " in says(file)}
    silent = {file for file in files() if not says(file).endswith((".", "?"))}
    assert two | silent == set()


def test_nothing_reaches_into_anothers_privates():
    reached = {
        f"{file}:{node.lineno} .{node.attr}"
        for file in files()
        for node in ast.walk(parsed(file))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    }
    assert {one for one in reached if one.rpartition(".")[2] not in PUBLIC_ALL_THE_SAME} == set()


# Named tuples', os's and sys's own, which are documented.
PUBLIC_ALL_THE_SAME = frozenset(
    {"_replace", "_asdict", "_fields", "_exit", "_make", "_current_frames"}
)
