"""One process serves a data dir: the lock that says so, and the number of its launch."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle.drivers.ports import Child
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import DARK, DATA_FREE, DATA_HELD, OUT_OF_REACH
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.lock.open_file_lock import SUPPORTED
from incumbent.lifecycle.lock.serve_lock import (
    Holder,
    ServeLock,
    holder_in,
    is_held,
    network_id,
)
from incumbent.lifecycle.pid_file import write
from incumbent.lifecycle.posix.child_environment import BUILD_VARIABLE, GENERATION_VARIABLE
from incumbent.lifecycle.posix.child_process import TAKES_SERVE_LOCK
from incumbent.lifecycle.posix.launcher import PosixLauncher
from incumbent.lifecycle.record import Build, Record
from incumbent.lifecycle.record_format import decoded
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.soon_dead import LEFT, SETTLED, UP, build_key
from incumbent.server import data_hold
from incumbent.server.process import socket_passing

from .test_worker import holder, is_dark, listened, passing, port_of

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="no locks of open files here")

BUILD = Build("1.0.0", "app:app", sys.executable)


def held(worker: Worker) -> ServeLock:
    """Give somebody's serve lock on this data dir."""
    lock = ServeLock(worker.path("serve.lock"))
    assert lock.take()
    return lock


def named(worker: Worker, network: str, port: int = 0) -> ServeLock:
    lock = held(worker)
    port = port or worker.port + 1
    its = Holder(7, worker.host, port, network, "far", "i", Generation("ab", 3))
    lock.name(its)
    return lock


def launcher(worker: Worker) -> PosixLauncher:
    return PosixLauncher(worker, "spawner", "api")


def test_a_worker_that_listens_has_the_serve_lock(worker, monkeypatch):
    parent = holder(worker)
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "listen_ok"
    assert is_held(worker.path("serve.lock"))
    asyncio.run(one.address.close())
    assert not is_held(worker.path("serve.lock"))
    asyncio.run(parent.lock.release())


def test_a_worker_does_not_listen_where_somebody_serves_the_data(worker, monkeypatch):
    other, parent = held(worker), holder(worker)
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "data_held"
    assert is_dark(worker)
    other.close()
    asyncio.run(one.address.close())
    asyncio.run(parent.lock.release())


class Looking(ServeLock):
    """A serve lock that looks, when it is taken, whether somebody else could have the guard."""

    guard_was_free = True

    def __init__(self, worker: Worker) -> None:
        super().__init__(worker.path("serve.lock"))
        self._guard = Guard(worker.path("spawn.lock.guard"))

    def take(self) -> bool:
        """Take the lock."""
        self.guard_was_free = self._guard.take(wait=False)
        self._guard.give_back()
        return super().take()


def test_the_serve_lock_is_taken_under_the_guard_of_the_listen(worker, monkeypatch):
    parent = holder(worker)
    looking = Looking(worker)
    monkeypatch.setattr(data_hold, "ServeLock", lambda _: looking)
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "listen_ok"
    assert looking.held
    assert not looking.guard_was_free
    asyncio.run(one.address.close())
    asyncio.run(parent.lock.release())


def test_the_serve_lock_goes_with_the_socket(worker, monkeypatch):
    one, theirs = passing(worker, monkeypatch)
    build = BUILD._replace(strategies=("seamless", TAKES_SERVE_LOCK))
    assert asyncio.run(one.children.pass_socket(Child(1, build)))
    received = socket_passing.receive(theirs)
    asyncio.run(one.address.close())
    assert received is not None
    assert is_held(worker.path("serve.lock"))
    successor = ServeLock(worker.path("serve.lock"))
    successor.adopt(received.serve_lock)
    successor.close()
    assert not is_held(worker.path("serve.lock"))
    for each in (received.listener, theirs, one.processes.unsettled.pop(1).pipe):
        each.close()


def test_a_build_that_knows_no_serve_lock_is_not_given_one(worker, monkeypatch):
    one, theirs = passing(worker, monkeypatch)
    assert asyncio.run(one.children.pass_socket(Child(1, BUILD._replace(strategies=("seamless",)))))
    received = socket_passing.receive(theirs)
    asyncio.run(one.address.close())
    assert received is not None
    assert received.serve_lock == -1
    for each in (received.listener, theirs, one.processes.unsettled.pop(1).pipe):
        each.close()


def marked(worker: Worker) -> tuple[str, str]:
    """Give the build in the serve lock, with what became of it."""
    named = holder_in(worker.path("serve.lock"))
    assert named is not None
    return named.build, named.mark


def test_a_worker_that_ends_in_order_says_so_in_the_serve_lock(worker, monkeypatch):
    parent = holder(worker)
    monkeypatch.setenv(BUILD_VARIABLE, "abc")
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "listen_ok"
    asyncio.run(one.address.name_holder())
    assert marked(worker) == ("abc", "")
    one.address.came_up()
    assert marked(worker) == ("abc", UP)
    asyncio.run(one.address.free_data())
    assert marked(worker) == ("abc", LEFT)
    asyncio.run(one.address.close())
    asyncio.run(parent.lock.release())


def test_a_worker_that_is_settled_says_so_for_good(worker, monkeypatch):
    parent = holder(worker)
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "listen_ok"
    asyncio.run(one.address.name_holder())
    asyncio.run(one.address.settle())
    assert marked(worker)[1] == SETTLED
    asyncio.run(one.address.name_holder())  # as one that resumes does
    assert marked(worker)[1] == SETTLED
    asyncio.run(one.address.close())
    assert marked(worker)[1] == SETTLED
    asyncio.run(parent.lock.release())


def test_a_worker_that_gave_its_data_away_leaves_the_name_of_its_successor(worker, monkeypatch):
    parent = holder(worker)
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "listen_ok"
    asyncio.run(one.address.name_holder())
    successor = ServeLock(worker.path("serve.lock"))
    successor.adopt(os.dup(one.children._data.fd))
    successor.name(Holder(8, worker.host, worker.port, network_id(), "here", "its", Generation()))
    asyncio.run(one.address.close())
    assert marked(worker)[1] == ""
    successor.close()
    asyncio.run(parent.lock.release())


def launched(worker: Worker, mark: str) -> Record:
    """Give the record of a launcher that finds this in the serve lock, which is free."""
    one = launcher(worker)
    first = asyncio.run(one.store.number_launch())
    assert first is not None
    build = first.candidates[0]
    lock = held(worker)
    lock.name(
        Holder(7, worker.host, worker.port, network_id(), "here", "i", first.generation,
               build_key(build), mark)
    )  # fmt: skip
    asyncio.run(one.store.number_launch())
    record = decoded(Path(worker.path("launch.json")).read_bytes(), worker.name)
    assert record.rejected == (), "a worker that has the lock is not dead"
    lock.close()
    asyncio.run(one.store.number_launch())
    return decoded(Path(worker.path("launch.json")).read_bytes(), worker.name)


@pytest.mark.parametrize(("mark", "deaths"), [("", 0), (UP, 1), (LEFT, 0), (SETTLED, 0)])
def test_a_launcher_counts_the_worker_that_died_and_no_other(worker, mark, deaths):
    log = Path(worker.path("logs", "worker.log"))
    log.parent.mkdir()
    log.write_text("first\nout of marbles\n")
    record = launched(worker, mark)
    assert [rejection.tries for rejection in record.rejected] == [1] * deaths
    assert all(rejection.reason.endswith(": out of marbles") for rejection in record.rejected)


def test_a_death_that_a_launcher_has_judged_does_not_count_as_well(worker):
    one = holder(worker)
    launch = asyncio.run(one.store.number_launch())
    assert launch is not None
    assert asyncio.run(one.store.reject(BUILD, "exited 1", False))
    record = decoded(Path(worker.path("launch.json")).read_bytes(), worker.name)
    assert record.looked_at == launch.generation.number
    asyncio.run(one.lock.release())


# Numbers.


def test_a_launch_is_numbered_where_the_record_is_read(worker):
    one = launcher(worker)
    first, second = asyncio.run(one.store.number_launch()), asyncio.run(one.store.number_launch())
    assert first is not None
    assert second is not None
    assert second.generation.after(first.generation)
    assert second.generation.line == first.generation.line
    record = decoded(Path(worker.path("launch.json")).read_bytes(), worker.name)
    assert record.generation == second.generation


def test_a_child_keeps_the_number_that_its_parent_gave_it(worker, monkeypatch):
    parent = holder(worker)
    launch = asyncio.run(parent.store.number_launch())
    assert launch is not None
    asyncio.run(parent.store.number_launch())
    monkeypatch.setenv(GENERATION_VARIABLE, str(launch.generation))
    one = port_of(worker, monkeypatch, TOKEN=parent.lock.token)
    assert listened(one).event == "listen_ok"
    assert one.report.health().generation == launch.generation
    asyncio.run(one.address.name_holder())
    assert one.report.health().generation == launch.generation
    asyncio.run(one.address.close())
    asyncio.run(parent.lock.release())


def test_a_child_is_given_the_number_of_its_launch(worker, sandbox):
    parent = holder(worker)
    build = BUILD._replace(python=str(sandbox.root / "python"))
    said = sandbox.root / "said"
    Path(build.python).write_text(f'#!/bin/sh\necho "${GENERATION_VARIABLE}" > "{said}"\n')
    Path(build.python).chmod(0o755)
    child = asyncio.run(parent.children.spawn(build, Generation("ab", 7), False))
    process = parent.processes.process(child)
    assert process.reap(20) == 0
    assert said.read_text() == "ab:7\n"
    process.let_go()
    asyncio.run(parent.lock.release())


def test_a_run_notes_the_number_in_the_file_whoever_answers(worker):
    one = launcher(worker)
    launch = asyncio.run(one.store.number_launch())
    assert launch is not None
    run = asyncio.run(launcher(worker).begin(True))
    assert run.noted == launch.generation


# Looks at the serve lock.


def test_a_launcher_looks_at_data_that_nobody_serves(worker):
    seen = asyncio.run(launcher(worker).look_elsewhere())
    assert seen.kind == DATA_FREE


@pytest.mark.parametrize(("network", "kind"), [(network_id(), DATA_HELD), ("far", OUT_OF_REACH)])
def test_a_launcher_tells_who_is_out_of_reach_from_who_is_silent(worker, network, kind):
    lock = named(worker, network)
    seen = asyncio.run(launcher(worker).look_elsewhere())
    assert seen.kind == kind
    assert "7" in seen.detail
    lock.close()


def test_a_pid_file_of_a_worker_of_today_is_no_worker_elsewhere(worker):
    write(worker.path("worker.pid"), "1.0.0", worker.port + 1)
    assert asyncio.run(launcher(worker).look_elsewhere()).kind == DATA_FREE
    assert asyncio.run(launcher(worker).probe()).kind == DARK
