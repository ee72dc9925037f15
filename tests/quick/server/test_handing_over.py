"""A worker's two ends: to the child that is to take over, to whoever spawned it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from incumbent.lifecycle.drivers.ports import RESTART, SHUTDOWN, Child, ChildExit, Request
from incumbent.lifecycle.posix.child_process import TAKES_SERVE_LOCK, Process
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker
from incumbent.server.process import socket_passing
from incumbent.server.worker import PosixWorker

from .test_worker import port_of

BUILD = Build("1.0.0", "app:app", sys.executable)
SOON_S = 20.0


@pytest.fixture
def start_timeout() -> float:
    return SOON_S


@pytest.fixture
def one(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> PosixWorker:
    return port_of(worker, monkeypatch)


class Pipe:
    """A child without a process: our end of its pair, and its own."""

    def __init__(self, one: PosixWorker, number: int = 1) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.child = Child(number, BUILD)
        one.processes.unsettled[number] = Process(None, self.ours, gone=9)


@pytest.fixture
def pipe(one: PosixWorker) -> Iterator[Pipe]:
    made = Pipe(one)
    yield made
    one.processes.unsettled.clear()
    made.ours.close()
    made.theirs.close()


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


# Whether, and what.


@pytest.mark.parametrize(
    ("strategies", "wish", "of_build", "can"),
    [
        (("seamless", "rebind"), "auto", "", True),
        (("seamless",), "auto", "seamless", True),
        (("rebind",), "auto", "", False),
        (("seamless", "rebind"), "rebind", "", False),
        (("seamless", "rebind"), "auto", "rebind", False),
    ],
)
def test_a_socket_is_passed_where_neither_side_wishes_otherwise(
    one: PosixWorker, strategies: tuple[str, ...], wish: str, of_build: str, can: bool
):
    one.worker.handover = wish
    environment = (("INCUMBENT_HANDOVER", of_build),) if of_build else ()
    build = BUILD._replace(strategies=strategies, environment=environment)
    assert asyncio.run(one.children.can_pass_socket(build)) is can


def test_where_no_descriptor_can_be_passed_no_socket_is(
    one: PosixWorker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr(socket, "send_fds")
    assert not asyncio.run(one.children.can_pass_socket(BUILD._replace(strategies=("seamless",))))


# The child warms up.


def test_an_ask_ends_the_waiting_for_a_standby_which_goes_on(one: PosixWorker, pipe: Pipe):
    async def story() -> tuple[object, object]:
        warming = asyncio.ensure_future(one.children.warm_up(pipe.child))
        await turns()
        one.requests.ask(SHUTDOWN)
        first = await asyncio.wait_for(warming, SOON_S)
        pipe.theirs.send(b"r")
        return first, await asyncio.wait_for(one.children.warm_up(pipe.child), SOON_S)

    first, second = asyncio.run(story())
    assert first == Request(SHUTDOWN, 1)
    assert second == ChildExit(None, ready=True)
    assert one.processes.unsettled[1].ready


def test_an_ask_from_before_is_heard_first(one: PosixWorker, pipe: Pipe):
    async def story() -> object:
        one.requests.ask(RESTART)
        return await asyncio.wait_for(one.children.warm_up(pipe.child), SOON_S)

    assert asyncio.run(story()) == Request(RESTART, 1)


@pytest.mark.parametrize("verb", ["warm_up", "watch"])
def test_a_child_whose_pipe_ends_is_reaped(one: PosixWorker, pipe: Pipe, verb: str):
    pipe.theirs.close()
    ended = asyncio.run(getattr(one.children, verb)(pipe.child))
    assert (ended.code, ended.ready, ended.up, ended.late) == (9, False, False, False)
    assert one.processes.unsettled == {}


def test_a_child_that_is_up_is_the_last_that_took_over(one: PosixWorker, pipe: Pipe):
    assert one.children.last == 0
    pipe.theirs.send(b"r")
    pipe.theirs.send(b"u")
    assert asyncio.run(one.children.watch(pipe.child)) == ChildExit(None, up=True)
    assert one.children.last == 1
    assert one.processes.unsettled == {}


def test_a_child_that_says_something_else_is_waited_for_on(
    one: PosixWorker, worker: Worker, pipe: Pipe
):
    worker.start_timeout = -0.8  # what is left of the grace
    pipe.theirs.send(b"r")
    assert asyncio.run(one.children.watch(pipe.child)) == ChildExit(None, late=True)
    assert list(one.processes.unsettled) == [1]


# The drain.


def draining(one: PosixWorker, ends: asyncio.Event, kept: list[bool]) -> None:
    async def let_finish(keep: bool) -> None:
        kept.append(keep)
        try:
            await ends.wait()
        except asyncio.CancelledError:
            kept.append(False)
            raise

    one.app.let_finish = let_finish  # type: ignore[method-assign]  # what is drained is no matter


def test_a_stop_drains_to_its_end_and_keeps_nothing(one: PosixWorker):
    async def story() -> bool:
        ends, kept = asyncio.Event(), list[bool]()
        draining(one, ends, kept)
        owed = one.requests.ask(SHUTDOWN)
        over = asyncio.ensure_future(one.children.drain(None))
        await turns()
        assert kept == [False]
        assert owed.done()
        assert not owed.result()
        assert not over.done()
        ends.set()
        return await over

    assert asyncio.run(story()) is True


def test_a_handover_drains_to_its_end_and_keeps_what_is_idle(one: PosixWorker, pipe: Pipe):
    async def story() -> bool:
        ends, kept = asyncio.Event(), list[bool]()
        draining(one, ends, kept)
        owed = one.requests.ask(RESTART)
        over = asyncio.ensure_future(one.children.drain(pipe.child))
        await turns()
        assert kept == [True]
        assert await owed is True  # it joins what is over
        ends.set()
        return await over

    assert asyncio.run(story()) is True
    assert list(one.processes.unsettled) == [1]


def test_a_standby_that_dies_meanwhile_ends_the_drain_at_once(one: PosixWorker, pipe: Pipe):
    async def story() -> bool:
        ends, kept = asyncio.Event(), list[bool]()
        draining(one, ends, kept)
        over = asyncio.ensure_future(one.children.drain(pipe.child))
        await turns()
        pipe.theirs.close()
        try:
            return await asyncio.wait_for(over, SOON_S)
        finally:
            assert kept == [True, False]

    assert asyncio.run(story()) is False


def test_a_standby_that_dies_as_the_drain_ends_is_noticed(one: PosixWorker, pipe: Pipe):
    async def story() -> bool:
        ends, kept = asyncio.Event(), list[bool]()
        ends.set()
        draining(one, ends, kept)
        pipe.theirs.close()
        over = asyncio.ensure_future(one.children.drain(pipe.child))
        return await asyncio.wait_for(over, SOON_S)

    assert asyncio.run(story()) is False


# The socket.


@pytest.mark.parametrize("takes_lock", [True, False])
def test_a_socket_is_passed_with_what_is_kept_and_the_lock_where_it_is_known(
    one: PosixWorker, worker: Worker, pipe: Pipe, takes_lock: bool
):
    kept, client = socket.socketpair()
    closed: list[bool] = []
    one.app.hosted_app = SimpleNamespace(
        connections=SimpleNamespace(kept=[kept], leave=lambda: closed.append(True))
    )
    listener = socket.create_server((worker.host, worker.port))
    fd = os.open(worker.path("serve.lock"), os.O_RDWR | os.O_CREAT)
    one.address.adopt(socket_passing.Passed(listener, [], shared=True, serve_lock=fd))
    strategies = ("seamless", TAKES_SERVE_LOCK) if takes_lock else ("seamless",)
    child = pipe.child._replace(build=BUILD._replace(strategies=strategies))
    assert asyncio.run(one.children.pass_socket(child)) is True
    received = socket_passing.receive(pipe.theirs)
    assert received is not None
    assert (received.serve_lock >= 0) is takes_lock
    assert received.shared
    client.send(b"x")
    assert received.kept[0].recv(1) == b"x"
    assert received.listener.getsockname() == listener.getsockname()
    asyncio.run(one.address.close())
    assert closed == [True]
    if takes_lock:
        os.close(received.serve_lock)
    for each in (received.listener, *received.kept, kept, client):
        each.close()


def test_a_standby_that_is_gone_gets_no_socket(one: PosixWorker, worker: Worker, pipe: Pipe):
    one.app.hosted_app = SimpleNamespace(connections=SimpleNamespace(kept=[], leave=lambda: None))
    listener = socket.create_server((worker.host, worker.port))
    one.address.adopt(socket_passing.Passed(listener, [], shared=False, serve_lock=-1))
    pipe.theirs.close()
    assert asyncio.run(one.children.pass_socket(pipe.child)) is False
    asyncio.run(one.address.close())


# To whoever spawned it.


class Spawned:
    """A worker that was spawned, and its parent's end of the pair."""

    def __init__(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parent, theirs = socket.socketpair()
        self.one = port_of(worker, monkeypatch, PIPE=str(theirs.detach()), ROLE="understudy")

    def awaited(self) -> str:
        async def story() -> Any:
            return await asyncio.wait_for(self.one.parent.await_socket(), SOON_S)

        return str(asyncio.run(story()).event)


@pytest.fixture
def spawned(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Spawned]:
    its = Spawned(worker, monkeypatch)
    yield its
    its.one.parent.hang_up()
    its.parent.close()


def test_a_parent_is_told_ready_then_up_then_nothing_more(spawned: Spawned):
    asyncio.run(spawned.one.parent.say_ready())
    assert spawned.parent.recv(64) == b"r"
    asyncio.run(spawned.one.parent.say_up())
    assert spawned.parent.recv(64) == b"u"
    spawned.one.parent.hang_up()
    assert spawned.parent.recv(64) == b""
    spawned.one.parent.hang_up()
    asyncio.run(spawned.one.parent.say_ready())  # nobody is there, which is no error


def test_a_parent_that_is_gone_is_no_reason_to_fail(spawned: Spawned):
    spawned.parent.close()
    asyncio.run(spawned.one.parent.say_ready())
    asyncio.run(spawned.one.parent.say_up())


def test_a_standby_whose_parent_is_gone_gets_no_socket(spawned: Spawned):
    spawned.parent.close()
    assert spawned.awaited() == "pipe_closed"


def test_a_standby_that_is_asked_to_stop_waits_no_longer(spawned: Spawned):
    async def story() -> str:
        spawned.one.requests.ask(SHUTDOWN)
        return (await asyncio.wait_for(spawned.one.parent.await_socket(), SOON_S)).event

    assert asyncio.run(story()) == "stop_asked"


def test_a_socket_that_has_come_is_taken_although_a_stop_is_asked(spawned: Spawned, worker: Worker):
    with socket.create_server((worker.host, worker.port)) as listener:
        assert socket_passing.send(spawned.parent, listener, [])

        async def story() -> str:
            coming = asyncio.ensure_future(spawned.one.parent.await_socket())
            await turns(1)
            spawned.one.requests.ask(SHUTDOWN)
            return (await asyncio.wait_for(coming, SOON_S)).event

        assert asyncio.run(story()) == "socket_received"
    assert spawned.one.address.listener is not None
    asyncio.run(spawned.one.address.close())
