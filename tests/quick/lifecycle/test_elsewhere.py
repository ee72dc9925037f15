"""Who runs the app on a data dir is found at another address too, and never guessed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle import elsewhere as module
from incumbent.lifecycle import health as h
from incumbent.lifecycle.elsewhere import address_of, look_elsewhere, seen_anywhere
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import Health, ProbeResult
from incumbent.lifecycle.lock.open_file_lock import SUPPORTED
from incumbent.lifecycle.lock.process_identity import self_token
from incumbent.lifecycle.lock.serve_lock import Holder, ServeLock, network_id
from incumbent.lifecycle.settings import Worker

from ...world import dead_owner

pytestmark = pytest.mark.skipif(not SUPPORTED, reason="no locks of open files here")

THERE = 26001


def answers(worker: Worker, port: int, number: int = 3) -> ProbeResult:
    health = Health(
        pid=7, version="1.0.0", state="verified", instance="i", service=worker.name,
        data_dir=worker.data_dir, port=port, host="127.0.0.9", generation=Generation("l", number),
    )  # fmt: skip
    return ProbeResult(h.WORKER_SERVING, health)


Asked = Callable[[dict[int, ProbeResult]], list[tuple[str, int, float]]]


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Let ports answer; give who was asked, and for how long."""

    def say(known: dict[int, ProbeResult]) -> list[tuple[str, int, float]]:
        asked: list[tuple[str, int, float]] = []

        def probe(host: str, port: int, name: str, data_dir: str, timeout: float) -> ProbeResult:
            assert name
            assert os.path.isdir(data_dir)
            asked.append((host, port, timeout))
            return known.get(port, ProbeResult(h.DARK))

        monkeypatch.setattr(module, "probe", probe)
        return asked

    return say


@pytest.fixture
def lock(worker: Worker) -> Iterator[ServeLock]:
    its = ServeLock(worker.path("serve.lock"))
    assert its.take()
    yield its
    its.close()


def named(lock: ServeLock, host: str, port: int, network: str | None = None) -> None:
    network = network_id() if network is None else network
    lock.name(Holder(7, host, port, network, "far", "i", Generation("l", 3)))


# By the serve lock.


def test_whoever_holds_the_lock_is_asked_where_it_says_it_is(
    worker: Worker, lock: ServeLock, ports: Asked
):
    named(lock, "127.0.0.9", THERE)
    asked = ports({THERE: answers(worker, THERE)})
    seen = look_elsewhere(worker, 0.5)
    assert seen.health is not None
    assert (seen.kind, seen.health.pid) == (h.WORKER_SERVING, 7)
    assert asked == [("127.0.0.9", THERE, 0.5)]


def test_whoever_does_not_answer_there_still_holds_the_data(
    worker: Worker, lock: ServeLock, ports: Asked
):
    named(lock, "::1", THERE)
    ports({THERE: ProbeResult(h.FOREIGN, None, "somebody")})
    seen = look_elsewhere(worker)
    assert (seen.kind, seen.detail) == (h.DATA_HELD, f"the worker 7 at [::1]:{THERE}")


def test_whoever_says_our_own_address_is_not_asked_again(
    worker: Worker, lock: ServeLock, ports: Asked
):
    named(lock, worker.host, worker.port)
    asked = ports({worker.port: answers(worker, worker.port)})
    assert look_elsewhere(worker).kind == h.DATA_HELD
    assert asked == []
    named(lock, "127.0.0.9", worker.port)
    assert look_elsewhere(worker).kind == h.WORKER_SERVING


def test_whoever_is_in_another_network_is_out_of_reach(
    worker: Worker, lock: ServeLock, ports: Asked
):
    named(lock, "127.0.0.9", THERE, "another/network")
    asked = ports({THERE: answers(worker, THERE)})
    seen = look_elsewhere(worker)
    assert seen.kind == h.OUT_OF_REACH
    assert seen.detail == f"the worker 7 on far at 127.0.0.9:{THERE}, out of reach from here"
    assert asked == []


@pytest.mark.usefixtures("lock")
def test_whoever_has_not_said_yet_who_it_is_holds_the_data(worker: Worker, ports: Asked):
    asked = ports({})
    seen = look_elsewhere(worker)
    assert (seen.kind, seen.detail) == (h.DATA_HELD, "a worker that has not said yet who it is")
    assert asked == []


# By the PID file, of the first edition.


def pid_file(worker: Worker, port: int, pid: int, start: str) -> None:
    said = {"pid": pid, "start": start, "version": "0.1.0", "port": port}
    Path(worker.path("worker.pid")).write_text(json.dumps(said))


def test_a_worker_of_the_first_edition_is_found_by_its_pid_file(worker: Worker, ports: Asked):
    pid_file(worker, THERE, os.getpid(), self_token())
    asked = ports({THERE: answers(worker, THERE, number=0)})
    seen = look_elsewhere(worker, 0.5)
    assert seen.health is not None
    assert (seen.kind, seen.health.host) == (h.WORKER_SERVING, worker.host)
    assert asked == [(worker.host, THERE, 0.5)]


@pytest.mark.parametrize("case", ["none", "dead", "recycled", "our port", "today", "dark"])
def test_any_other_pid_file_names_nobody_elsewhere(worker: Worker, ports: Asked, case: str):
    asked = ports({} if case == "dark" else {THERE: answers(worker, THERE, int(case == "today"))})
    pid, start = dead_owner() if case == "dead" else (os.getpid(), self_token())
    start = "1" if case == "recycled" else start
    if case != "none":
        pid_file(worker, worker.port if case == "our port" else THERE, pid, start)
    assert look_elsewhere(worker).kind == h.DATA_FREE
    assert bool(asked) is (case in ("today", "dark"))


# Here, else there.


@pytest.mark.parametrize(
    ("here", "told"),
    [
        (h.DARK, h.WORKER_SERVING), (h.FOREIGN, h.WORKER_SERVING), (h.NO_ADDRESS, h.WORKER_SERVING),
        (h.SILENT, h.SILENT), (h.WORKER_LEAVING, h.WORKER_LEAVING),
    ],
)  # fmt: skip
def test_only_where_nobody_of_ours_is_here_one_looks_there(
    worker: Worker, lock: ServeLock, ports: Asked, here: str, told: str
):
    named(lock, "127.0.0.9", THERE)
    ports({THERE: answers(worker, THERE)})
    assert seen_anywhere(worker, ProbeResult(here)).kind == told


@pytest.mark.parametrize(
    ("here", "told"),
    [(h.DARK, h.DATA_HELD), (h.FOREIGN, h.FOREIGN), (h.NO_ADDRESS, h.NO_ADDRESS)],
)
def test_who_only_holds_the_data_matters_where_the_port_is_dark(
    worker: Worker, lock: ServeLock, ports: Asked, here: str, told: str
):
    named(lock, "127.0.0.9", THERE)
    ports({})
    assert seen_anywhere(worker, ProbeResult(here)).kind == told


def test_a_dark_port_with_free_data_is_a_dark_port(worker: Worker, ports: Asked):
    ports({})
    seen = ProbeResult(h.DARK)
    assert seen_anywhere(worker, seen) is seen


def test_an_address_is_our_own_unless_only_another_one_is_ours(
    worker: Worker, lock: ServeLock, ports: Asked
):
    named(lock, "127.0.0.9", THERE)
    ports({})
    assert address_of(worker) == (worker.host, worker.port)
    ports({THERE: answers(worker, THERE)})
    assert address_of(worker) == ("127.0.0.9", THERE)
    ports({THERE: answers(worker, THERE), worker.port: answers(worker, worker.port)})
    assert address_of(worker) == (worker.host, worker.port)
