"""Installs this checkout under a version of one's choice, with an interpreter of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDERS = ("lifecycle", "server", "cli", "diagrams")
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", *FOLDERS)
# Where a version stands, with what stands before it on its line.
VERSIONED = (("pyproject.toml", "version = "), ("lifecycle/about.py", "VERSION = "))


class Install(NamedTuple):
    """One installed version, reached through its own console script."""

    version: str
    script: str
    folder: Path


def installed(root: Path, versions: Iterable[str]) -> list[Install]:
    """Install these versions below `root`, side by side."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda version: _installed(root / version, version), versions))


def _installed(folder: Path, version: str) -> Install:
    """Build from a copy, so that the checkout keeps no traces.

    What the project depends on, and what builds it, comes from the interpreter that runs the drill.
    """
    source, venv = folder / "source", folder / "venv"
    source.mkdir(parents=True)
    for name in BUILT_FROM:
        _copy(CHECKOUT / name, source / name)
    for name, before in VERSIONED:
        path = source / name
        text, changed = re.subn(
            rf'^{before}"[^"]*"', f'{before}"{version}"', path.read_text("utf-8"), flags=re.M
        )
        assert changed == 1, f"{changed} versions in {name}"
        path.write_text(text, "utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheel_of = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    _run([*pip, *wheel_of, str(source)])
    _run([sys.executable, "-m", "venv", "--without-pip", str(venv)])
    python = str(venv / "bin" / "python")
    paths = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    (_library(venv) / "dependencies.pth").write_text("\n".join(paths) + "\n", "utf-8")
    wheel = next(folder.glob("*.whl"))
    _run([*pip, "--python", python, "install", "--no-deps", "--no-index", str(wheel)])
    return Install(version, str(venv / "bin" / "worker-service"), folder)


def _library(venv: Path) -> Path:
    variables = {"base": str(venv), "platbase": str(venv)}
    return Path(sysconfig.get_path("purelib", "venv", variables))


def _run(argv: list[str]) -> None:
    done = subprocess.run(
        argv,
        env=compiling(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(argv)} exited {done.returncode}:\n{done.stdout}"


def compiling() -> dict[str, str]:
    """Give this environment without what would make each start compile everything again."""
    environment = dict(os.environ)
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH"):
        with contextlib.suppress(KeyError):
            del environment[name]
    return environment


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
