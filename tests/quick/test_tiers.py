"""A tier of the tests holds what it says."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAST = re.compile(r'^fast:.*\n.*-m "([^"]+)"', re.M)


@pytest.mark.slow
def test_the_fast_tier_has_no_properties_and_no_processes():
    marks = FAST.search((ROOT / "Makefile").read_text("utf-8"))
    assert marks
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", marks[1]]
    said = subprocess.run(collect, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = re.findall(r"^(tests/\S+)\.py::(\w+)", said, re.M)
    assert len(found) > 100
    for path, name in set(found):
        assert not path.startswith("tests/process/")
        test = getattr(importlib.import_module(path.replace("/", ".")), name)
        assert not getattr(test, "is_hypothesis_test", False), f"{path}: {name}"
