"""A connection that has reached the port is served, whatever moment the drain comes at."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Iterator
from email.utils import formatdate

import pytest

from incumbent.server.http import accepting, connections, leaving
from incumbent.server.http.connections import Connections
from incumbent.server.http.protocol import HttpConnection

from ...lifecycle.lock.test_spawn_lock import descriptors_left

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE_S = 10.0
OURS = 6000  # this process is server and every client


async def app(scope, receive, send):
    del scope, receive
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def new_listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=64)


async def answer(client: socket.socket) -> bytes:
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    return await asyncio.wait_for(loop.sock_recv(client, 4096), PATIENCE_S)


@pytest.mark.parametrize("asked", [True, False], ids=["asked", "not asked yet"])
@pytest.mark.parametrize("turns", range(8))
def test_a_connection_that_comes_in_while_a_drain_begins_is_served_after_it(turns, asked):
    async def story() -> bytes:
        with new_listener() as listener:
            connections = Connections(app)
            await connections.accept(listener)
            with socket.create_connection(listener.getsockname()) as client:
                if asked:
                    client.sendall(REQUEST)
                await asyncio.sleep(0)  # to the turn in which the loop learns of it
                for _ in range(turns):
                    await asyncio.sleep(0)
                draining = asyncio.ensure_future(connections.drain(True, PATIENCE_S))
                assert await draining == []
                await connections.accept(listener)
                if not asked:
                    client.sendall(REQUEST)
                try:
                    return await answer(client)
                finally:
                    await connections.drain(False, PATIENCE_S)

    assert asyncio.run(story()).startswith(b"HTTP/1.1 204")


@contextlib.asynccontextmanager
async def serving(hosted: object = app) -> AsyncIterator[tuple[Connections, socket.socket]]:
    """Give connections that accept on a listener; both are closed at the end."""
    with new_listener() as listener:
        connections = Connections(hosted)
        await connections.accept(listener)
        try:
            yield connections, listener
        finally:
            connections.leave()
            await connections.drain(False, PATIENCE_S)


def client_of(listener: socket.socket, says: bytes = b"") -> socket.socket:
    client = socket.create_connection(listener.getsockname())
    client.sendall(says)
    return client


async def turns(number: int = 20) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


# No room.


def test_after_a_moment_without_a_descriptor_connections_are_accepted_again(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(accepting, "NO_ROOM_S", 0.01)

    async def story() -> bytes:
        async with serving() as (_, listener):
            with client_of(listener, REQUEST) as client:
                with descriptors_left(0):
                    await asyncio.sleep(0.05)  # some tries that can't succeed
                return await answer(client)

    assert asyncio.run(story()).startswith(b"HTTP/1.1 204")
    assert "can't accept now: Too many open files" in capfd.readouterr().err


def test_where_every_place_is_taken_an_idle_connection_gives_way(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(accepting, "room", lambda: 2)

    async def story() -> list[bytes]:
        async with serving() as (_, listener):
            with client_of(listener) as one, client_of(listener) as other:
                await turns()
                with client_of(listener, REQUEST) as third:
                    said = await answer(third)
                    return [said, await answer(one), await answer(other)]

    said, *idle = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 204")
    assert idle == [b"", b""]


def test_where_every_place_is_taken_half_a_request_gives_way_first(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(accepting, "room", lambda: 2)

    async def story() -> list[bytes]:
        async with serving() as (_, listener):
            with client_of(listener) as idle, client_of(listener, REQUEST[:9]) as half:
                await turns()
                with client_of(listener, REQUEST) as third:
                    answers = [await answer(third), await answer(half)]
                    idle.sendall(REQUEST)
                    return [*answers, await answer(idle)]

    whole, half, idle = asyncio.run(story())
    assert whole.startswith(b"HTTP/1.1 204")
    assert half.startswith(b"HTTP/1.1 408")
    assert idle.startswith(b"HTTP/1.1 204")


# A handover.


@pytest.fixture
def room_for_both() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < OURS:
        pytest.skip("too few descriptors may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OURS, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_head_that_comes_in_two_pieces_around_a_drain_is_answered():
    async def story() -> bytes:
        async with serving() as (connections, listener):
            with client_of(listener, REQUEST[:11]) as client:
                await turns()
                draining = asyncio.ensure_future(connections.drain(True, PATIENCE_S))
                await turns()
                client.sendall(REQUEST[11:])
                said = await answer(client)
                assert await draining == []
                return said

    assert asyncio.run(story()).startswith(b"HTTP/1.1 204")


def test_half_a_request_is_refused_and_never_passed_on():
    async def story() -> tuple[bytes, int]:
        async with serving() as (connections, listener):
            with client_of(listener, REQUEST[:11]) as client:
                await turns()
                assert await connections.drain(True, PATIENCE_S) == []
                return await answer(client), len(connections.kept)

    said, kept = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 408")
    assert kept == 0


def test_half_a_second_request_behind_an_answered_one_is_not_passed_on():
    async def story() -> tuple[bytes, int]:
        async with serving() as (connections, listener):
            with client_of(listener, REQUEST + REQUEST[:11]) as client:
                assert (await answer(client)).startswith(b"HTTP/1.1 204")
                assert await connections.drain(True, PATIENCE_S) == []
                return await answer(client), len(connections.kept)

    said, kept = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 408")
    assert kept == 0


def test_idle_connections_are_passed_on_and_served_by_who_gets_them():
    async def story() -> bytes:
        async with serving() as (connections, listener), serving() as (successor, _):
            with client_of(listener, REQUEST) as client:
                assert (await answer(client)).startswith(b"HTTP/1.1 204")
                assert await connections.drain(True, PATIENCE_S) == []
                assert len(connections.kept) == 1
                successor.kept, connections.kept = connections.kept, []
                await successor.accept(listener)
                client.sendall(REQUEST)
                return await answer(client)

    assert asyncio.run(story()).startswith(b"HTTP/1.1 204")


def test_idle_connections_are_closed_at_a_stop():
    async def story() -> tuple[bytes, int]:
        async with serving() as (connections, listener):
            with client_of(listener) as client:
                await turns()
                assert await connections.drain(False, PATIENCE_S) == []
                return await answer(client), len(connections.kept)

    assert asyncio.run(story()) == (b"", 0)


@pytest.mark.usefixtures("room_for_both")
@pytest.mark.slow
def test_of_more_than_a_thousand_idle_connections_a_thousand_are_kept_the_others_closed():
    kept_limit, more = 1000, 30

    async def story() -> tuple[int, int]:
        async with serving() as (connections, listener):
            clients = []
            for _ in range(kept_limit + more):
                clients.append(client_of(listener))
                await turns(1)  # the backlog is shorter
            while len(connections.traffic.connections) < len(clients):
                await asyncio.sleep(0.001)
            assert await connections.drain(True, PATIENCE_S) == []
            kept, closed = len(connections.kept), 0
            for client in clients:
                client.setblocking(False)
                try:
                    closed += client.recv(1) == b""
                except BlockingIOError:
                    continue
            for client in clients:
                client.close()
            return kept, closed

    assert asyncio.run(story()) == (kept_limit, more)


def test_connections_that_turn_idle_during_a_drain_are_kept_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(leaving, "KEPT_LIMIT", 1)

    async def story() -> tuple[list[bool], int]:
        go_on = asyncio.Event()

        async def waits(scope: object, receive: object, send: object) -> None:
            await go_on.wait()
            await app(scope, receive, send)

        async with serving(waits) as (connections, listener):
            clients = [client_of(listener, REQUEST) for _ in range(3)]
            await turns()
            draining = asyncio.ensure_future(connections.drain(True, PATIENCE_S))
            await turns()
            go_on.set()
            assert await draining == []
            answered = [(await answer(client)).startswith(b"HTTP/1.1 204") for client in clients]
            for client in clients:
                client.close()
            return answered, len(connections.kept)

    assert asyncio.run(story()) == ([True] * 3, 1)


@pytest.mark.parametrize(
    ("says", "idle"),
    [
        (b"", True),
        (REQUEST, True),
        (REQUEST[:11], False),
        (REQUEST + REQUEST[:11], False),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n1", False),
    ],
    ids=["nothing yet", "answered", "half a head", "half a second head", "half a body"],
)
def test_a_connection_is_idle_when_nothing_is_under_way(says: bytes, idle: bool):
    async def story() -> list[bool]:
        async with serving() as (connections, listener):
            with client_of(listener, says) as client:
                if len(says) >= len(REQUEST):
                    await answer(client)
                await turns()
                its = connections.traffic.connections
                return [each.is_idle for each in its if isinstance(each, HttpConnection)]

    assert asyncio.run(story()) == [idle]


def test_a_head_that_has_just_begun_when_its_connection_is_let_go_has_its_moment():
    async def story() -> bytes:
        async with serving() as (connections, listener):
            with client_of(listener, REQUEST[:11]) as client:
                await turns()
                [connection] = connections.traffic.connections
                leaving.Leaving(connections.traffic, False, []).let_go(connection)
                await turns()
                client.sendall(REQUEST[11:])
                return await answer(client)

    assert asyncio.run(story()).startswith(b"HTTP/1.1 204")


def test_what_is_cut_at_the_deadline_is_named():
    async def slow(scope: object, receive: object, send: object) -> None:
        del scope, receive, send
        await asyncio.sleep(PATIENCE_S)

    async def story() -> list[str]:
        async with serving(slow) as (connections, listener):
            with client_of(listener, REQUEST.replace(b"/ ", b"/slow ")) as client:
                await turns()
                told = await connections.drain(False, 0.1)
                assert await answer(client) == b""
                return told

    assert asyncio.run(story()) == [
        "no quiet moment, others wait for /slow (1)",
        "cut off at the deadline: /slow (1)",
    ]


@pytest.mark.parametrize("moment", [0.0, 951_827_696.9, 1_764_080_000.5, 4_102_444_799.0])
def test_the_date_is_the_one_of_the_standard_library(moment: float):
    assert connections.http_date(moment) == formatdate(moment, usegmt=True)
