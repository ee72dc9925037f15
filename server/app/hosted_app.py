"""The app in its surroundings: endpoints, connections, lifespan."""

from __future__ import annotations

from typing import Any

from ..http.connections import Connections
from ..http.endpoints import Endpoints, WorkerControl
from ..mcp.serving import McpServer, is_offered
from .lifespan import Lifespan


class HostedApp:
    """The hosted app of one worker, with its MCP server.

    `mcp` says which: the author's as `module:attribute`, `app` where the app serves it itself.
    """

    def __init__(
        self, control: WorkerControl, names: frozenset[bytes], app: Any, mcp: str = ""
    ) -> None:
        self._app = app
        self._lifespan = Lifespan(app)
        self._mcp: McpServer | None = None
        if is_offered(mcp):
            self._mcp = McpServer(
                mcp, lambda: control.health(), lambda: self._lifespan.app, Lifespan
            )
        self._endpoints = Endpoints(control, names, self._mcp)
        self.connections = Connections(self._endpoints, self._endpoints.app_for)

    async def start_app(self) -> str:
        """Start the app, its requests held until `open`; give "" or why it failed."""
        trouble = await self._lifespan.start()
        self.connections.app_state.clear()
        self.connections.app_state.update(self._lifespan.state)
        return trouble

    @property
    def app(self) -> Any:
        """The app itself, once it is up, with nothing before it."""
        return self._lifespan.app

    def open(self) -> None:
        """Let requests through to the app."""
        self._endpoints.open(self._lifespan.app)
        if self._mcp is not None:
            self._mcp.prepare()

    async def stop_app(self, timeout: float) -> bool:
        """End the app; False when it took longer than `timeout` seconds."""
        if self._mcp is not None:
            await self._mcp.end(timeout)
        ended = await self._lifespan.end(timeout)
        self._endpoints.close()
        self._lifespan = Lifespan(self._app)
        return ended
