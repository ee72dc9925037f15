"""Serves MCP inside the worker: a server of the tool's author, or the built-in tools."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Protocol

from incumbent.lifecycle.client.proof import MCP_PATH
from incumbent.lifecycle.health import Health

from ..http.answers import Asgi, answering, refusal

PIP = "pip install 'incumbent[mcp]'"


class Lifespan(Protocol):
    """One run of an app's lifespan."""

    app: Any

    @property
    def state(self) -> dict[str, Any]:
        """What it shares with its requests."""

    async def start(self) -> str:
        """Run up to its start; give "" or why that failed."""

    async def end(self, timeout: float) -> bool:
        """Run to its end; False when that took over `timeout` seconds."""


class CannotServeError(Exception):
    """The server can't be had; the sentence says why."""


def is_offered(spec: str) -> bool:
    """Whether `/mcp` is the worker's; else it is the hosted app's."""
    return spec != "app" and (spec != "" or find_spec("mcp") is not None)


class McpServer:
    """An ASGI app that loads the server with the first request.

    `spec` is the author's `module:attribute`, empty for the built-in tools; `hosted` gives the
    hosted app, `lifespan` runs the server's own.
    """

    def __init__(
        self,
        spec: str,
        health: Callable[[], Health],
        hosted: Callable[[], Asgi],
        lifespan: Callable[[Any], Lifespan],
    ) -> None:
        self._spec, self._health, self._hosted, self._new_lifespan = spec, health, hosted, lifespan
        self._loading = asyncio.Lock()
        self._running: Lifespan | None = None
        self._preparing: asyncio.Future[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; the first one waits for the import."""
        try:
            async with self._loading:
                running = self._running or await self._start()
        except CannotServeError as error:
            await answering(refusal(501, "no-mcp-server", str(error)))(scope, receive, send)
            return
        await running.app(scope | {"state": dict(running.state)}, receive, send)

    def prepare(self) -> None:
        """Load the author's server before anybody asks; the built-in tools have no such haste."""
        if self._spec:
            self._preparing = asyncio.ensure_future(self._prepare())

    async def _prepare(self) -> None:
        with contextlib.suppress(CannotServeError):  # who asks is told
            async with self._loading:
                if self._running is None:
                    await self._start()

    async def end(self, timeout: float) -> None:
        """End the server, its sessions with it; the next request begins another one."""
        async with self._loading:
            if self._running is not None:
                await self._running.end(timeout)
                self._running = None

    async def _start(self) -> Lifespan:
        app = await asyncio.to_thread(self._load)
        lifespan = self._new_lifespan(app)
        trouble = await lifespan.start()
        if trouble:
            raise CannotServeError(f"the MCP server {self._spec} did not start: {trouble}")
        self._running = lifespan
        return lifespan

    def _load(self) -> Asgi:
        if self._spec:
            served = self._of_the_author()
        else:
            from .tools import server

            served = server(self._health, self._hosted)
        if hasattr(served, "streamable_http_app"):
            # Whose pages may ask was decided by the worker's gate, for all its paths.
            app: Asgi = served.streamable_http_app(streamable_http_path=MCP_PATH, host="")
            return app
        if not callable(served):
            raise CannotServeError(f"{self._spec} is neither an MCP server nor an ASGI app")
        author: Asgi = served
        return author

    def _of_the_author(self) -> Any:
        module_name, _, attribute = self._spec.partition(":")
        try:
            found: Any = importlib.import_module(module_name)
            for part in attribute.split("."):
                found = getattr(found, part)
        except Exception as error:
            why = " ".join(str(error).split())
            missing = f"; {PIP}" if find_spec("mcp") is None else ""
            raise CannotServeError(
                f"the MCP server {self._spec} can't be imported: {type(error).__name__}: "
                f"{why}{missing}"
            ) from error
        return found
