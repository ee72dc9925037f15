"""The app in its surroundings: endpoints, connections, lifespan."""

from __future__ import annotations

from typing import Any

from ..http.connections import Connections
from ..http.endpoints import Endpoints, WorkerControl
from .lifespan import Lifespan


class HostedApp:
    """The hosted app of one worker."""

    def __init__(self, control: WorkerControl, names: frozenset[bytes], app: Any) -> None:
        self._app = app
        self._lifespan = Lifespan(app)
        self._endpoints = Endpoints(control, names)
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

    async def stop_app(self, timeout: float) -> bool:
        """End the app; False when it took longer than `timeout` seconds."""
        ended = await self._lifespan.end(timeout)
        self._endpoints.close()
        self._lifespan = Lifespan(self._app)
        return ended
