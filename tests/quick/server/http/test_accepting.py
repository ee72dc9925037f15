"""Connections are taken in as there is room, and nothing goes wrong in the loop meanwhile."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from incumbent.server.http import accepting
from incumbent.server.http.accepting import Accepting
from incumbent.server.http.connections import Connections

from .test_connections import PATIENCE_S, REQUEST, answer, client_of, new_listener, serving, turns
from .test_drain_by_kind import SLOW, App, until

T = TypeVar("T")


def runs(story: Coroutine[Any, Any, T]) -> T:
    """Run it; no callback of the loop may have failed."""
    wrong: list[dict[str, Any]] = []

    async def watched() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: wrong.append(what))
        return await story

    told = asyncio.run(watched())
    assert wrong == []
    return told


def test_whoever_comes_after_the_end_waits_in_the_backlog_unheard():
    async def story() -> bytes:
        async with serving(App()) as (connections, listener):
            await connections.drain(False, PATIENCE_S)
            with client_of(listener, REQUEST) as client:
                await turns()
                assert not connections.traffic.connections
                await connections.accept(listener)
                return await answer(client)

    assert runs(story()).startswith(b"HTTP/1.1 204")


def test_the_room_is_what_there_is_when_the_accepting_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    connections = Connections(App())
    monkeypatch.setattr(accepting, "room", lambda: 1)

    async def story() -> bytes:
        with new_listener() as listener:
            await connections.accept(listener)
            with client_of(listener) as idle, client_of(listener, REQUEST) as other:
                assert (await answer(other)).startswith(b"HTTP/1.1 204")
                gone = await answer(idle)
                await connections.drain(False, PATIENCE_S)
                return gone

    assert runs(story()) == b""
    assert "can't accept now" not in capsys.readouterr().err


def test_where_every_place_is_busy_the_next_one_waits_for_an_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(accepting, "room", lambda: 1)
    monkeypatch.setattr(accepting, "NO_ROOM_S", 0.01)

    said: list[str] = []

    async def story() -> list[bytes]:
        app = App()
        async with serving(app) as (connections, listener):
            with client_of(listener, SLOW) as busy:
                await until(lambda: connections.traffic.in_flight)
                with client_of(listener, REQUEST) as other:
                    await asyncio.sleep(0.03)
                    assert len(connections.traffic.connections) == 1
                    said.append(capsys.readouterr().err)
                    app.gate.set()
                    return [await answer(busy), await answer(other)]

    assert all(one.startswith(b"HTTP/1.1 204") for one in runs(story()))
    assert "can't accept now: as many connections as there is room for" in said[0]


def test_whoever_is_arriving_has_a_place_already(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accepting, "room", lambda: 2)
    most = 0

    async def story() -> None:
        nonlocal most
        async with serving(App()) as (connections, listener):
            clients = [client_of(listener, REQUEST) for _ in range(6)]
            answers = [asyncio.ensure_future(answer(client)) for client in clients]
            while not all(one.done() for one in answers):
                most = max(most, len(connections.traffic.connections))
                await asyncio.sleep(0)
            for client in clients:
                client.close()

    runs(story())
    assert most == 2


def test_a_connection_is_never_waited_for_by_the_loop():
    async def story() -> list[float | None]:
        async with serving(App()) as (connections, listener):
            ours, theirs = socket.socketpair()
            with client_of(listener), theirs:
                await until(lambda: connections.traffic.connections)
                connections.kept.append(ours)
                assert ours.gettimeout() is None
                await connections.accept(listener)
                await turns()
                its = connections.traffic.connections
                return [one.transport.get_extra_info("socket").gettimeout() for one in its]

    assert runs(story()) == [0.0, 0.0]


def test_what_was_accepted_counts_from_then_on():
    class Made(asyncio.Protocol):
        """Tells when it is connected."""

        is_connected = False

        def connection_made(self, _: asyncio.BaseTransport) -> None:
            self.is_connected = True

    async def story() -> None:
        traffic = Connections(App()).traffic
        with new_listener() as listener:
            made: list[Made] = []

            def new() -> Made:
                made.append(Made())
                return made[-1]

            its = Accepting(traffic, new)
            its.start(listener)
            with client_of(listener):
                async with asyncio.timeout(PATIENCE_S):
                    while not its.arriving:  # a turn or two, so every turn is looked at
                        await asyncio.sleep(0)
                    await its.all_arrived()
                assert [one.is_connected for one in made] == [True]
                await turns()
                assert its.arriving is False
                await its.all_arrived()
                its.stop()
                assert its.listener is None
                its.stop()

    runs(story())


def test_a_listener_that_breaks_is_no_lack_of_room(capsys: pytest.CaptureFixture[str]):
    class Broken(socket.socket):
        def accept(self) -> Any:
            raise OSError(22, "Invalid argument")

    async def story() -> list[str]:
        wrong: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, what: wrong.append(str(what["exception"])))
        with Broken() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            connections = Connections(App())
            await connections.accept(listener)
            with client_of(listener):
                await until(lambda: wrong)
                await connections.drain(False, PATIENCE_S)
        return wrong

    assert "[Errno 22] Invalid argument" in asyncio.run(story())
    assert "can't accept now" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [BlockingIOError, InterruptedError, ConnectionAbortedError])
def test_a_client_that_is_gone_before_it_is_accepted_is_nothing(error: type[OSError]):
    accept = socket.socket.accept
    refusals = [error()]

    class Gone(socket.socket):
        def accept(self) -> Any:
            if refusals:
                raise refusals.pop()
            return accept(self)

    async def story() -> bytes:
        with Gone() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            connections = Connections(App())
            await connections.accept(listener)
            with client_of(listener, REQUEST) as client:
                said = await answer(client)
                await connections.drain(False, PATIENCE_S)
                return said

    assert runs(story()).startswith(b"HTTP/1.1 204")
