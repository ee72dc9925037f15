"""Whatever else holds the port is neither asked, replaced nor stopped."""

import contextlib
import http.server
import threading
from collections.abc import Iterator

import pytest

from ..world import World

pytestmark = pytest.mark.process


@contextlib.contextmanager
def yes_sayer(port: int) -> Iterator[list[tuple[str, str]]]:
    """Serve an HTTP server that says yes to everything; give what it was asked."""
    asked: list[tuple[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.command, self.path))
            self.send_response(200)
            self.send_header("Content-Length", "15")
            self.end_headers()
            self.wfile.write(b'{"status":"ok"}')

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield asked
        finally:
            server.shutdown()
            serving.join()


@pytest.mark.parametrize("what", ["ensure", "restart", "stop"])
def test_a_server_that_says_yes_to_everything_is_left_alone(world: World, what):
    with yes_sayer(world.port) as asked:
        done = world.end(world.begin(world.app("1.0.0"), what))
        assert asked
    assert done.code == 1
    if what == "stop":
        assert "nothing was stopped" in done.said["error"]
    else:
        assert done.said["event"] == "port_foreign"
        assert "is held by an HTTP server that is no worker" in done.said["error"]
        assert "INCUMBENT_PORT" in done.said["error"]
    assert set(asked) == {("GET", "/api/health")}
    assert world.spawns() == 0


def test_a_foreign_server_in_the_place_of_a_stopped_worker_is_not_stopped(world: World):
    app = world.app("1.0.0")
    world.ensure(app)
    world.stop(app)
    with yes_sayer(world.port) as asked:
        done = world.stop(app)
    assert (done.code, done.said["kind"]) == (1, "StopError")
    assert "nothing was stopped" in done.said["error"]
    assert set(asked) == {("GET", "/api/health")}


def test_the_worker_of_another_data_dir_is_left_alone(world: World):
    app = world.app("1.0.0")
    pid = world.ensure(app).said["pid"]
    world.settings["INCUMBENT_DATA_DIR"] = str(world.sandbox.root / "another")
    for what in ("ensure", "restart", "stop"):
        done = world.end(world.begin(world.app("2.0.0"), what))
        assert done.code == 1, done
        assert (
            f"a worker of another data dir, or who passes for one (pid {pid})" in done.said["error"]
        )
    del world.settings["INCUMBENT_DATA_DIR"]
    assert world.health().pid == pid
