"""Puts every test into a sandbox of its own."""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle import Worker

from . import isolation
from .isolation import Sandbox, Starts, Tripwire
from .world import World

DATA_DIRS = isolation.real_data_dirs()
TRIPWIRE = Tripwire(isolation.real_homes(), DATA_DIRS, isolation.code_places())
STARTS = Starts()
SANDBOXES = itertools.count()
sys.addaudithook(TRIPWIRE.hook)
sys.addaudithook(STARTS.hook)


def real_files() -> dict[str, int]:
    """Give what tells whether this user's real data dirs were used."""
    with TRIPWIRE.disarmed():
        return isolation.snapshot(DATA_DIRS)


@pytest.fixture(autouse=True)
def sandbox(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Sandbox]:
    """Give the test's own home, data dir, port; fail the test that leaves them or litters them."""
    root = tmp_path_factory.mktemp(f"sandbox{next(SANDBOXES)}", numbered=False)
    port, give_back = isolation.reserved_port()
    places = Sandbox(root, root / "home", root / "data", port)
    for folder in (places.home, root / "tmp"):
        folder.mkdir()
    for name in filter(isolation.is_foreign_to_a_test, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in places.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(tempfile, "tempdir", str(root / "tmp"))
    real = real_files()
    TRIPWIRE.tripped.clear()
    STARTS.forget()
    yield places
    wrongs = isolation.leavings(places, STARTS.before) + TRIPWIRE.tripped
    if real_files() != real:
        wrongs.append("the real data dir has changed")
    give_back()
    if wrongs:
        pytest.fail("; ".join(wrongs), pytrace=False)


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[World]:
    """Give a place for real workers; the one that serves is stopped after the test."""
    place = World(sandbox)
    yield place
    place.close()


@pytest.fixture
def data_dir(sandbox: Sandbox) -> Path:
    """Give the test's own data dir, made already."""
    sandbox.data_dir.mkdir(mode=0o700)
    return sandbox.data_dir


@pytest.fixture
def start_timeout() -> float | None:
    """Give the start budget of `worker` in seconds; a module may have its own."""
    return None


@pytest.fixture
def worker(sandbox: Sandbox, data_dir: Path, start_timeout: float | None) -> Worker:
    """Give a worker's settings, its files in the test's own data dir; nothing runs."""
    return Worker(
        environ=sandbox.environment(),
        data_dir=str(data_dir),
        port=sandbox.port,
        start_timeout=start_timeout,
    )
