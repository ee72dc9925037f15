"""A worker tells of itself what is so, and stops when its data dir is gone."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import SHUTDOWN, Request
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.lock.open_file_lock import SUPPORTED
from incumbent.lifecycle.lock.serve_lock import is_held
from incumbent.lifecycle.machine import states as s
from incumbent.lifecycle.posix.child_process import Process
from incumbent.lifecycle.posix.child_processes import ChildProcesses
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.settings import Worker
from incumbent.server.data_hold import DataHold
from incumbent.server.report import Report
from incumbent.server.requests import Requests

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="no locks of open files here")


class Case:
    """A worker's hold of its data dir, with what it tells."""

    def __init__(self, worker: Worker, managed: bool = False) -> None:
        self.worker, self.requests = worker, Requests()
        self.data = DataHold(worker, self.requests)
        self.processes = ChildProcesses(worker, "handover", SpawnLockHold(worker, []))
        self.report = Report(
            worker, Generation("line", 3), managed, self.requests, self.data, self.processes
        )

    def has_data(self) -> bool:
        """Look, in a loop as the worker does."""

        async def looked() -> bool:
            return self.report.has_data()

        return asyncio.run(looked())


@pytest.fixture
def case(worker: Worker):
    its = Case(worker)
    assert its.data.take() == ""
    yield its
    its.data.close()


# The data dir.


def test_a_data_dir_that_is_there_stops_nothing(case: Case):
    assert case.has_data()
    assert not case.data.is_gone
    assert not case.requests.waiting
    assert case.data.takes_our_lines


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_data_dir_that_is_gone_stops_the_worker_once(
    case: Case, capsys: pytest.CaptureFixture[str], replaced: bool
):
    shutil.rmtree(case.worker.data_dir)
    if replaced:
        os.mkdir(case.worker.data_dir, 0o700)
    assert not case.has_data()
    assert not case.has_data()
    assert case.data.is_gone
    assert not case.data.takes_our_lines
    assert case.requests.taken() == Request(SHUTDOWN, 1)
    assert not case.requests.waiting
    case.data.say_why_stopped()
    gone = f"{case.worker.path('serve.lock')} was removed or replaced"
    assert capsys.readouterr().err.splitlines() == [
        f"incumbent: {gone}: the worker takes nothing more",
        f"incumbent: stopped, because {gone}",
    ]


def test_where_only_the_lock_is_gone_our_lines_still_come_into_our_data_dir(case: Case):
    os.unlink(case.worker.path("serve.lock"))
    assert not case.has_data()
    assert case.data.takes_our_lines


def test_who_does_not_hold_the_data_yet_does_not_miss_it(worker: Worker):
    case = Case(worker)
    shutil.rmtree(worker.data_dir)
    assert case.has_data()
    assert not case.requests.waiting


def test_a_worker_that_stops_for_another_reason_does_not_blame_the_data_dir(
    case: Case, capsys: pytest.CaptureFixture[str]
):
    case.data.say_why_stopped()
    assert capsys.readouterr().err == ""


def test_a_copy_that_is_closed_leaves_the_lock_and_a_released_one_does_not(case: Case):
    path = case.worker.path("serve.lock")
    copy = os.dup(case.data.fd)
    case.data.close()
    assert case.data.fd == case.data.fileno() == -1
    assert is_held(path)
    case.data.adopt(-1)
    assert case.data.fd == -1
    case.data.adopt(copy)
    assert case.data.fd == case.data.fileno() == copy
    case.data.release()
    assert not is_held(path)


# What it tells.


@pytest.mark.parametrize(
    ("state", "status"),
    [
        *((state, "starting") for state in sorted(s.COMING_UP_STATES)),
        *((state, "ok") for state in sorted(s.SERVING_STATES)),
        (s.DRAINING, "handing-off"),
        (s.STOPPING, "handing-off"),
    ],
)
def test_a_status_is_a_word_for_the_state(case: Case, state: str, status: str):
    case.report.state = state
    said = case.report.health()
    assert (said.state, said.status) == (state, status)


@pytest.mark.parametrize(
    ("state", "told"), [(s.VERIFIED, s.STOPPING), (s.DRAINING, s.DRAINING), (s.BOUND, s.BOUND)]
)
def test_without_its_data_dir_a_worker_does_not_serve(case: Case, state: str, told: str):
    case.report.state = state
    case.data.is_gone = True
    said = case.report.health()
    assert said.state == told
    assert said.status != "ok"


@pytest.mark.parametrize("managed", [True, False])
def test_everything_that_is_told_is_the_workers_own(worker: Worker, managed: bool):
    case = Case(worker, managed)
    report = case.report
    before = time.monotonic()
    report.has_the_port()
    report.state, report.version, report.version_source = s.VERIFIED, "1.2.3", "app"
    report.path, report.refusal = "/code/app.py", "busy"
    said = report.health()
    assert said.pid == os.getpid()
    assert (said.host, said.port) == (worker.host, worker.port)
    assert (said.service, said.data_dir, said.app) == (worker.name, worker.data_dir, worker.app)
    assert (said.version, said.worker_path, said.refusal) == ("1.2.3", "/code/app.py", "busy")
    assert (said.generation, said.managed) == (Generation("line", 3), managed)
    assert said.instance == report.instance
    assert len(said.instance) == 24
    assert before <= said.since <= time.monotonic()
    assert 0 <= said.uptime < 60
    assert said.started_at[:4].isdigit()
    assert said.started_at.endswith("Z")
    told = {"versionSource": "app", "python": sys.executable, "ready": True}
    assert report.extra() == told
    assert report.instance != Case(worker).report.instance


def test_a_version_is_declared_until_the_code_says_more(case: Case):
    assert case.report.health().version == case.worker.version
    assert case.report.extra()["versionSource"] == "declared"


def test_a_successor_is_chosen_as_long_as_a_child_is_not_settled(case: Case):
    assert not case.report.successor_is_chosen
    case.processes.unsettled[1] = Process(None, None)
    assert case.report.successor_is_chosen
    case.processes.unsettled.clear()


def test_a_secret_is_there_once_it_is_learned(case: Case):
    assert case.report.token == ""
    notices: list[str] = []
    case.report.learn_token(notices)
    assert case.report.token == Path(case.worker.path("token")).read_text().strip()
    assert notices == []
