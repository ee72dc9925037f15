"""A headless Chromium, by its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

BEGINS_S = 60.0  # a browser that begins at all has begun by then, also on a busy machine
ANSWERS_S = 60.0
STEP_S = 0.05
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


def executable() -> str | None:
    """Give the path of a Chromium, None where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


class Browser:
    """One browser with one tab, in folders of its own; `options` are Chromium's."""

    def __init__(self, program: str, folder: Path, *options: str) -> None:
        self._numbers = itertools.count(1)
        self.errors: list[str] = []
        self._asked: dict[str, str] = {}
        self._answered: list[tuple[str, int]] = []
        self._open = contextlib.ExitStack()
        self._process = subprocess.Popen(
            [program, *QUIET, *options, f"--user-data-dir={folder}", "about:blank"],
            env=dict(os.environ) | {"HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            address = _address(folder / "DevToolsActivePort")
            self._tab = self._open.enter_context(connect(address, max_size=None))
        except BaseException:
            self._end()
            raise
        for domain in ("Page", "Runtime", "Log", "Accessibility", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **given: Any) -> dict[str, Any]:
        """Do one call of the protocol; what the page complains of meanwhile goes to `errors`."""
        number = next(self._numbers)
        self._tab.send(json.dumps({"id": number, "method": method, "params": given}))
        while True:
            said = json.loads(self._tab.recv(timeout=ANSWERS_S))
            if said.get("id") == number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result
            self._heed(said)

    def open(self, address: str) -> None:
        """Go to an address and wait until the page is loaded."""
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def value(self, expression: str) -> Any:
        """Give what an expression of JavaScript gives in the page."""
        said = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    def wait(self, expression: str, within: float = ANSWERS_S) -> Any:
        """Give the first true thing that an expression gives."""
        deadline = time.monotonic() + within
        while not (found := self.value(expression)):
            assert time.monotonic() < deadline, (expression, self.value("document.body.innerText"))
            time.sleep(STEP_S)
        return found

    def statuses(self) -> dict[str, set[int]]:
        """Give every address that was asked, with the statuses of the answers so far."""
        self.value("1")  # and with it what was told meanwhile
        found: dict[str, set[int]] = {address: set() for address in self._asked.values()}
        for request, status in self._answered:
            if request in self._asked:
                found[self._asked[request]].add(status)
        return found

    def look(self, path: Path, width: int, height: int, dark: bool = False) -> None:
        """Take a screenshot of the whole page at this size."""
        self.size(width, height, dark)
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=False)
        path.write_bytes(base64.b64decode(shot["data"]))

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """Make the window this large, light or dark."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def press(self, key: str) -> None:
        """Press one key, as a person does."""
        code = {"Tab": 9, "Enter": 13, " ": 32}[key]
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **typed
            )

    def accessible(self) -> list[tuple[str, str]]:
        """Give role and name of everything that a screen reader tells of."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node.get("ignored") and "role" in node
        ]

    def close(self) -> None:
        """End the browser with all its processes."""
        self._open.close()
        self._end()

    def _heed(self, said: dict[str, Any]) -> None:
        params = said.get("params", {})
        if said.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(params["exceptionDetails"].get("text")))
        if said.get("method") == "Network.requestWillBeSent":
            self._asked[params["requestId"]] = params["request"]["url"]
        if said.get("method") == "Network.responseReceivedExtraInfo":  # also where the page may not
            self._answered.append((params["requestId"], params["statusCode"]))
        if said.get("method") == "Log.entryAdded" and params["entry"]["source"] != "network":
            self.errors.append(str(params["entry"]["text"]))

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # a session of its own
        self._process.wait()


def _address(file: Path) -> str:
    """Give where the tab of a browser that has just begun is spoken to."""
    port = _eventually(lambda: file.read_text().split("\n")[0])
    tabs = _eventually(lambda: json.load(_get(f"http://127.0.0.1:{port}/json/list")))
    return next(str(tab["webSocketDebuggerUrl"]) for tab in tabs if tab["type"] == "page")


def _get(address: str) -> Any:
    return urllib.request.urlopen(address, timeout=5)


def _eventually(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + BEGINS_S
    while True:
        with contextlib.suppress(OSError, ValueError):
            if found := look():
                return found
        assert time.monotonic() < deadline, "no browser has begun"
        time.sleep(STEP_S)
