"""`/mcp` is for who proves the secret over this connection, once, or brings a page's session."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from incumbent.lifecycle.client.proof import SCHEME, mcp_hash
from incumbent.lifecycle.page_access import session, wall_clock
from incumbent.server.http.endpoints import Endpoints
from incumbent.server.http.mcp_gate import MESSAGE_LIMIT_BYTES

from .test_endpoints import ADDRESS, HOST, SECRET, Answer, WorkerControl, call, drawn, hosted

BODY = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'


async def echo(_: Any, receive: Any, send: Any) -> None:
    """Stand in for the MCP server: give back what came."""
    message = await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"mcp " + message["body"]})


def endpoints() -> Endpoints:
    made = Endpoints(WorkerControl(), frozenset({HOST}), echo)
    made.open(hosted)
    return made


def proof(nonce: bytes, body: bytes, secret: str = SECRET, method: str = "POST") -> Any:
    address = f"{ADDRESS[0]}:{ADDRESS[1]}".encode()
    hashed = mcp_hash(secret, method, address, "", nonce, body)
    return [(b"host", HOST), (b"authorization", f"{SCHEME} {hashed}".encode())]


def asked(headers: Any, body: bytes = BODY) -> Answer:
    return asyncio.run(call(endpoints(), "/mcp", method="POST", body=body, headers=headers))


def test_who_proves_the_secret_is_let_through_once():
    async def run() -> None:
        made = endpoints()
        headers = proof(await drawn(made), BODY)
        first = await call(made, "/mcp", method="POST", body=BODY, headers=headers)
        assert (first.status, first.body) == (200, b"mcp " + BODY)
        again = await call(made, "/mcp", method="POST", body=BODY, headers=headers)
        assert (again.status, again.said["code"]) == (401, "prove-again")

    asyncio.run(run())


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "cd" * 32},
        {"method": "DELETE"},
        {"body": BODY + b" "},
        {"nonce": b"another"},
    ],
    ids=str,
)
def test_a_wrong_proof_is_refused(wrong):
    async def run() -> Answer:
        made = endpoints()
        given = {"nonce": await drawn(made), "body": BODY} | wrong
        return await call(made, "/mcp", method="POST", body=BODY, headers=proof(**given))

    answer = asyncio.run(run())
    assert (answer.status, answer.said["code"]) == (401, "unauthorized")


def test_who_proves_nothing_is_refused():
    answer = asked([(b"host", HOST)])
    assert (answer.status, answer.said["code"]) == (401, "unauthorized")
    assert "`page --session`" in answer.said["error"]


def test_a_page_s_session_is_let_through():
    health = WorkerControl().health()
    ticket = session(SECRET, health.data_dir, (health.host, health.port), wall_clock())
    answer = asked([(b"host", HOST), (b"authorization", f"Bearer {ticket}".encode())])
    assert (answer.status, answer.body) == (200, b"mcp " + BODY)


def test_a_message_too_long_is_refused():
    health = WorkerControl().health()
    ticket = session(SECRET, health.data_dir, (health.host, health.port), wall_clock())
    headers = [(b"host", HOST), (b"authorization", f"Bearer {ticket}".encode())]
    answer = asked(headers, b"x" * (MESSAGE_LIMIT_BYTES + 1))
    assert (answer.status, answer.said["code"]) == (413, "too-long")


def test_without_a_server_of_the_worker_s_the_path_is_the_app_s():
    made = Endpoints(WorkerControl(), frozenset({HOST}))
    made.open(hosted)
    answer = asyncio.run(call(made, "/mcp", method="GET"))
    assert (answer.status, answer.body) == (200, b"hosted /mcp")


def test_it_is_held_until_the_worker_is_open():
    async def run() -> Answer:
        made = Endpoints(WorkerControl(), frozenset({HOST}), echo)
        headers = proof(await drawn(made), BODY)
        waiting = asyncio.ensure_future(
            call(made, "/mcp", method="POST", body=BODY, headers=headers)
        )
        await asyncio.sleep(0)
        assert not waiting.done()
        made.open(hosted)
        return await waiting

    assert asyncio.run(run()).status == 200


def test_another_path_below_is_the_app_s():
    answer = asyncio.run(call(endpoints(), "/mcp/more", method="GET"))
    assert json.dumps(answer.body.decode()) == '"hosted /mcp/more"'
