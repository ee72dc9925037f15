"""Lets messages through to the worker's MCP server from who holds the secret, or may look."""

from __future__ import annotations

from typing import Any

from incumbent.lifecycle.client.proof import address_bytes, mcp_hash
from incumbent.lifecycle.health import Health

from .answers import Asgi, heard_body, once_more, refusal, say
from .proving import UNAUTHORIZED, Proofs, brings_proof

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..page.visitors import Visitors

MESSAGE_LIMIT_BYTES = 4_194_304  # what the SDK takes
UNPROVED = (
    "MCP is for who proves the data dir's secret: connect by the command `mcp`, or bring a session "
    "as `page --session` prints it"
)


class McpGate:
    """The gate before `/mcp`, where the worker serves it."""

    def __init__(
        self, proofs: Proofs, secret: Callable[[], str], health: Callable[[], Health], app: Asgi
    ) -> None:
        self._proofs, self._secret, self._health, self._app = proofs, secret, health, app
        self._visitors: Visitors | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a request through, or refuse it; its body is read before."""
        if scope["type"] != "http" or not (brings_proof(scope) or self._may_look(scope)):
            await say(scope, send, refusal(401, UNAUTHORIZED, UNPROVED))
            return
        body = await heard_body(scope, receive, send, "a message", MESSAGE_LIMIT_BYTES)
        if body is None:
            return
        if brings_proof(scope):
            there, data_dir = address_bytes(scope["server"]), self._health().data_dir
            why = self._proofs.refusal(
                scope,
                UNPROVED,
                lambda secret, nonce: mcp_hash(
                    secret, scope["method"], there, data_dir, nonce, body
                ),
            )
            if why is not None:
                await say(scope, send, refusal(401, *why))
                return
        await self._app(scope, once_more(body, receive), send)

    def _may_look(self, scope: Any) -> bool:
        if self._visitors is None:
            from ..page.visitors import Visitors

            self._visitors = Visitors()
        return self._visitors.knows(scope["headers"], self._secret(), self._health())
