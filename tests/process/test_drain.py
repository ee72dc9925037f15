"""Nobody is held up by what another client does while one worker makes way for the next."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .. import gap_apps
from ..gap_apps import KINDS, Asking, asked, connected, half_a_head, request, streaming, talking
from ..world import App, World, eventually

pytestmark = pytest.mark.process

TENS_OF_MS = 0.15  # a drain that waits for its timeout takes 5 s, what goes on beside it 0.3 s
DRAIN_S = 5.0
TRIES = 5  # a machine that is busy holds somebody up by itself, though not each time


def hosted(world: World, source: str) -> App:
    folder = world.sandbox.root / "apps" / "gap"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosted.py").write_text(source)
    return App(folder, "1.0.0")


def notes(world: World) -> list[str]:
    path = Path(world.data_dir) / "notes"
    return path.read_text().split("\n")[:-1] if path.exists() else []


@pytest.fixture
def bare(world: World) -> App:
    app = hosted(world, gap_apps.BARE)
    world.ensure(app)
    return app


def longest_wait(
    world: World, app: App, beside: Callable[[], contextlib.AbstractContextManager[object]]
) -> float:
    """Give the longest time that an answer took during a restart, at the best of a few."""
    found = []
    for _ in range(TRIES):
        asking = Asking(world.port)
        asking.start()
        with beside():
            done = world.restart(app)
            found.append(asking.end())
        assert done.code == 0, done
        assert asking.failures == []
        if found[-1] < TENS_OF_MS:
            break
    return min(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_restart_holds_nobody_up_beside(world: World, kind: str):
    source, client = KINDS[kind]
    app = hosted(world, source)
    world.ensure(app)
    assert longest_wait(world, app, lambda: client(world.port)) < TENS_OF_MS


@pytest.mark.parametrize("kind", KINDS)
def test_a_stop_is_not_held_up_beside(world: World, kind):
    source, client = KINDS[kind]
    app = hosted(world, source)
    world.ensure(app)
    with contextlib.suppress(AssertionError), client(world.port):  # who asks on is refused
        done = world.stop(app)
    assert done.code == 0, done
    assert done.took < DRAIN_S / 2


def test_a_task_that_outlives_its_response_is_done_before_the_app_ends(world: World, bare):
    asked(world.port, "/task")
    assert world.restart(bare).code == 0
    assert notes(world) == ["begins", "worked", "ends", "begins"]


def test_a_websocket_is_cleaned_up_after_before_the_app_ends(world: World, bare):
    from websockets.exceptions import ConnectionClosed

    with talking(world.port) as client:
        assert world.restart(bare).code == 0
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(timeout=5)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert notes(world) == ["begins", "cleaned up", "ends", "begins"]


def test_a_stream_of_events_ends_cleanly_and_the_log_names_it(world: World, bare):
    with streaming(world.port) as client:
        assert world.restart(bare).code == 0
        received = b""
        while more := client.recv(65536):
            received += more
    assert received.endswith(b"0\r\n\r\n")
    eventually(lambda: "ended /stream (1)" in world.log(), "the log names it")


def test_a_stream_of_events_goes_on_while_a_request_is_in_flight(world: World, bare):
    slow = threading.Thread(target=asked, args=(world.port, "/slow"))
    with streaming(world.port) as client:
        slow.start()
        restarting = threading.Thread(target=world.restart, args=(bare,))
        began = time.monotonic()
        restarting.start()
        while client.recv(65536):
            pass
        heard = time.monotonic() - began
        restarting.join()
    slow.join()
    assert heard > 0.5


def test_a_request_in_flight_of_one_second_holds_nobody_up(world: World, bare):
    @contextlib.contextmanager
    def in_flight() -> Iterator[None]:
        answers: list[bytes] = []
        slow = threading.Thread(target=lambda: answers.append(asked(world.port, "/slow")))
        slow.start()
        yield
        slow.join()
        assert answers == [b"{}"]

    assert longest_wait(world, bare, in_flight) < TENS_OF_MS


def test_a_download_is_not_cut(world: World, bare):
    bodies: list[bytes] = []
    loading = threading.Thread(target=lambda: bodies.append(asked(world.port, "/download")))
    loading.start()
    time.sleep(0.3)
    assert world.restart(bare).code == 0
    loading.join()
    assert [len(body) for body in bodies] == [15000]


def test_what_is_cut_at_the_deadline_is_named_in_the_log(world: World):
    world.settings["INCUMBENT_DRAIN_TIMEOUT"] = "0.4"
    bare = hosted(world, gap_apps.BARE)
    world.ensure(bare)
    with connected(world.port, request(world.port, "/download")) as client:
        client.recv(100)
        assert world.restart(bare).code == 0
    eventually(lambda: "cut off at the deadline: /download (1)" in world.log(), "the log names it")


def test_half_a_request_is_closed_at_a_restart_and_an_idle_connection_is_not(world: World, bare):
    with half_a_head(world.port) as half, connected(world.port) as idle:
        assert world.restart(bare).code == 0
        assert half.recv(4096).startswith(b"HTTP/1.1 408 ")
        idle.sendall(request(world.port, "/"))
        assert idle.recv(4096).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_stops_half_way_does_not_hold_a_restart_up(world: World, bare):
    head = request(world.port, "/", "Content-Length: 100\r\n").replace(b"GET", b"POST")

    @contextlib.contextmanager
    def stopped_half_way() -> Iterator[None]:
        with connected(world.port, head + b"half"):
            time.sleep(1.2)
            yield

    assert longest_wait(world, bare, stopped_half_way) < TENS_OF_MS
