"""A developer's loop: code that changes is served at once, and can be stopped in."""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ..world import App, World, eventually

pytestmark = pytest.mark.process

COMMAND = [sys.executable, "-m", "incumbent.cli.main"]


class Reloading:
    """A `run --reload`, with what it says."""

    def __init__(self, world: World, app: App) -> None:
        self.process = world.begin_process([*COMMAND, "run", "--reload"], app)
        self.said = dict.fromkeys(("stdout", "stderr"), "")
        self._readers = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self.said
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str) -> None:
        for line in getattr(self.process, name):
            self.said[name] += line

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code: int = self.process.wait(timeout=60)
        for reader in self._readers:
            reader.join()
        return code


@pytest.fixture
def reloading(world: World) -> Iterator[Any]:
    """Give what begins to reload an app."""
    begun: list[Reloading] = []

    def begin(app: App) -> Reloading:
        begun.append(Reloading(world, app))
        return begun[-1]

    yield begin
    for one in begun:
        if one.process.poll() is None:
            one.end()


def edit(app: App, old: str, new: str) -> None:
    source = app.folder / "hosted.py"
    fresh = source.with_suffix(".new")
    fresh.write_text(source.read_text().replace(old, new))
    os.replace(fresh, source)  # as an editor saves


def serves(world: World, version: str) -> None:
    def answers() -> bool:
        try:
            return bool(world.get("/")["version"] == version)
        except OSError:
            return False

    eventually(answers, f"{version} is served")


def test_a_change_is_served_and_one_that_does_not_come_up_costs_nothing(
    world: World, reloading: Any
) -> None:
    app = world.app("1.0.0", declared="1.0.0")
    loop = reloading(app)
    serves(world, "1.0.0")
    edit(app, "__version__ = '1.0.0'", "__version__ = '1.0.0'; MARK = print('second code')")
    eventually(lambda: "second code" in loop.said["stderr"], "the new code runs, its log is shown")
    eventually(lambda: loop.said["stdout"].count("restart verified") == 2, "it is verified")
    pid = world.get("/")["pid"]

    edit(app, "MARK =", "MARK = (")
    eventually(lambda: "SyntaxError" in loop.said["stderr"], "the mistake is told")
    eventually(lambda: "was not verified" in loop.said["stderr"], "what became of it is told")
    assert world.get("/")["pid"] == pid
    assert loop.process.poll() is None

    edit(app, "MARK = (", "MARK =")
    eventually(lambda: loop.said["stdout"].count("restart verified") == 3, "the mended one serves")
    assert world.get("/")["pid"] != pid

    assert loop.end() == 0
    assert "Worker stopped" in loop.said["stdout"]
    assert world.seen().kind == "dark"


def test_there_must_be_code_that_can_change(world: World) -> None:
    app = world.app("1.0.0")
    built_in = {"INCUMBENT_APP": "incumbent.server.recorder:app"}
    process = world.begin_process([*COMMAND, "run", "--reload"], app, env=built_in)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "INCUMBENT_APP=module:attribute, or --watch DIR" in said


def test_a_breakpoint_in_the_app_is_answered_at_the_terminal(world: World) -> None:
    app = world.app("1.0.0")
    edit(app, 'if scope["path"].startswith("/slow/"):', 'if scope["path"] == "/stop":\n'
         "        told = 6 * 7\n        breakpoint()\n"
         '    if scope["path"].startswith("/slow/"):')  # fmt: skip
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "run"],
        env=world.environment(app),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = ""

    def read_until(pattern: str) -> None:
        nonlocal shown
        while not re.search(pattern, shown):
            shown += os.read(ours, 65536).decode(errors="replace")

    try:
        serves(world, "1.0.0")
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(world.get("/stop")))
        asking.start()
        read_until(r"\(Pdb\) $")
        os.write(ours, b"p told\n")
        read_until(r"\n42\r?\n")
        os.write(ours, b"continue\n")
        asking.join(timeout=60)
        assert [answer["pid"] for answer in answers] == [process.pid]
        process.terminate()  # ctrl-C is the debugger's from here on
        assert process.wait(timeout=60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
