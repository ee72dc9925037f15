"""A tier of the tests holds what it says."""

from __future__ import annotations

import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAST = re.compile(r"^fast:.*\n\t@\$\(PYTEST\) --dist \w+ ((?:.*\\\n)*.*)", re.M)
IS_OF_PROCESSES = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.process\b", re.M)


def test_what_the_quick_tier_passes_over_starts_processes():
    modules = sorted((ROOT / "tests" / "process").rglob("test_*.py"))
    assert len(modules) > 30
    assert [path.name for path in modules if not IS_OF_PROCESSES.search(path.read_text())] == []


@pytest.mark.slow
def test_the_fast_tier_has_no_properties_and_no_processes():
    words = FAST.search((ROOT / "Makefile").read_text("utf-8"))
    assert words
    its = shlex.split(words[1].replace("\\\n", " "))
    assert its[0] == "-m"
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", *its]
    said = subprocess.run(collect, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^(tests/\S+)\.py::(\w+)", said, re.M)
    assert len(found) > 100
    for path, name in set(found):
        assert not path.startswith("tests/process/")
        test = getattr(importlib.import_module(path.replace("/", ".")), name)
        assert not getattr(test, "is_hypothesis_test", False), f"{path}: {name}"
