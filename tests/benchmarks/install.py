"""Installs the project as its users do: plain, compiled, in an environment of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = ("lifecycle", "server", "cli", "diagrams")
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", *FOLDERS)
UNCOMPILED = "PYTHONDONTWRITEBYTECODE"


@contextlib.contextmanager
def installed() -> Iterator[str]:
    """Give the interpreter of a temporary environment that has this checkout installed.

    Built from a copy, so that the checkout keeps no traces of a build.
    """
    root = Path(tempfile.mkdtemp(prefix="incumbent-install-"))
    try:
        source = root / "source"
        source.mkdir()
        for name in BUILT_FROM:
            _copy(CHECKOUT / name, source / name)
        venv = root / "venv"
        run([sys.executable, "-m", "venv", str(venv)])
        python = str(venv / "bin" / "python")
        constraints = str(CHECKOUT / "constraints.txt")
        run([python, "-m", "pip", "install", "--quiet", "--constraint", constraints, str(source)])
        yield python
    finally:
        shutil.rmtree(root, ignore_errors=True)


def run(argv: list[str]) -> None:
    """Run a step of an installation; what it has to say goes to stderr."""
    subprocess.run(argv, env=compiling(), stdout=sys.stderr, check=True)


def compiling() -> dict[str, str]:
    """Give this environment without what keeps an interpreter from caching what it compiled."""
    return {name: text for name, text in os.environ.items() if name != UNCOMPILED}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
