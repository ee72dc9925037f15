"""A connection that has reached the port is served, whatever moment the drain comes at."""

import asyncio
import socket

import pytest

from incumbent.server.http.connections import Connections

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE_S = 10.0


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
