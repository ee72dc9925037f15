"""A pytest plugin for tools with a worker: each test has a place of its own, the real one is safe.

Switched on by `pytest_plugins = ["incumbent.lifecycle.testing"]` in a conftest.py. Every test then
finds an empty data dir with a free port in `INCUMBENT_DATA_DIR` and `INCUMBENT_PORT`; a worker that
was brought up there is stopped after the test. A test that touches a real data dir fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from .api import stop
from .environment import without_ours
from .errors import IncumbentError
from .settings import Worker, default_data_dir

STOP_S = 30.0
# What Python tells before it touches a file by its name (audit events of CPython).
_TOUCHING = frozenset({"open", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir"})


class WorkerPlace(NamedTuple):
    """Where the worker of one test is: the folder of its files, its port."""

    data_dir: str
    port: int


class _Tripwire:
    """Notes each real data dir that this process touches while it is armed."""

    def __init__(self) -> None:
        name = "any"
        environ = without_ours(os.environ)
        self._home = os.path.dirname(os.path.realpath(default_data_dir(name, environ))) + os.sep
        self.armed = False
        self.touched: list[str] = []

    def heard(self, event: str, given: tuple[object, ...]) -> None:
        """Take in one audit event."""
        if self.armed and event in _TOUCHING:
            for path in given[:2]:
                if isinstance(path, str) and os.path.abspath(path).startswith(self._home):
                    self.touched.append(path)


_TRIPWIRE = _Tripwire()
sys.addaudithook(_TRIPWIRE.heard)


@pytest.fixture(autouse=True)
def worker_place(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WorkerPlace]:
    """Give the test a data dir with a port of its own; stop the worker there afterwards."""
    data_dir = str(tmp_path_factory.mktemp("worker"))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    for name in [name for name in os.environ if name.startswith("INCUMBENT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("INCUMBENT_DATA_DIR", data_dir)
    monkeypatch.setenv("INCUMBENT_PORT", str(port))
    _TRIPWIRE.touched.clear()
    _TRIPWIRE.armed = True
    try:
        yield WorkerPlace(data_dir, port)
    finally:
        _TRIPWIRE.armed = False
        trouble = _stopped(data_dir, port)
    if _TRIPWIRE.touched:
        trouble.append(f"this test touched the real {_TRIPWIRE.touched[0]}")
    if trouble:
        pytest.fail("; ".join(trouble), pytrace=False)


def _stopped(data_dir: str, port: int) -> list[str]:
    """Stop the worker of a test, if it has brought one up; give what stood in the way."""
    name = ""
    path = os.path.join(data_dir, "launch.json")
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError), open(path, "rb") as file:
        name = json.load(file)["name"]
    if not name:
        return []
    try:
        stop(Worker(name, data_dir=data_dir, port=port, environ={}), timeout=STOP_S, origin="test")
    except IncumbentError as error:
        return [str(error)]
    return []
