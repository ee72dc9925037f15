"""The app in its surroundings: gate, host, lifespan."""

from __future__ import annotations

from typing import Any

from .gate import Desk, Gate
from .host import Host
from .lifespan import Lifespan


class House:
    """The hosted app of one worker."""

    def __init__(self, desk: Desk, names: frozenset[bytes], app: Any) -> None:
        self._app = app
        self._lifespan = Lifespan(app)
        self._gate = Gate(desk, names)
        self.host = Host(self._gate)

    async def start_app(self) -> str:
        """Start the app, still behind closed doors; give "" or why it failed."""
        trouble = await self._lifespan.start()
        self.host.app_state.clear()
        self.host.app_state.update(self._lifespan.state)
        return trouble

    def open(self) -> None:
        """Let requests through to the app."""
        self._gate.open(self._lifespan.app)

    async def stop_app(self, timeout: float) -> bool:
        """End the app; False when it took longer than `timeout` seconds."""
        ended = await self._lifespan.end(timeout)
        self._gate.close()
        self._lifespan = Lifespan(self._app)
        return ended
