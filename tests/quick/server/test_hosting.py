"""A worker runs its app on its connections, and blames a build only for what is its fault."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle.machine import states as s
from incumbent.lifecycle.posix.child_process import Process
from incumbent.lifecycle.record import Build, Record
from incumbent.lifecycle.record_format import decoded
from incumbent.lifecycle.settings import Worker
from incumbent.server import hosting as module
from incumbent.server.process.hang_watch import HangWatch
from incumbent.server.process.logs import Output
from incumbent.server.process.service_manager import Manager
from incumbent.server.process.socket_passing import Passed
from incumbent.server.process.spawn_context import SpawnContext
from incumbent.server.process.watchdog import Watchdog
from incumbent.server.worker import PosixWorker

from ...isolation import Sandbox

SOON_S = 20.0
BUILD = Build("1.0.0", "marvel:app", sys.executable)
REQUEST = b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
APP = """
import asyncio
__version__ = "1.0.0"
gate = asyncio.Event()
heard = []
flaw = ""

async def app(scope, receive, send):
    heard.append(scope["type"])
    if scope["type"] == "lifespan":
        await receive()
        if flaw:
            await send({"type": "lifespan.startup.failed", "message": flaw})
            return
        await gate.wait()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})
"""
# Asks its own worker how it is, while it is imported.
ASKING = """
import os, socket
__version__ = "1.0.0"
address = (os.environ["INCUMBENT_HOST"], int(os.environ["INCUMBENT_PORT"]))
aside = socket.create_connection(address)
aside.sendall(b"GET /x HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
asked = socket.create_connection(address, timeout=20)
asked.sendall(b"GET /api/health HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
said = b""
while more := asked.recv(65536):
    said += more
asked.close()
async def app(*_): ...
"""


@pytest.fixture
def worker(sandbox: Sandbox, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    folder = sandbox.root / "code"
    folder.mkdir()
    (folder / "marvel.py").write_text(APP)
    (folder / "asking.py").write_text(ASKING)
    (folder / "broken.py").write_text("raise ImportError('broken')\n")
    (folder / "poor.py").write_text("raise MemoryError\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("INCUMBENT_HOST", worker.host)
    monkeypatch.setenv("INCUMBENT_PORT", str(worker.port))
    worker.app = "marvel:app"
    yield worker
    for name in ("marvel", "asking", "broken", "poor"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def _nobody_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave alone what else is in this process's session, should it lead one."""
    monkeypatch.setattr(module, "end_members", lambda _: None)


@pytest.fixture(autouse=True)
def watch(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what the watchdog was told."""
    told: list[str] = []
    monkeypatch.setattr(Watchdog, "start", lambda _: told.append("start"))
    monkeypatch.setattr(Watchdog, "call_off", lambda _: told.append("off"))
    return told


class Case:
    """A worker's app, with a listener where `listens`."""

    def __init__(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch, listens: bool = True,
        by_hand: bool = False, expect: str = "", standby: bool = False,
    ) -> None:  # fmt: skip
        monkeypatch.setenv("INCUMBENT_EXPECT", expect)
        monkeypatch.setenv("INCUMBENT_ROLE", "understudy" if standby else "cold")
        self.worker = worker
        context = SpawnContext(by_hand, BUILD if by_hand else None)
        self.one = PosixWorker(
            worker, context, Output(worker.path("logs", "w.log"), "", "info"),
            Manager({}, by_hand), HangWatch(0, 1.0, 1.0),
        )  # fmt: skip
        self.app = self.one.app
        self.one.report.state = s.BOUND
        if listens:
            listener = socket.create_server((worker.host, worker.port))
            self.one.address.adopt(Passed(listener, [], shared=False, serve_lock=-1))

    def load(self) -> Any:
        return asyncio.run(self.app.load())

    async def served(self) -> bytes:
        """Ask once, as any client."""
        reader, writer = await asyncio.open_connection(self.worker.host, self.worker.port)
        writer.write(REQUEST)
        try:
            return await asyncio.wait_for(reader.readline(), SOON_S)
        finally:
            writer.close()

    async def close(self) -> None:
        if self.app.hosted_app is not None:
            await self.app.let_finish(keep=False)
        await self.one.address.close()

    @property
    def record(self) -> Record | None:
        path = Path(self.worker.path("launch.json"))
        return decoded(path.read_bytes(), self.worker.name) if path.exists() else None


def marvel() -> Any:
    """Give the app's module."""
    return sys.modules["marvel"]


# To import it.


def test_an_app_is_imported_while_others_are_told_so(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str]
):
    worker.app = "asking:app"
    case = Case(worker, monkeypatch)
    assert case.load().event == "imported"
    asked = sys.modules["asking"]
    assert asked.said.startswith(b"HTTP/1.1 200 OK\r\n")
    said = json.loads(asked.said.partition(b"\r\n\r\n")[2])
    assert (said["pid"], said["status"]) == (os.getpid(), "starting")
    assert (said["ready"], "python" in said) == (False, False)
    assert [kept.getpeername() for kept in case.one.address.kept] == [asked.aside.getsockname()]
    assert case.one.report.version == "1.0.0"
    assert case.one.report.version_source == "app"
    assert case.one.report.path == asked.__file__
    assert watch == []
    for kept in case.one.address.kept:
        kept.close()
    asked.aside.close()
    case.one.address.kept = []
    asyncio.run(case.close())


def test_a_standby_that_imports_has_a_budget(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str]
):
    case = Case(worker, monkeypatch, listens=False, standby=True)
    assert case.load().event == "imported"
    assert watch == ["start"]


@pytest.mark.parametrize("listens", [True, False])
@pytest.mark.parametrize("state", [s.BOUND, s.RESUMING])
@pytest.mark.parametrize("by_hand", [True, False])
def test_a_build_that_cannot_be_imported_is_told_and_blamed_where_nobody_else_does(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str],
    capsys: pytest.CaptureFixture[str], listens: bool, state: str, by_hand: bool,
):  # fmt: skip
    worker.app = "broken:app"
    case = Case(worker, monkeypatch, listens, by_hand)
    if by_hand:
        assert asyncio.run(case.one.lock.acquire()).event == "lock_acquired"
    case.one.report.state = state
    step = case.load()
    assert step.event == "app_failed"
    assert step.reason == "the app broken:app can't be imported: ImportError: broken"
    assert f"incumbent: {step.reason}" in capsys.readouterr().err
    assert watch == ([] if listens else ["start"]) + ["off"]
    blamed = [one.reason for one in case.record.rejected] if case.record else []
    assert blamed == ([step.reason] if by_hand and state == s.BOUND else [])
    asyncio.run(case.one.lock.release())
    asyncio.run(case.close())


def test_another_version_than_the_recorded_one_is_not_served(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str]
):
    case = Case(worker, monkeypatch, expect="2.0.0")
    step = case.load()
    assert step.event == "wrong_version"
    assert step.reason == "the code says version 1.0.0, the record says 2.0.0"
    assert case.app.hosted_app is None
    assert watch == ["off"]
    asyncio.run(case.close())


@pytest.mark.parametrize("expect", ["", "1.0.0", "1.0"])
def test_the_same_version_in_other_words_is_served(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str], expect: str
):
    case = Case(worker, monkeypatch, expect=expect)
    assert case.load().event == "imported"
    assert watch == []
    asyncio.run(case.close())


def test_what_the_machine_lacks_ends_the_import_and_its_answers(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str]
):
    worker.app = "poor:app"
    case = Case(worker, monkeypatch, by_hand=True)
    with pytest.raises(MemoryError):
        case.load()
    assert case.record is None
    assert watch == []
    asyncio.run(case.close())


# To start it.


async def started(case: Case, gate: bool = True) -> Any:
    assert (await case.app.load()).event == "imported"
    if gate:
        marvel().gate.set()
    return await case.app.start_app()


@pytest.mark.parametrize(
    ("standby", "state", "answers"),
    [
        (False, s.BOUND, True),
        (False, s.NAMED, True),
        (True, s.BOUND, False),
        (False, s.RESUMING, False),
    ],
)
def test_only_a_cold_start_answers_while_its_app_starts(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str],
    standby: bool, state: str, answers: bool,
):  # fmt: skip
    async def story() -> None:
        case = Case(worker, monkeypatch, standby=standby)
        case.one.report.state = state
        starting = asyncio.ensure_future(started(case, gate=False))
        while "marvel" not in sys.modules or not marvel().heard:
            await asyncio.sleep(0.001)
        for _ in range(50):
            await asyncio.sleep(0)
        assert not starting.done()
        assert case.app.hosted_app.connections.accepting is answers
        marvel().gate.set()
        assert (await asyncio.wait_for(starting, SOON_S)).event == "app_up"
        assert watch == ["off"]
        await case.app.stop_app()
        await case.close()

    asyncio.run(story())


def test_an_app_that_starts_at_once_is_served_when_it_is_open(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    async def story() -> bytes:
        case = Case(worker, monkeypatch)
        case.one.address.kept = []
        assert (await started(case)).event == "app_up"
        await case.app.open()
        try:
            return await case.served()
        finally:
            await case.app.stop_app()
            await case.close()

    assert asyncio.run(story()) == b"HTTP/1.1 204 No Content\r\n"


@pytest.mark.parametrize("by_hand", [True, False])
def test_an_app_that_does_not_start_is_told_and_blamed_where_nobody_else_does(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, watch: list[str],
    capsys: pytest.CaptureFixture[str], by_hand: bool,
):  # fmt: skip
    async def story() -> Case:
        case = Case(worker, monkeypatch, by_hand=by_hand)
        if by_hand:
            assert (await case.one.lock.acquire()).event == "lock_acquired"
        assert (await case.app.load()).event == "imported"
        marvel().flaw = "no database"
        step = await case.app.start_app()
        assert step.event == "app_failed"
        assert step.reason == "the app's start failed: no database"
        assert set(watch) == {"off"}
        await case.one.lock.release()
        await case.close()
        return case

    case = asyncio.run(story())
    assert "incumbent: the app's start failed: no database" in capsys.readouterr().err
    blamed = [one.version for one in case.record.rejected] if case.record else []
    assert blamed == ["1.0.0"] * by_hand


def test_a_start_for_which_no_thread_is_to_be_had_is_not_the_apps_fault(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    async def story() -> None:
        case = Case(worker, monkeypatch)
        assert (await case.app.load()).event == "imported"
        marvel().flaw = "RuntimeError: can't start new thread"
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await case.app.start_app()
        await case.close()

    asyncio.run(story())


# To end it.


@pytest.mark.parametrize(
    ("by_hand", "chosen", "ends"),
    [(False, False, True), (True, False, False), (False, True, False)],
    ids=["spawned", "by hand", "a successor waits"],
)
def test_what_the_app_started_is_ended_with_it_where_nobody_waits(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, by_hand: bool, chosen: bool, ends: bool
):
    ended: list[int] = []
    monkeypatch.setattr(module, "end_members", ended.append)

    async def story() -> None:
        case = Case(worker, monkeypatch, by_hand=by_hand)
        await started(case)
        if chosen:
            case.one.processes.unsettled[1] = Process(None, None)
        await case.app.stop_app()
        await case.close()

    asyncio.run(story())
    assert ended == [os.getpid()] * ends


@pytest.mark.parametrize("in_time", [True, False])
def test_an_end_that_took_too_long_is_told(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    in_time: bool,
):  # fmt: skip
    async def story() -> None:
        case = Case(worker, monkeypatch)
        await started(case)
        stop = case.app.hosted_app.stop_app
        given: list[float] = []

        async def stopped(timeout: float) -> bool:
            given.append(timeout)
            await stop(SOON_S)
            return in_time

        case.app.hosted_app.stop_app = stopped
        await case.app.stop_app()
        assert given == [worker.drain_timeout]
        await case.close()

    asyncio.run(story())
    assert ("the app's end took too long" in capsys.readouterr().err) is not in_time


# On its connections.


def test_what_was_kept_is_served_once_it_is_open(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    async def story() -> bytes:
        case = Case(worker, monkeypatch)
        listener = case.one.address.listener
        assert listener is not None
        client = socket.create_connection(listener.getsockname())
        client.sendall(REQUEST)
        case.one.address.kept = [listener.accept()[0]]
        await started(case)
        await case.app.open()
        assert case.one.address.kept == []
        client.setblocking(False)
        try:
            return await asyncio.wait_for(
                asyncio.get_running_loop().sock_recv(client, 4096), SOON_S
            )
        finally:
            client.close()
            await case.app.stop_app()
            await case.close()

    assert asyncio.run(story()).startswith(b"HTTP/1.1 204 ")


def test_who_took_the_port_and_is_gone_leaves_it_to_us(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    async def story() -> tuple[bytes, bytes]:
        case = Case(worker, monkeypatch)
        await started(case)
        await case.app.open()
        before = await case.served()
        case.one.address.is_passed_on()
        await case.app.let_finish(keep=True)
        assert not case.app.hosted_app.connections.accepting
        await case.app.accept_again()
        after = await case.served()
        listener = case.one.address.listener
        assert listener is not None
        stray = listener.dup()
        await case.app.stop_app()
        await case.close()
        with socket.socket() as caller:  # ours alone again: its copies go with it
            assert caller.connect_ex((worker.host, worker.port)) != 0
        stray.close()
        return before, after

    before, after = asyncio.run(story())
    assert before == after == b"HTTP/1.1 204 No Content\r\n"


def test_a_drain_that_fails_cuts_everything_off_and_says_so(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    async def story() -> bytes:
        case = Case(worker, monkeypatch)
        await started(case)
        await case.app.open()
        reader, writer = await asyncio.open_connection(worker.host, worker.port)
        writer.write(REQUEST)
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SOON_S)
        connections = case.app.hosted_app.connections

        async def failing(*_: object) -> list[str]:
            raise ValueError("no way")

        with monkeypatch.context() as patch:
            patch.setattr(connections, "drain", failing)
            await case.app.let_finish(keep=True)
        assert all(one.transport.is_closing() for one in connections.traffic.connections)
        try:
            return await asyncio.wait_for(reader.read(), SOON_S)
        except ConnectionResetError:
            return b""
        finally:
            writer.close()
            await case.app.stop_app()
            await case.close()

    assert asyncio.run(story()) == b""
    said = capsys.readouterr().err
    assert (
        "on the way out: everything cut off, since the drain failed: ValueError('no way')" in said
    )


def test_the_drain_has_the_workers_time(worker: Worker, monkeypatch: pytest.MonkeyPatch):
    given: list[tuple[bool, float]] = []

    async def story() -> None:
        case = Case(worker, monkeypatch)
        await started(case)
        connections = case.app.hosted_app.connections

        async def drained(keep: bool, timeout: float) -> list[str]:
            given.append((keep, timeout))
            return []

        with monkeypatch.context() as patch:
            patch.setattr(connections, "drain", drained)
            await case.app.let_finish(keep=True)
            await case.app.let_finish(keep=False)
        await case.app.stop_app()
        await case.close()

    asyncio.run(story())
    assert given == [(True, worker.drain_timeout), (False, worker.drain_timeout)]


def test_before_there_is_an_app_there_is_nothing_to_renew_or_close(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
):
    case = Case(worker, monkeypatch, listens=False)
    case.app.tick()
    case.app.leave_the_port()
    asyncio.run(case.app.load())
    ours, theirs = socket.socketpair()
    case.app.hosted_app.connections.kept.append(ours)
    case.app.tick()
    asyncio.run(case.one.address.close())
    assert ours.fileno() == -1
    theirs.close()
