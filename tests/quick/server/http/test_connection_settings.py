"""What uvicorn is told of a connection: a client is who it is, a websocket can say goodbye."""

from __future__ import annotations

import asyncio
import logging
import socket
from email.utils import formatdate
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from incumbent.server.app.lifespan import Lifespan
from incumbent.server.http.connections import Connections, http_date

from .test_connections import PATIENCE_S, REQUEST, answer, client_of, new_listener, serving, turns
from .test_drain_by_kind import until


def test_what_a_client_says_of_another_is_not_believed():
    seen: list[tuple[str, str]] = []

    async def app(scope: Any, _: Any, send: Any) -> None:
        seen.append((scope["client"][0], scope["scheme"]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    lies = b"\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n"

    async def story() -> bytes:
        async with serving(app) as (_, listener):
            with client_of(listener, REQUEST.replace(b"\r\n\r\n", lies)) as client:
                return await answer(client)

    said = asyncio.run(story())
    assert said.startswith(b"HTTP/1.1 204")
    assert b"server: uvicorn" in said
    assert seen == [("127.0.0.1", "http")]


def test_an_app_is_asked_as_it_is():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send

    assert Lifespan(app).app is app


def test_a_websocket_is_ended_by_a_goodbye_and_its_app_learns_of_it():
    heard: list[str] = []

    async def app(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            heard.append(message["type"])
            if message["type"] == "websocket.disconnect":
                return

    async def story() -> tuple[list[str], int]:
        connections = Connections(app)
        with new_listener() as listener:
            await connections.accept(listener)
            host, port = listener.getsockname()
            async with connect(f"ws://{host}:{port}/chat") as client:
                await client.send("hello")
                await until(lambda: heard)
                draining = asyncio.ensure_future(connections.drain(True, PATIENCE_S))
                try:
                    await asyncio.wait_for(client.recv(), PATIENCE_S)
                except ConnectionClosed as closed:
                    code = closed.rcvd.code if closed.rcvd else 0
                return await draining, code

    said, code = asyncio.run(story())
    assert said == ["ended /chat (1)"]
    assert code == 1012
    assert heard == ["websocket.receive", "websocket.disconnect"]


def test_a_date_is_written_as_others_write_it():
    for day in range(0, 20_000, 29):  # every day of the week, every month
        now = day * 86_400.0 + 7 * day
        assert http_date(now) == formatdate(now, usegmt=True)


def test_nothing_is_logged_of_a_request(caplog: pytest.LogCaptureFixture):
    async def story() -> bytes:
        async with serving() as (_, listener):
            with client_of(listener, REQUEST) as client:
                return await answer(client)

    with caplog.at_level(logging.DEBUG):
        assert asyncio.run(story()).startswith(b"HTTP/1.1 204")
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_what_is_cut_is_closed_and_cancelled():
    cancelled: list[bool] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def story() -> bytes:
        async with serving(slow) as (connections, listener):
            with client_of(listener, REQUEST) as client:
                await until(lambda: connections.traffic.in_flight)
                connections.cut()
                await until(lambda: not connections.traffic.connections)
                await until(lambda: cancelled)
                try:
                    return await answer(client)
                except ConnectionResetError:
                    return b""

    assert asyncio.run(story()) == b""


def test_who_leaves_the_port_accepts_nothing_more_and_keeps_nothing():
    async def story() -> None:
        async with serving() as (connections, listener):
            ours, theirs = socket.socketpair()
            connections.kept.append(ours)
            connections.leave()
            assert not connections.accepting
            assert connections.kept == []
            assert ours.fileno() == -1
            theirs.close()
            with client_of(listener, REQUEST):
                await turns()
                assert not connections.traffic.connections

    asyncio.run(story())
