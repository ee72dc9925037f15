"""A worker's hold of its address: taken under the fence, told to others, given back in order."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.lock import open_file_lock
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.lock.serve_lock import Holder, ServeLock, holder_in, is_held, network_id
from incumbent.lifecycle.record import Record
from incumbent.lifecycle.record_format import decoded, encoded
from incumbent.lifecycle.settings import Worker
from incumbent.server.process import socket_passing
from incumbent.server.process.hang_watch import HangWatch
from incumbent.server.process.logs import Output
from incumbent.server.process.service_manager import Manager
from incumbent.server.process.socket_passing import Passed
from incumbent.server.process.spawn_context import SpawnContext
from incumbent.server.worker import PosixWorker

from .test_worker import holder, is_dark, listened, port_of

pytestmark = pytest.mark.skipif(not open_file_lock.SUPPORTED, reason="no locks of open files here")


class Case:
    """A worker that may listen, with whoever holds the spawn lock for it."""

    def __init__(self, worker: Worker, monkeypatch: pytest.MonkeyPatch, **passed: str) -> None:
        self.worker = worker
        self.parent = holder(worker)
        self.one = port_of(worker, monkeypatch, TOKEN=self.parent.lock.token, **passed)
        self.address = self.one.address

    def close(self) -> None:
        asyncio.run(self.address.close())
        self.address.before_close = lambda: None
        asyncio.run(self.parent.lock.release())

    def guard_is_free(self) -> bool:
        guard = Guard(self.worker.path("spawn.lock.guard"))
        free = guard.take(wait=False)
        guard.give_back()
        return free

    @property
    def recorded(self) -> Record:
        return decoded(Path(self.worker.path("launch.json")).read_bytes(), self.worker.name)


@pytest.fixture
def case(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    its = Case(worker, monkeypatch)
    yield its
    its.close()


# To listen.


def test_what_is_listened_on_answers_at_once_and_can_be_bound_again(case: Case):
    before = case.one.report.health().since
    assert listened(case.one).event == "listen_ok"
    listener = case.address.listener
    assert listener is not None
    assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
    assert listener.proto == socket.IPPROTO_TCP  # or asyncio leaves Nagle's algorithm on
    assert listener.getsockname() == (case.worker.host, case.worker.port)
    assert not listener.get_inheritable()
    assert case.one.report.health().since > before


def test_more_may_wait_to_be_accepted_than_a_few(case: Case):
    assert listened(case.one).event == "listen_ok"
    waiting = []
    try:
        for _ in range(150):
            client = socket.socket()
            waiting.append(client)
            client.settimeout(5.0)
            client.connect((case.worker.host, case.worker.port))
    finally:
        for client in waiting:
            client.close()


def test_a_host_of_the_other_family_is_listened_on(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    worker.host = "::1"
    case = Case(worker, monkeypatch)
    step = listened(case.one)
    if "Cannot assign" in step.reason or "not supported" in step.reason:
        case.close()
        pytest.skip("this machine has no IPv6")
    assert step.event == "listen_ok"
    assert case.address.listener is not None
    assert case.address.listener.family == socket.AF_INET6
    case.close()


def test_an_address_that_this_machine_does_not_have_is_lost_with_its_name(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    worker.host = "192.0.2.1"  # RFC 5737: nobody has it
    case = Case(worker, monkeypatch)
    step = listened(case.one)
    assert step.event == "listen_lost"
    assert step.reason == f"192.0.2.1:{worker.port}: Cannot assign requested address"
    assert step.reason in capsys.readouterr().err
    assert case.guard_is_free()
    assert case.address.listener is None
    case.close()


def test_an_error_that_says_nothing_of_the_address_is_raised(
    case: Case, monkeypatch: pytest.MonkeyPatch
):
    class Broken(socket.socket):
        def bind(self, _: object) -> None:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Broken)
        with pytest.raises(OSError, match="Cannot allocate"):
            listened(case.one)
    assert case.guard_is_free()


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL])
def test_a_port_that_is_refused_leaves_no_socket(
    case: Case, monkeypatch: pytest.MonkeyPatch, number: int
):
    made: list[socket.socket] = []

    class Refused(socket.socket):
        def listen(self, *_: int) -> None:
            made.append(self)
            raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", Refused)
        step = listened(case.one)
    assert step.event == "listen_lost"
    assert os.strerror(number) in step.reason
    assert [one.fileno() for one in made] == [-1]
    assert case.address.listener is None
    assert not is_held(case.worker.path("serve.lock"))


def test_whoever_serves_the_data_already_is_named_and_the_port_stays_free(
    case: Case, capsys: pytest.CaptureFixture[str]
):
    other = ServeLock(case.worker.path("serve.lock"))
    assert other.take()
    other.name(Holder(7, "127.0.0.1", 1, network_id(), "far", "i", Generation("ab", 3)))
    step = listened(case.one)
    assert step.event == "data_held"
    assert step.reason.startswith(f"the worker 7 on far serves {case.worker.data_dir} already; ")
    assert step.reason in capsys.readouterr().err
    assert is_dark(case.worker)
    assert case.address.listener is None
    assert case.guard_is_free()
    other.close()


def test_without_a_secret_nobody_listens(case: Case, monkeypatch: pytest.MonkeyPatch):
    def denied(*_: object) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", denied)
        step = listened(case.one)
    assert step.event == "listen_lost"
    assert case.worker.path("token") in step.reason
    assert case.address.listener is None


def test_a_guard_that_is_busy_is_waited_for_beside_the_loop(case: Case):
    guard = Guard(case.worker.path("spawn.lock.guard"))
    assert guard.take(wait=True)
    turns = 0

    async def story() -> str:
        nonlocal turns
        listening = asyncio.ensure_future(case.address.listen())
        while turns < 5:
            await asyncio.sleep(0.001)
            turns += 1
        assert not listening.done()
        guard.give_back()
        return (await listening).event

    assert asyncio.run(story()) == "listen_ok"
    assert turns == 5


# The number of the launch.


def test_who_was_given_no_number_takes_the_next(case: Case):
    path = Path(case.worker.path("launch.json"))
    path.write_bytes(encoded(Record(case.worker.name, generation=Generation("line", 4))))
    assert listened(case.one).event == "listen_ok"
    assert case.recorded.generation == Generation("line", 5)
    assert case.one.report.generation == Generation("line", 5)


def test_who_was_given_a_number_keeps_it(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    path = Path(worker.path("launch.json"))
    path.write_bytes(encoded(Record(worker.name, generation=Generation("line", 4))))
    case = Case(worker, monkeypatch, GENERATION="line:3")
    assert listened(case.one).event == "listen_ok"
    assert case.recorded.generation == Generation("line", 4)
    assert case.one.report.generation == Generation("line", 3)
    case.close()


def test_where_there_is_no_number_to_be_had_it_serves_without(case: Case):
    Path(case.worker.path("launch.json")).write_text(json.dumps({"format": 99}))
    assert listened(case.one).event == "listen_ok"
    assert case.one.report.generation == Generation()
    assert len(case.one.notices) == 1


# What a successor takes over.


@pytest.mark.parametrize("shared", [True, False])
def test_what_a_predecessor_passed_is_held(case: Case, shared: bool):
    ours = ServeLock(case.worker.path("serve.lock"))
    assert ours.take()
    kept = socket.socketpair()
    listener = socket.create_server((case.worker.host, case.worker.port))
    before = case.one.report.health().since
    case.address.adopt(Passed(listener, list(kept), shared, ours.fd))
    assert case.address.listener is listener
    assert case.address.kept == list(kept)
    assert case.address.shared is shared
    assert case.one.report.health().since > before
    assert case.one.report.token == Path(case.worker.path("token")).read_text().strip()
    ours.fd = -1
    asyncio.run(case.address.free_data())
    assert not is_held(case.worker.path("serve.lock"))
    for one in kept:
        one.close()


def test_a_successor_of_the_first_edition_takes_the_data_itself_and_a_number(case: Case):
    step = asyncio.run(case.address.take_data())
    assert step.event == "data_taken"
    assert is_held(case.worker.path("serve.lock"))
    assert case.one.report.generation.number == 1
    assert case.recorded.generation.number == 1
    assert case.guard_is_free()


def test_a_successor_that_has_a_number_takes_no_other(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    case = Case(worker, monkeypatch, GENERATION="line:3")
    assert asyncio.run(case.address.take_data()).event == "data_taken"
    assert case.one.report.generation == Generation("line", 3)
    assert not Path(worker.path("launch.json")).exists()
    case.close()


def test_data_that_another_has_is_told(case: Case, capsys: pytest.CaptureFixture[str]):
    other = ServeLock(case.worker.path("serve.lock"))
    assert other.take()
    step = asyncio.run(case.address.take_data())
    assert step.event == "data_held"
    assert step.reason.startswith(f"another worker serves {case.worker.data_dir} already; run `")
    assert step.reason in capsys.readouterr().err
    assert case.one.report.generation == Generation()
    other.close()


def test_data_whose_lock_cannot_be_opened_is_held_for_that_reason(case: Case):
    Path(case.worker.path("serve.lock")).mkdir()
    step = asyncio.run(case.address.take_data())
    assert step.event == "data_held"
    assert "Is a directory" in step.reason


# What is told to others.


def test_the_serve_lock_says_who_serves_where(case: Case):
    assert listened(case.one).event == "listen_ok"
    asyncio.run(case.address.name_holder())
    report = case.one.report
    assert holder_in(case.worker.path("serve.lock")) == Holder(
        os.getpid(), case.worker.host, case.worker.port, network_id(), os.uname().nodename,
        report.instance, report.generation,
    )  # fmt: skip
    assert case.one.notices == []


def test_where_there_is_no_such_lock_the_worker_says_so_and_writes_nothing(
    case: Case, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(open_file_lock, "SUPPORTED", False)
    assert listened(case.one).event == "listen_ok"
    asyncio.run(case.address.name_holder())
    assert len(case.one.notices) == 1
    assert "has no locks of open files" in case.one.notices[0]
    assert Path(case.worker.path("serve.lock")).read_bytes() == b""


def test_a_name_that_cannot_be_written_is_told(case: Case, monkeypatch: pytest.MonkeyPatch):
    assert listened(case.one).event == "listen_ok"
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda *_: 3)
        asyncio.run(case.address.name_holder())
    [sentence] = case.one.notices
    assert case.worker.path("serve.lock") in sentence
    assert "No space left on device" in sentence


def test_the_pid_file_names_this_process_with_its_port(case: Case):
    asyncio.run(case.address.write_pid())
    asyncio.run(case.one.parent.say_ready())  # which calls the watchdog off
    said = json.loads(Path(case.worker.path("worker.pid")).read_text())
    assert (said["pid"], said["port"]) == (os.getpid(), case.worker.port)
    assert said["version"] == case.one.report.version


def test_a_pid_file_that_cannot_be_written_is_only_told_of(
    case: Case, capsys: pytest.CaptureFixture[str]
):
    Path(case.worker.path("worker.pid")).mkdir()
    asyncio.run(case.address.write_pid())
    asyncio.run(case.one.parent.say_ready())
    assert case.worker.path("worker.pid") in capsys.readouterr().err


# To give it back.


def test_the_data_goes_before_the_port(case: Case):
    assert listened(case.one).event == "listen_ok"
    seen: list[tuple[bool, bool]] = []
    listener = case.address.listener
    assert listener is not None
    case.address.before_close = lambda: seen.append(
        (is_held(case.worker.path("serve.lock")), listener.fileno() >= 0)
    )
    asyncio.run(case.address.close())
    assert seen == [(False, True)]
    assert case.address.listener is None
    assert is_dark(case.worker)
    asyncio.run(case.address.close())


def strays(case: Case) -> tuple[bool, socket.socket]:
    """Close the address; give whether a copy that strayed is answered still, with that copy."""
    assert case.address.listener is not None
    stray = case.address.listener.dup()
    asyncio.run(case.address.close())
    return not is_dark(case.worker), stray


def test_a_socket_that_a_manager_holds_too_lives_on_in_its_copy(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    worker_of_a_manager = PosixWorker(
        worker, SpawnContext(by_hand=False), Output(worker.path("logs", "w"), "", "info"),
        Manager({"NOTIFY_SOCKET": "/no/such/socket"}, by_hand=False), HangWatch(0, 1.0, 1.0),
    )  # fmt: skip
    case = Case(worker, monkeypatch)
    case.address = worker_of_a_manager.address
    listener = socket.create_server((worker.host, worker.port))
    case.address.adopt(Passed(listener, [], shared=False, serve_lock=-1))
    case.address.is_ours_alone()
    lives, stray = strays(case)
    assert lives
    stray.close()
    case.close()


def test_a_socket_of_our_own_is_freed_of_strays(case: Case):
    assert listened(case.one).event == "listen_ok"
    lives, stray = strays(case)
    assert not lives
    stray.close()


def test_a_socket_that_was_passed_on_lives_on_until_it_is_ours_alone_again(case: Case):
    assert listened(case.one).event == "listen_ok"
    case.address.is_passed_on()
    case.address.is_ours_alone()
    case.address.is_passed_on()
    lives, stray = strays(case)
    assert lives
    stray.close()


def test_an_inherited_serve_lock_that_is_none_is_not_adopted(case: Case):
    ours, theirs = socket.socketpair()
    with socket.create_server((case.worker.host, case.worker.port)) as listener, ours, theirs:
        assert socket_passing.send(ours, listener, [])
        received = socket_passing.receive(theirs)
    assert received is not None
    assert received.serve_lock == -1
    case.address.adopt(received)
    assert asyncio.run(case.address.take_data()).event == "data_taken"
    assert is_held(case.worker.path("serve.lock"))


# Run by hand.


@pytest.fixture
def by_hand(worker: Worker) -> Iterator[PosixWorker]:
    one = PosixWorker(
        worker, SpawnContext(by_hand=True), Output(worker.path("logs", "w"), "", "info"),
        Manager({}, by_hand=True), HangWatch(0, 1.0, 1.0),
    )  # fmt: skip
    yield one
    asyncio.run(one.address.close())
    asyncio.run(one.lock.release())


def test_a_worker_run_by_hand_listens_under_its_own_lock(by_hand: PosixWorker, worker: Worker):
    assert listened(by_hand).event == "listen_ok"
    assert not is_dark(worker)
    assert by_hand.lock.token in Path(worker.path("spawn.lock")).read_text()


def test_a_worker_run_by_hand_that_gets_no_lock_says_why(
    by_hand: PosixWorker, worker: Worker, capsys: pytest.CaptureFixture[str]
):
    Path(worker.path("spawn.lock")).mkdir()
    step = listened(by_hand)
    assert step.event == "listen_lost"
    assert worker.path("spawn.lock") in step.reason
    assert step.reason in capsys.readouterr().err
    assert is_dark(worker)


def test_a_managers_socket_for_another_address_is_told(
    by_hand: PosixWorker, monkeypatch: pytest.MonkeyPatch
):
    def elsewhere(*_: object) -> None:
        raise ValueError("set ListenStream")

    monkeypatch.setattr(Manager, "socket_for", elsewhere)
    assert listened(by_hand) == ("listen_lost", "set ListenStream")


def test_a_managers_socket_is_listened_on_and_shared(
    by_hand: PosixWorker, worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server((worker.host, worker.port)) as its:
        monkeypatch.setattr(Manager, "socket_for", lambda *_: its)
        assert listened(by_hand).event == "listen_ok"  # though the port is not dark
        assert by_hand.address.listener is its
        assert by_hand.address.shared
        stray = its.dup()
        asyncio.run(by_hand.address.close())
        assert not is_dark(worker)
        stray.close()
