"""Runs the hosted app's lifespan: from its start to its end."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from ..http.uvicorn_parts import Config, LifespanOn

CANCEL_S = 1.0  # for an app's end that took too long to notice that it is cancelled


class Lifespan:
    """One run of the app's lifespan; another one needs another object."""

    def __init__(self, app: Any) -> None:
        self._message = ""
        self._task: asyncio.Task[Any] | None = None
        self._config = Config(app, lifespan="auto", log_config=None, proxy_headers=False, ws="none")
        self._config.load()
        self.app: Any = self._config.loaded_app
        self._config.loaded_app = self._listening_in
        self._on = LifespanOn(self._config)

    @property
    def state(self) -> dict[str, Any]:
        """What the app's lifespan shares with its requests."""
        return self._on.state

    async def start(self) -> str:
        """Run up to the app's start; give "" or the sentence that says why it failed."""
        await self._on.startup()
        if not self._on.should_exit:
            return ""
        lines = [line for line in self._message.splitlines() if line.strip()]
        return f"the app's start failed: {lines[-1].strip() if lines else 'no reason given'}"

    async def end(self, timeout: float) -> bool:
        """Run to the app's end; False when that took over `timeout` seconds: it is cancelled."""
        try:
            await asyncio.wait_for(self._on.shutdown(), timeout)
        except TimeoutError:
            if self._task is not None:
                self._task.cancel()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.wait({self._task}), CANCEL_S)
            return False
        return True

    async def _listening_in(self, scope: Any, receive: Any, send: Any) -> None:
        self._task = asyncio.current_task()

        async def told(message: Any) -> None:
            if message["type"] == "lifespan.startup.failed":
                self._message = message.get("message", "")
            await send(message)

        await self.app(scope, receive, told)
