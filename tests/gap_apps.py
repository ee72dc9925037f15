"""Hosted apps that once held everybody up at a restart, with the clients that make them do it."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

STEP_S = 0.003
SOON_S = 10.0

BARE = """
import asyncio, json, os
__version__ = "1.0.0"

def note(what):
    with open(os.path.join(os.environ["INCUMBENT_DATA_DIR"], "notes"), "a") as file:
        file.write(what + "\\n")

async def says(send, body, kind=b"application/json", more=False):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": body, "more_body": more})

async def stream(receive, send):
    await says(send, b"data: 0\\n\\n", b"text/event-stream", more=True)
    for number in range(10000):
        await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": b"data: 1\\n\\n", "more_body": True})

async def download(send):
    await says(send, b"", b"application/octet-stream", more=True)
    for _ in range(15):
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})

async def websocket(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
    await asyncio.sleep(0.3)
    note("cleaned up")

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        note("begins")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        note("ends")
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "websocket":
        await websocket(receive, send)
    elif scope["path"] == "/stream":
        await stream(receive, send)
    elif scope["path"] == "/download":
        await download(send)
    elif scope["path"] == "/slow":
        await asyncio.sleep(1)
        await says(send, b"{}")
    elif scope["path"] == "/task":
        await says(send, b"{}")
        await asyncio.sleep(0.3)
        note("worked")
    else:
        await says(send, json.dumps({"pid": os.getpid()}).encode())
"""

FASTAPI = """
import asyncio, os
from fastapi import BackgroundTasks, FastAPI
app = FastAPI(version="1.0.0")

async def work():
    await asyncio.sleep(0.3)

@app.get("/")
async def root():
    return {"pid": os.getpid()}

@app.get("/task")
async def task(tasks: BackgroundTasks):
    tasks.add_task(work)
    return {}
"""

A2WSGI = """
import json, os
from a2wsgi import WSGIMiddleware
__version__ = "1.0.0"

def page(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"pid": os.getpid()}).encode()]

app = WSGIMiddleware(page)
"""

DJANGO = """
import os
from django.conf import settings
settings.configure(
    ROOT_URLCONF=__name__, SECRET_KEY="a test's", ALLOWED_HOSTS=["*"], USE_TZ=True, DEBUG=False,
)
from django.core.asgi import get_asgi_application
from django.http import JsonResponse
from django.urls import path
__version__ = "1.0.0"

def page(request):
    return JsonResponse({"pid": os.getpid()})

urlpatterns = [path("", page)]
app = get_asgi_application()
"""


class Asking(threading.Thread):
    """Asks again and again on new connections, at this pace, as one client or several do."""

    def __init__(self, port: int, path: str = "/", pause: float = STEP_S) -> None:
        super().__init__(daemon=True)
        self._port, self._path, self._pause = port, path, pause
        self._ending = threading.Event()
        self.failures: list[str] = []
        self.stalls: list[tuple[float, float]] = []  # when begun, how long

    def run(self) -> None:
        """Ask until `end`."""
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                asked(self._port, self._path)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
            self.stalls.append((began, time.monotonic() - began))
            self._ending.wait(self._pause)

    def end(self) -> float:
        """End; give the longest time that one request took."""
        self._ending.set()
        self.join()
        return max(stall for _, stall in self.stalls)


def asked(port: int, path: str = "/") -> bytes:
    """Give the body of one good answer over a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SOON_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ValueError(f"{answer.status}: {body!r}")
        return body
    finally:
        connection.close()


def connected(port: int, sent: bytes = b"") -> socket.socket:
    """Give a connection on which this was sent."""
    made = socket.create_connection(("127.0.0.1", port), SOON_S)
    made.sendall(sent)
    return made


def request(port: int, path: str, more: str = "") -> bytes:
    """Give one whole GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{more}\r\n".encode()


@contextlib.contextmanager
def streaming(port: int) -> Iterator[socket.socket]:
    """Listen to events, as a page does."""
    with connected(port, request(port, "/stream")) as client:
        assert b"200 OK" in client.recv(4096)
        yield client


@contextlib.contextmanager
def talking(port: int) -> Iterator[Any]:
    """Hold a websocket open."""
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{port}/ws") as client:
        yield client


@contextlib.contextmanager
def half_a_head(port: int) -> Iterator[socket.socket]:
    """Send half a request, then nothing."""
    with connected(port, b"GET / HTTP/1.1\r\nHost: 127") as client:
        time.sleep(0.2)
        yield client


@contextlib.contextmanager
def asking_for(path: str, pause: float, port: int) -> Iterator[None]:
    """Ask for a path again and again."""
    asking = Asking(port, path, pause)
    asking.start()
    try:
        yield
    finally:
        asking.end()
        assert asking.failures == []


tasks = functools.partial(asking_for, "/task", 0.4)  # three quarters of the time one is under way
at_60_a_second = functools.partial(asking_for, "/", 1 / 60)

Client = Callable[[int], contextlib.AbstractContextManager[Any]]

KINDS: Mapping[str, tuple[str, Client]] = {
    "a task of 0.3 s that outlives its response": (BARE, tasks),
    "a FastAPI background task of 0.3 s": (FASTAPI, tasks),
    "a websocket whose clean-up takes 0.3 s": (BARE, talking),
    "a client of a stream of events": (BARE, streaming),
    "half a request": (BARE, half_a_head),
    "Django at 60 requests/s": (DJANGO, at_60_a_second),
    "a2wsgi at 60 requests/s": (A2WSGI, at_60_a_second),
}


def pid_on(port: int) -> int:
    """Give the pid that such an app answers with."""
    return int(json.loads(asked(port))["pid"])
