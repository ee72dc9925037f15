"""A page in a real browser neither writes, reads nor commands, whatever name it has for us."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from .. import isolation
from ..browser import Browser, executable
from ..world import World, eventually

pytestmark = pytest.mark.process

# Takes note of all that reaches it; events are open, so that nothing but the gate is in the way.
APP = """
import json, os
__version__ = "1.0.0"
noted = os.path.join(os.environ["INCUMBENT_DATA_DIR"], "reached")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    with open(noted, "a") as file:
        file.write(f"{scope['type']} {scope.get('method', '')} {scope['path']}\\n")
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "a secret"})
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/html")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"a secret"})
"""

# Each way by which a page sends what nobody allowed, or reads what comes back.
ATTACK = """
(async (there) => {
  const got = {}, url = `http://${there}/`;
  const form = document.createElement("form"), frame = document.createElement("iframe");
  frame.name = "frame";
  Object.assign(form, {method: "post", action: url + "form", enctype: "text/plain"});
  form.target = "frame";
  form.append(Object.assign(document.createElement("input"), {name: "event", value: "planted"}));
  document.body.append(frame, form);
  form.submit();
  got.beacon = navigator.sendBeacon(url + "beacon", "planted");
  const asked = async (name, options) => {
    try { got[name] = await (await fetch(url + name, options)).text(); }
    catch (error) { got[name] = String(error.name); }
  };
  await asked("no-cors", {method: "POST", mode: "no-cors", body: "planted"});
  await asked("cors", {method: "GET"});
  await asked("preflight", {method: "PUT", headers: {"x-mine": "1"}, body: "planted"});
  await asked("api/events", {mode: "no-cors"});
  const loaded = (tag, name) => new Promise((done) => {
    const element = document.createElement(tag);
    element.onload = () => done("loaded");
    element.onerror = () => done("error");
    element.src = url + name;
    document.body.append(element);
  });
  got.image = await loaded("img", "image");
  got.script = await loaded("script", "script");
  got.socket = await new Promise((done) => {
    const socket = new WebSocket(`ws://${there}/socket`);
    socket.onmessage = (message) => done(message.data);
    socket.onerror = () => done("error");
  });
  got.stream = await new Promise((done) => {
    const stream = new EventSource(url + "api/trace?follow=1");
    stream.onmessage = (message) => done(message.data);
    stream.onerror = () => { stream.close(); done("error"); };
  });
  window.got = got;
})(THERE)
"""
ASKED = (
    "form", "beacon", "no-cors", "cors", "preflight", "api/events", "image", "script",
    "api/trace?follow=1",
)  # fmt: skip


class Page(http.server.BaseHTTPRequestHandler):
    """The attacker's own site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>harmless</title><body>")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def site(port: int) -> Iterator[None]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class Victim(NamedTuple):
    """A browser, the worker beside it, the port of a site that its user looks at."""

    browser: Browser
    world: World
    port: int

    def attacked(self, page: str, there: str) -> dict[str, Any]:
        """Give what a page gets that attacks the worker under this name."""
        self.browser.open(page)
        self.browser.call("Runtime.evaluate", expression=ATTACK.replace("THERE", json.dumps(there)))
        self.browser.wait("window.got")
        got: dict[str, Any] = self.browser.value("window.got")
        return got

    def statuses(self, there: str) -> dict[str, set[int]]:
        """Give what a page asked of the worker, with the statuses of the answers, once all came."""
        at = f"http://{there}/"

        def answered() -> dict[str, set[int]]:
            all_of_it = self.browser.statuses()
            found = {url.removeprefix(at): all_of_it[url] for url in all_of_it if at in url}
            return found if all(found.get(name) for name in ASKED) else {}

        return eventually(answered, "everything is answered")

    def reached(self) -> list[str]:
        """Give what has reached the app."""
        noted = self.world.data_dir / "reached"
        return noted.read_text().splitlines() if noted.exists() else []


@pytest.fixture
def victim(world: World, tmp_path: Path) -> Iterator[Victim]:
    program = executable()
    if program is None:
        pytest.skip("NOT TESTED: no Chromium here to attack with")
    app = world.app("1.0.0")
    (app.folder / "hosted.py").write_text(APP)
    world.settings["INCUMBENT_EVENTS"] = "open"
    done = world.ensure(app)
    assert done.code == 0, done
    port, give_back = isolation.reserved_port()
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1"
    browser = Browser(program, tmp_path / "profile", rules)
    try:
        with site(port):
            yield Victim(browser, world, port)
    finally:
        browser.close()
        give_back()


def test_a_page_gets_nothing_and_nothing_of_it_reaches_the_app(victim: Victim):
    there = f"127.0.0.1:{victim.world.port}"
    for page in (f"http://evil.example:{victim.port}/", f"http://127.0.0.1:{victim.port}/"):
        got = victim.attacked(page, there)
        assert set().union(*victim.statuses(there).values()) == {403}
        assert "secret" not in json.dumps(got)
        assert (got["socket"], got["stream"]) == ("error", "error")
        assert (got["cors"], got["preflight"]) == ("TypeError", "TypeError")
    assert victim.reached() == []


def test_a_page_whose_name_leads_to_us_gets_nothing(victim: Victim):
    """By DNS rebinding: to the browser the worker is the page's own site."""
    there = f"evil.example:{victim.world.port}"
    got = victim.attacked(f"http://{there}/", there)
    assert set().union(*victim.statuses(there).values()) == {403}
    assert "secret" not in json.dumps(got)
    assert (
        "loopback names only" in got["cors"]
    )  # it is let to read the refusal, which tells nothing
    assert victim.reached() == []


def test_the_same_from_the_workers_own_page_reaches_the_app(victim: Victim):
    there = f"127.0.0.1:{victim.world.port}"
    got = victim.attacked(f"http://{there}/", there)
    assert (got["cors"], got["socket"]) == ("a secret", "a secret")
    eventually(lambda: len(victim.reached()) > len(ASKED), "all of it has reached the app")
    reached = "\n".join(victim.reached())
    for what in ("POST /form", "POST /beacon", "POST /no-cors", "PUT /preflight"):
        assert f"http {what}" in reached
    assert "websocket  /socket" in reached
