"""An app runs from its start to its end, its requests held in between as long as they must be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from incumbent.server.app import hosted_app
from incumbent.server.app import lifespan as module
from incumbent.server.app.hosted_app import HostedApp
from incumbent.server.app.lifespan import Lifespan
from incumbent.server.http.connections import Connections

NAMES = frozenset({b"localhost"})
LONG_S = 20.0


class App:
    """An app that tells what it was asked, and starts and ends as it is told to."""

    def __init__(self, start: str = "complete", message: str | None = "", end: str = "ends"):
        self.start, self.message, self.end = start, message, end
        self.heard: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.heard.append(scope["type"])
        if scope["type"] != "lifespan":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        scope["state"]["made"] = len(self.heard)
        assert (await receive())["type"] == "lifespan.startup"
        said: dict[str, Any] = {"type": f"lifespan.startup.{self.start}"}
        await send(said if self.message is None else said | {"message": self.message})
        if self.start == "failed":
            return
        assert (await receive())["type"] == "lifespan.shutdown"
        self.heard.append("shutdown")
        try:
            if self.end == "hangs":
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.heard.append("cancelled")
            raise
        await send({"type": "lifespan.shutdown.complete"})


def test_an_app_starts_and_ends_in_time():
    async def story() -> tuple[str, bool]:
        lifespan = Lifespan(app)
        assert lifespan.app is not None
        trouble = await lifespan.start()
        assert lifespan.state == {"made": 1}
        return trouble, await lifespan.end(LONG_S)

    app = App()
    assert asyncio.run(story()) == ("", True)
    assert app.heard == ["lifespan", "shutdown"]


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("Traceback ...\n  in app\nValueError: no database  \n\n", "ValueError: no database"),
        ("", "no reason given"),
        (None, "no reason given"),
    ],
)
def test_an_app_that_does_not_start_says_why(message: str | None, why: str):
    async def story() -> str:
        return await Lifespan(App("failed", message)).start()

    assert asyncio.run(story()) == f"the app's start failed: {why}"


def test_an_app_without_a_lifespan_is_started_all_the_same():
    async def bare(scope: Any, *_: Any) -> None:
        assert scope["type"] == "http"

    async def story() -> tuple[str, bool]:
        lifespan = Lifespan(bare)
        return await lifespan.start(), await lifespan.end(LONG_S)

    assert asyncio.run(story()) == ("", True)


def test_an_end_that_takes_too_long_is_cancelled():
    async def story() -> tuple[bool, list[str]]:
        lifespan = Lifespan(app)
        await lifespan.start()
        return await lifespan.end(0.01), app.heard[:]

    app = App(end="hangs")
    assert asyncio.run(story()) == (False, ["lifespan", "shutdown", "cancelled"])


def test_an_end_that_does_not_hear_that_it_is_cancelled_is_left(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CANCEL_S", 0.01)
    free: list[bool] = []

    async def deaf(_: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        while not free:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                continue

    async def story() -> bool:
        lifespan = Lifespan(deaf)
        await lifespan.start()
        try:
            return await asyncio.wait_for(lifespan.end(0.01), LONG_S)
        finally:
            free.append(True)
            await asyncio.sleep(0.02)

    assert asyncio.run(story()) is False


class Control:
    """A worker that serves."""

    instance, token, state, successor_is_chosen = "i", "secret", "verified", False
    had_data = True

    def has_data(self) -> bool:
        return True


async def answers(hosted: HostedApp) -> list[int]:
    """Ask once; give the statuses of what was answered."""
    said: list[int] = []

    async def send(message: Any) -> None:
        if "status" in message:
            said.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request"}

    connections: Any = hosted.connections
    scope = {"type": "http", "path": "/", "method": "GET", "headers": [(b"host", b"localhost")]}
    await connections.app(scope | {"state": {}}, receive, send)
    return said


@pytest.fixture(autouse=True)
def _reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is served on the connections be asked without one."""

    class Asked(Connections):
        def __init__(self, app: Any, app_for: Any) -> None:
            super().__init__(app, app_for)
            self.app = app

    monkeypatch.setattr(hosted_app, "Connections", Asked)


def new(app: App) -> HostedApp:
    control: Any = Control()
    return HostedApp(control, NAMES, app)


def test_requests_are_held_until_it_is_open_and_again_after_its_end():
    async def story() -> None:
        hosted = new(app)
        assert await hosted.start_app() == ""
        early = asyncio.ensure_future(answers(hosted))
        await asyncio.sleep(0.01)
        assert not early.done()
        hosted.open()
        assert await asyncio.wait_for(early, LONG_S) == [204]
        assert await hosted.stop_app(LONG_S) is True
        late = asyncio.ensure_future(answers(hosted))
        await asyncio.sleep(0.01)
        assert not late.done()
        assert await hosted.start_app() == ""  # the same app once more
        hosted.open()
        assert await asyncio.wait_for(late, LONG_S) == [204]
        await hosted.stop_app(LONG_S)

    app = App()
    asyncio.run(story())
    assert app.heard.count("lifespan") == app.heard.count("shutdown") == 2


def test_what_the_start_made_is_there_for_requests_and_nothing_of_the_run_before():
    async def story() -> tuple[dict[str, Any], dict[str, Any]]:
        hosted = new(app)
        await hosted.start_app()
        first = dict(hosted.connections.app_state)
        hosted.connections.app_state["left"] = True
        await hosted.stop_app(LONG_S)
        await hosted.start_app()
        second = dict(hosted.connections.app_state)
        await hosted.stop_app(LONG_S)
        return first, second

    app = App()
    first, second = asyncio.run(story())
    assert first == {"made": 1}
    assert second == {"made": 3}


def test_an_app_that_ends_too_late_is_told():
    async def story() -> bool:
        hosted = new(App(end="hangs"))
        await hosted.start_app()
        return await hosted.stop_app(0.01)

    assert asyncio.run(story()) is False
