"""A drain ends each kind of request as is right for it: waited for, ended, cut off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from incumbent.server.http import accepting, draining, leaving, protocol
from incumbent.server.http.connections import Connections
from incumbent.server.http.leaving import Leaving
from incumbent.server.http.protocol import Request
from incumbent.server.http.sessions import Session
from incumbent.server.http.traffic import Traffic, told

from .test_connections import PATIENCE_S, REQUEST, answer, client_of, serving, turns

STREAM = REQUEST.replace(b"/ ", b"/stream ")
SLOW = REQUEST.replace(b"/ ", b"/slow ")
POST = b"POST /post HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n"
EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8")]
END = b"0\r\n\r\n"


class App:
    """An app with a stream, with requests that wait for a gate, with one that echoes a body."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.headers = EVENTS if headers is None else headers
        self.gate, self.cleaned = asyncio.Event(), asyncio.Event()
        self.heard: list[str] = []
        self.clean_up: Callable[[], Any] | None = None
        self.deaf = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/stream":
            await self.stream(receive, send)
            return
        if path == "/slow":
            await self.gate.wait()
        elif path == "/post":
            while (await receive()).get("more_body"):
                pass
        elif path == "/big":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x" * 8_000_000})
            return
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def stream(self, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        try:
            while True:
                message = await receive()
                self.heard.append(message["type"])
                if message["type"] == "http.disconnect" and not self.deaf:
                    return
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.heard.append("cancelled")
            if self.clean_up is not None:
                await self.clean_up()
            raise
        finally:
            self.cleaned.set()


async def all_of(client: socket.socket) -> bytes:
    """Read to the end."""
    client.setblocking(False)
    said = bytearray()
    async with asyncio.timeout(PATIENCE_S):
        while more := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
            said += more
    return bytes(said)


async def until(condition: Callable[[], object]) -> None:
    async def waiting() -> None:
        while not condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(waiting(), PATIENCE_S)


async def has_begun(client: socket.socket) -> bytes:
    said = b""
    while b"one" not in said:
        said += await answer(client)
    return said


# Streams.


def test_a_stream_comes_to_a_clean_end_and_its_app_learns_of_it():
    async def story() -> tuple[list[str], bytes, list[str]]:
        app = App()
        async with serving(app) as (connections, listener):
            with client_of(listener, STREAM) as client:
                await has_begun(client)
                said = await connections.drain(True, PATIENCE_S)
                return said, await all_of(client), app.heard

    said, rest, heard = asyncio.run(story())
    assert said == ["ended /stream (1)"]
    assert rest == END
    assert "http.disconnect" in heard


def test_a_stream_of_an_announced_length_is_closed_without_an_end_that_would_be_a_lie():
    async def story() -> tuple[list[str], bytes]:
        async with serving(App([*EVENTS, (b"content-length", b"99")])) as (connections, listener):
            with client_of(listener, STREAM) as client:
                await has_begun(client)
                return await connections.drain(False, PATIENCE_S), await all_of(client)

    assert asyncio.run(story()) == (["ended /stream (1)"], b"")


def test_a_stream_whose_app_does_not_listen_is_cancelled():
    async def story() -> tuple[list[str], list[str]]:
        app = App()
        app.deaf = True
        async with serving(app) as (connections, listener):
            with client_of(listener, STREAM) as client:
                await has_begun(client)
                said = await connections.drain(False, PATIENCE_S)
                await asyncio.wait_for(app.cleaned.wait(), PATIENCE_S)
                return said, app.heard

    said, heard = asyncio.run(story())
    assert said == ["ended /stream (1)"]
    assert heard[-1] == "cancelled"


def test_while_an_app_cleans_up_after_a_stream_others_are_served():
    async def story() -> tuple[bytes, list[str]]:
        app = App()
        app.deaf, app.clean_up = True, app.gate.wait
        async with serving(app) as (connections, listener):
            with client_of(listener, STREAM) as client:
                await has_begun(client)
                over = asyncio.ensure_future(connections.drain(True, PATIENCE_S))
                await until(lambda: "cancelled" in app.heard)
                await until(lambda: connections.accepting)
                with client_of(listener, REQUEST) as other:
                    said = await answer(other)
                    assert not over.done()
                    app.gate.set()
                    return said, await over

    said, ended = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 204")
    assert ended == ["ended /stream (1)"]


@pytest.mark.parametrize("kind", [b"text/plain", b"application/json"])
def test_what_is_no_stream_is_waited_for_although_it_has_begun(kind: bytes):
    async def story() -> list[str]:
        app = App([(b"content-type", kind)])
        async with serving(app) as (connections, listener):
            with client_of(listener, STREAM) as client:
                await has_begun(client)
                said = await connections.drain(False, 0.1)
                assert END not in await all_of(client)
                return said

    assert asyncio.run(story()) == [
        "no quiet moment, others wait for /stream (1)",
        "cut off at the deadline: /stream (1)",
    ]


def test_what_answers_a_post_has_its_result_at_the_end():
    async def story() -> list[str]:
        async with serving(App()) as (connections, listener):
            asks = STREAM.replace(b"GET", b"POST").replace(
                b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"
            )
            with client_of(listener, asks) as client:
                await has_begun(client)
                return await connections.drain(False, 0.1)

    assert asyncio.run(story())[-1] == "cut off at the deadline: /stream (1)"


# Requests.


def test_what_is_in_flight_is_answered_and_whoever_comes_meanwhile_too():
    async def story() -> tuple[list[bytes], list[str]]:
        app = App()
        async with serving(app) as (connections, listener):
            with client_of(listener, SLOW) as slow:
                await until(lambda: connections.traffic.in_flight)
                await asyncio.sleep(draining.JUST_BEGUN_S * 2)
                over = asyncio.ensure_future(connections.drain(False, PATIENCE_S))
                await turns()
                with client_of(listener, REQUEST) as other:
                    said = [await answer(other)]
                    assert not over.done()
                    app.gate.set()
                    said.append(await answer(slow))
                    return said, await over

    said, ended = asyncio.run(story())
    assert all(one.startswith(b"HTTP/1.1 204") for one in said)
    assert ended == []


def test_an_answer_that_its_client_takes_slowly_is_taken_whole():
    async def story() -> tuple[int, list[str]]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, REQUEST.replace(b"/ ", b"/big ")) as client:
                taken = len(await answer(client))
                await until(connections.traffic.are_sending)
                over = asyncio.ensure_future(connections.drain(False, PATIENCE_S))
                await turns()
                assert not over.done()
                taken += len(await all_of(client))
                return taken, await over

    taken, ended = asyncio.run(story())
    assert taken > 8_000_000
    assert ended == []


def test_half_a_body_that_goes_on_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protocol, "STALLED_S", 1000.0)

    async def story() -> tuple[bytes, list[str]]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, POST + b"1") as client:
                await until(lambda: connections.traffic.in_flight)
                over = asyncio.ensure_future(connections.drain(False, PATIENCE_S))
                await turns()
                client.sendall(b"2")
                return await answer(client), await over

    said, ended = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 204")
    assert ended == []


def test_half_a_body_of_which_nothing_comes_holds_nobody_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protocol, "STALLED_S", 0.02)

    async def story() -> tuple[list[str], bytes]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, POST + b"1") as client:
                await until(lambda: connections.traffic.in_flight)
                await until(lambda: not connections.traffic.that_hold_up())
                return await connections.drain(False, PATIENCE_S), await all_of(client)

    assert asyncio.run(story()) == (["ended /post (1)"], b"")


def test_a_drain_of_nothing_is_over_at_once_and_accepts_nothing_more():
    async def story() -> tuple[list[str], bool]:
        async with serving(App()) as (connections, _):
            return await connections.drain(False, PATIENCE_S), connections.accepting

    assert asyncio.run(story()) == ([], False)


# Heads.


def test_a_head_that_does_not_become_whole_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(protocol, "HEAD_S", 0.02)

    async def story() -> tuple[bytes, int]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, REQUEST[:11]) as client:
                return await all_of(client), len(connections.traffic.half_open)

    said, left = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in said
    assert left == 0


@pytest.mark.parametrize("first", [b"", REQUEST], ids=["the first", "a second"])
def test_a_head_that_became_whole_is_not_refused_later(
    monkeypatch: pytest.MonkeyPatch, first: bytes
):
    async def story() -> tuple[bytes, list[bool]]:
        loop = asyncio.get_running_loop()
        call_later, late = loop.call_later, list[asyncio.TimerHandle]()

        def watched(delay: float, *what: Any, **more: Any) -> asyncio.TimerHandle:
            handle = call_later(delay, *what, **more)
            if what[0].__name__ == "refuse_head":
                assert delay == protocol.HEAD_S
                late.append(handle)
            return handle

        async with serving(App()) as (connections, listener):
            with client_of(listener, first) as client:
                if first:
                    await answer(client)
                monkeypatch.setattr(loop, "call_later", watched)
                client.sendall(REQUEST[:11])
                await until(lambda: connections.traffic.half_open)
                client.sendall(REQUEST[11:])
                said = await answer(client)
                assert not connections.traffic.half_open
                return said, [handle.cancelled() for handle in late]

    said, called_off = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 204")
    assert called_off == [True]


def test_a_client_that_goes_in_the_middle_of_a_head_leaves_nothing():
    async def story() -> tuple[int, int]:
        async with serving(App()) as (connections, listener):
            client = client_of(listener, REQUEST[:11])
            await until(lambda: connections.traffic.half_open)
            client.close()
            await until(lambda: connections.traffic.settled.is_set())
            await until(lambda: not connections.traffic.connections)
            return len(connections.traffic.half_open), len(connections.traffic.in_flight)

    assert asyncio.run(story()) == (0, 0)


# To leave.


class Broken:
    """A connection that can't be closed as it should be."""

    def __init__(self, error: Exception) -> None:
        self.error, self.said = error, list[str]()
        self.transport = SimpleNamespace(
            is_closing=lambda: False, abort=lambda: self.said.append("cut off")
        )
        self.refusals = 1

    def shutdown(self) -> None:
        if self.refusals:
            self.refusals -= 1
            raise self.error
        self.said.append("closed")


@pytest.mark.parametrize(
    ("error", "does", "says"),
    [
        (OSError(24, "Too many open files"), "closed", "closed: Too many open files"),
        (ValueError("odd"), "cut off", "cut off: ValueError('odd')"),
    ],
)
def test_one_connection_does_not_keep_a_worker_from_leaving(
    capsys: pytest.CaptureFixture[str], error: Exception, does: str, says: str
):
    async def story() -> list[str]:
        broken = Broken(error)
        traffic = Traffic({broken})
        Leaving(traffic, False, []).let_go(broken)
        await turns(2)
        assert traffic.settled.is_set()
        return broken.said

    assert asyncio.run(story()) == [does]
    assert f"a connection is {says}" in capsys.readouterr().err


def test_a_connection_that_is_gone_already_is_left_alone():
    async def story() -> list[str]:
        broken = Broken(ValueError())
        Leaving(Traffic(set()), False, []).let_go(broken)
        return broken.said

    assert asyncio.run(story()) == []


def test_what_cannot_be_copied_for_a_successor_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def none(_: object) -> None:
        raise OSError(24, "Too many open files")

    async def story() -> tuple[bytes, int]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, REQUEST) as client:
                await answer(client)
                with monkeypatch.context() as patch:
                    patch.setattr("asyncio.trsock.TransportSocket.dup", none)
                    await connections.drain(True, PATIENCE_S)
                return await all_of(client), len(connections.kept)

    assert asyncio.run(story()) == (b"", 0)
    assert "a connection is closed: Too many open files" in capsys.readouterr().err


def test_what_is_kept_by_nobody_is_closed_in_the_end():
    async def story() -> bytes:
        async with serving(App()) as (connections, listener):
            with client_of(listener, REQUEST) as client:
                await answer(client)
                await connections.drain(True, PATIENCE_S)
                [kept] = connections.kept
                assert not kept.get_inheritable()
                connections.leave()
                assert connections.kept == []
                return await all_of(client)

    assert asyncio.run(story()) == b""


def test_idle_connections_over_the_limit_are_closed_before_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch,
):
    for module in (leaving, draining):
        monkeypatch.setattr(module, "KEPT_LIMIT", 2)
    monkeypatch.setattr(draining, "CLOSED_A_TURN", 2)
    sleep, breaths = asyncio.sleep, 0

    async def breathes(seconds: float) -> None:
        nonlocal breaths
        breaths += seconds == 0
        await sleep(seconds)

    async def story() -> tuple[int, list[bytes]]:
        async with serving(App()) as (connections, listener):
            clients = [client_of(listener, REQUEST) for _ in range(7)]
            for client in clients:
                await answer(client)
            with monkeypatch.context() as patch:
                patch.setattr(asyncio, "sleep", breathes)
                await connections.drain(True, PATIENCE_S)
            assert breaths >= 3  # five were closed by twos, then two were let go
            kept = len(connections.kept)
            connections.leave()
            said = [await all_of(client) for client in clients]
            for client in clients:
                client.close()
            return kept, said

    assert asyncio.run(story()) == (2, [b""] * 7)


# To accept.


def test_whoever_waits_for_a_descriptor_gets_an_idle_ones(monkeypatch: pytest.MonkeyPatch):
    accept = socket.socket.accept
    refusals = [OSError(number, "no room") for number in accepting.NO_ROOM]

    class Poor(socket.socket):
        def accept(self) -> Any:
            if refusals and len(connections.traffic.connections):
                raise refusals.pop()
            return accept(self)

    connections = Connections(App())

    async def story() -> list[bytes]:
        with Poor() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            await connections.accept(listener)
            with client_of(listener) as idle:
                await until(lambda: connections.traffic.connections)
                with client_of(listener, REQUEST) as other:
                    said = [await answer(other), await answer(idle)]
                    await connections.drain(False, PATIENCE_S)
                    return said

    monkeypatch.setattr(accepting, "NO_ROOM_S", 0.01)
    said, idle = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 204")
    assert idle == b""


def test_many_who_come_at_once_are_taken_some_at_a_time(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accepting, "ACCEPTS_A_TURN", 3)

    async def story() -> list[bytes]:
        async with serving(App()) as (_, listener):
            clients = [client_of(listener, REQUEST) for _ in range(10)]
            try:
                return [await answer(client) for client in clients]
            finally:
                for client in clients:
                    client.close()

    assert all(said.startswith(b"HTTP/1.1 204") for said in asyncio.run(story()))


# What is told.


def test_requests_are_told_by_their_paths_in_order():
    def request(raw: bytes | None, path: str) -> Session:
        scope = {"path": path} | ({"raw_path": raw} if raw is not None else {})
        return Session(SimpleNamespace(scope=scope), 0.0)

    said = told(
        "ended",
        [request(b"/b", "/x"), request(None, "/a"), request(b"/b", "/x"), request(b"\xff", "")],
    )
    assert said == ["ended /a (1), /b (2), \\xff (1)"]
    assert told("ended", []) == []
    assert len(request(b"/" * 1000, "").path) == 200


def test_a_date_is_told_with_each_answer_and_is_renewed(monkeypatch: pytest.MonkeyPatch):
    async def story() -> list[bytes]:
        async with serving(App()) as (connections, listener):
            said = []
            for now in (0.0, 86_400.0):
                monkeypatch.setattr("time.time", lambda now=now: now)
                connections.tick()
                with client_of(listener, REQUEST) as client:
                    said.append(await answer(client))
            return said

    first, second = asyncio.run(story())
    assert b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" in first
    assert b"date: Fri, 02 Jan 1970 00:00:00 GMT\r\n" in second


def test_what_is_too_much_to_keep_is_closed_while_others_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
):
    for module in (leaving, draining):
        monkeypatch.setattr(module, "KEPT_LIMIT", 2)

    async def story() -> tuple[int, int]:
        app = App()
        async with serving(app) as (connections, listener):
            clients = [client_of(listener, REQUEST) for _ in range(5)]
            for client in clients:
                await answer(client)
            with client_of(listener, SLOW):
                await until(lambda: connections.traffic.in_flight)
                await asyncio.sleep(draining.JUST_BEGUN_S * 2)
                over = asyncio.ensure_future(connections.drain(True, PATIENCE_S))
                await until(lambda: len(connections.traffic.connections) <= 3)
                left = len(connections.traffic.connections)
                assert not over.done()
                app.gate.set()
                await over
            for client in clients:
                client.close()
            return left, len(connections.kept)

    assert asyncio.run(story()) == (3, 2)


def test_after_a_drain_that_came_to_nothing_connections_stay_as_before():
    async def story() -> list[bytes]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, REQUEST) as old:
                said = [await answer(old)]
                await connections.drain(True, PATIENCE_S)
                assert len(connections.kept) == 1
                await connections.accept(listener)
                assert connections.kept == []
                with client_of(listener) as new:
                    for client in (old, new, old, new):
                        client.sendall(REQUEST)
                        said.append(await answer(client))
                        await turns()
                return said

    said = asyncio.run(story())
    assert len(said) == 5
    assert all(one.startswith(b"HTTP/1.1 204") for one in said)


def test_a_quiet_moment_is_looked_for_now_and_then(monkeypatch: pytest.MonkeyPatch):
    looks = 0

    async def story() -> None:
        nonlocal looks
        async with serving(App()) as (connections, listener):
            with client_of(listener, SLOW):
                await until(lambda: connections.traffic.in_flight)
                hold_up = connections.traffic.that_hold_up

                def looked() -> list[Request | Session]:
                    nonlocal looks
                    looks += 1
                    return hold_up()

                monkeypatch.setattr(connections.traffic, "that_hold_up", looked)
                await connections.drain(False, 0.2)

    asyncio.run(story())
    assert 1 < looks < 60  # every 20 ms for half of that time


def test_a_client_that_does_not_take_the_end_of_its_stream_is_cut_off():
    class Flood(App):
        async def stream(self, _: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
            while True:
                body = b"one" * 100_000
                await send({"type": "http.response.body", "body": body, "more_body": True})

    async def story() -> list[str]:
        async with serving(Flood()) as (connections, listener):
            with client_of(listener, STREAM):
                await until(connections.traffic.in_flight.values)
                await until(
                    lambda: all(
                        one.transport.get_write_buffer_size()
                        for one in connections.traffic.connections
                    )
                )
                return await asyncio.wait_for(connections.drain(False, 1e6), PATIENCE_S)

    assert asyncio.run(story()) == ["ended /stream (1)"]


def test_a_task_that_outlives_its_response_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(draining, "QUIET_SHARE", 0.005)

    class Late(App):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            del scope, receive
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            await self.gate.wait()
            self.cleaned.set()

    async def story() -> tuple[list[str], bool]:
        app = Late()
        async with serving(app) as (connections, listener):
            with client_of(listener, REQUEST) as client:
                await answer(client)
                over = asyncio.ensure_future(connections.drain(False, PATIENCE_S))
                await until(lambda: not connections.accepting)
                await until(lambda: not connections.traffic.connections)
                await turns()
                assert not over.done()
                app.gate.set()
                said = await asyncio.wait_for(over, PATIENCE_S)
                return said, app.cleaned.is_set()

    said, done = asyncio.run(story())
    assert done
    assert said == ["no quiet moment, others wait for / (1)"]


@pytest.mark.parametrize("keep", [True, False])
def test_what_is_answered_after_the_quiet_time_lets_its_connection_go_then(
    monkeypatch: pytest.MonkeyPatch, keep: bool
):
    monkeypatch.setattr(draining, "QUIET_SHARE", 0.005)

    async def story() -> tuple[list[str], bytes, int]:
        app = App()
        async with serving(app) as (connections, listener):
            with client_of(listener, SLOW) as client:
                await until(lambda: connections.traffic.in_flight)
                over = asyncio.ensure_future(connections.drain(keep, PATIENCE_S))
                connections.traffic.when_idle = None
                await until(lambda: connections.traffic.when_idle)
                app.gate.set()
                said = await over
                return said, await answer(client), len(connections.kept)

    said, answered, kept = asyncio.run(story())
    assert said == ["no quiet moment, others wait for /slow (1)"]
    assert answered.startswith(b"HTTP/1.1 204")
    assert kept == keep


def test_a_head_that_has_just_begun_is_waited_for_while_others_are_accepted(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(draining, "HEAD_MOMENT_S", 1000.0)

    async def story() -> bytes:
        async with serving(App()) as (connections, listener):
            with client_of(listener, REQUEST[:11]) as client:
                await until(lambda: connections.traffic.half_open)
                over = asyncio.ensure_future(connections.drain(False, PATIENCE_S))
                await turns()
                assert connections.accepting
                client.sendall(REQUEST[11:])
                said = await answer(client)
                await over
                return said

    assert asyncio.run(story()).startswith(b"HTTP/1.1 204")


def test_a_drain_without_time_waits_for_nothing(monkeypatch: pytest.MonkeyPatch):
    wait_for, waits = asyncio.wait_for, list[float | None]()

    async def watched(what: Any, timeout: float | None) -> Any:
        waits.append(timeout)
        return await wait_for(what, timeout)

    async def story() -> list[str]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, SLOW):
                await until(lambda: connections.traffic.in_flight)
                with monkeypatch.context() as patch:
                    patch.setattr(asyncio, "wait_for", watched)
                    return await connections.drain(False, 0.0)

    assert asyncio.run(story())[-1] == "cut off at the deadline: /slow (1)"
    assert waits == [0]


def test_half_a_head_that_stays_half_is_refused_in_a_moment_not_at_the_deadline():
    async def story() -> tuple[bytes, list[str]]:
        async with serving(App()) as (connections, listener):
            with client_of(listener, REQUEST[:11]) as client:
                await until(lambda: connections.traffic.half_open)
                said = await asyncio.wait_for(connections.drain(False, 1e6), PATIENCE_S)
                return await all_of(client), said

    answered, said = asyncio.run(story())
    assert answered.startswith(b"HTTP/1.1 408")
    assert said == []
