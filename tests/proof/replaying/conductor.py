"""Lets real processes take the steps of a simulation, one at a time, in its order."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from incumbent.lifecycle import settings
from incumbent.lifecycle.lock.process_identity import start_token
from incumbent.lifecycle.machine.tables import Row

from ...isolation import reserved_port
from ...world import App, World
from ..schedules import CAME_UP, Line, Simulation, Told
from ..world import (
    ACTORS,
    DEAD,
    GONE,
    INBOX,
    LID,
    MISLABELLED,
    NO_IMPORT,
    NO_RESUME,
    NO_START,
    OVER,
    Configuration,
    Move,
)

T = TypeVar("T")

SITE = str(Path(__file__).with_name("site"))
CODE = str(Path(settings.__file__).parents[2])  # also where that is a mutated copy
PATIENCE_S = 20.0
AGED_S = 100.0
# Steps that only their own actor could notice are taken with the one before.
TOGETHER = frozenset(
    [
        "pause",
        "refuse",
        "can_pass_socket",
        "hold_lock_wait",
        "say_ready",
        "accept_ask",
        "remove_pid",
        "note",
        "write_pid",
        "load",
        "look_elsewhere",
        "take_data",
        "name_holder",
        "free_data",
        "settle",
    ]
)
# What a worker notices by itself, with what its own verb is told instead.
MOMENTS = {"is unused for too long": "unused", "has served long": "settled"}
STILLNESS = {"stands still": signal.SIGSTOP, "goes on": signal.SIGCONT}
# What a process does after its driver's end: lets go, looks for the words of an error.
LAST_ACTS = frozenset(["release", "close", "record"])
FLAWS = {
    NO_IMPORT: "cannot be imported",
    NO_START: "fails at start",
    NO_RESUME: "starts only once",
}

# One run of the machine: that a launch starts over when its build is gone stands above the drivers.
LAUNCHER = """
import sys
from incumbent.lifecycle import IncumbentError, Worker, runs
from incumbent.lifecycle.posix.registration import Registration
Registration.give_way = lambda self: False
forced = {"force": True} if sys.argv[2:] == ["forced"] else {}
try:
    getattr(runs, sys.argv[1])(Worker(), origin="cli", **forced)
except IncumbentError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
"""


class DivergedError(AssertionError):
    """A real process did something else than was predicted."""


class Actor:
    """One real process, as the conductor knows it."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.pid = 0
        self.role = ""
        self.at = ""  # the verb before which it stands; "" while it runs
        self.asked = 0
        self.gone = False


class Conductor:
    """Hears every process; lets one go at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._origin = socket.socket(socket.AF_UNIX)
        self._origin.bind(path)
        self._origin.listen(32)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._origin, selectors.EVENT_READ, None)
        self._buffers: dict[int, bytes] = {}
        self.actors: list[Actor] = []
        self.open_to_all = False

    def turn(self, timeout: float) -> None:
        """Hear what processes say within these seconds."""
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                channel, _ = self._origin.accept()
                actor = Actor(channel)
                self.actors.append(actor)
                self._selector.register(channel, selectors.EVENT_READ, actor)
            else:
                self._hear(key.data)

    def _hear(self, actor: Actor) -> None:
        try:
            came = actor.channel.recv(4096)
        except OSError:
            came = b""
        if not came:
            actor.gone, actor.at = True, ""
            self._selector.unregister(actor.channel)
            actor.channel.close()
            return
        buffer = self._buffers.pop(id(actor), b"") + came
        *lines, rest = buffer.split(b"\n")
        self._buffers[id(actor)] = rest
        for line in lines:
            said = json.loads(line)
            actor.pid = said.get("pid", actor.pid)
            actor.role = said.get("role", actor.role)
            actor.at = said.get("at", actor.at)
            actor.asked += "asked" in said
        if self.open_to_all and actor.at and actor.at != "next_ask":
            self.go(actor)

    def go(self, actor: Actor, answer: str = "") -> None:
        """Let a process go on, perhaps with an answer in its verb's place."""
        actor.at = ""
        with contextlib.suppress(OSError):
            actor.channel.sendall(json.dumps({"go": answer}).encode() + b"\n")

    def until(self, look: Callable[[], T | Literal[False] | None], what: str) -> T:
        """Hear processes until `look` gives something true."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := look()):
            if time.monotonic() > deadline:
                raise DivergedError(f"not within {PATIENCE_S:g} s: {what}")
            self.turn(0.05)
        return found

    def close(self) -> None:
        """Let nobody wait for us any more."""
        for actor in self.actors:
            if not actor.gone:
                self.go(actor, "free")
                actor.channel.close()
        self._selector.close()
        self._origin.close()


class Replay(Simulation):
    """A simulation of which every step is taken by a real process first."""

    def __init__(self, configuration: Configuration, place: World) -> None:
        super().__init__(configuration, Told)
        self.configuration = configuration
        self.place = place
        self.conductor = Conductor(str(place.sandbox.root / "conductor"))
        self._actors: dict[int, Actor] = {}
        self._begun: dict[int, Any] = {}
        self._ports: dict[int, tuple[int, Any]] = {}
        self._apps = {version: self._app(version) for version in "123"}
        self._stranger: socket.socket | None = None
        place.settings |= {
            "INCUMBENT_HANDOVER": "" if configuration.seamless else "rebind",
            "INCUMBENT_START_TIMEOUT": "40",
        }
        if configuration.seamless:
            del place.settings["INCUMBENT_HANDOVER"]
        self._skip = 0

    def _app(self, version: str) -> App:
        how = dict(self.configuration.broken).get(version, "")
        if how == MISLABELLED:
            return self.place.app("1", declared=version)
        return self.place.app(version, FLAWS.get(how, ""))

    def _port(self, address: int) -> int:
        """Give the port that stands for an address."""
        if not address:
            return self.place.port
        if address not in self._ports:
            self._ports[address] = reserved_port()
        return self._ports[address][0]

    def _launch(self, what: str, version: str, address: int = 0, forced: bool = False) -> Any:
        app = self._apps[version]
        env = {
            "PYTHONPATH": os.pathsep.join([SITE, CODE, str(app.folder)]),
            "INCUMBENT_REPLAY": self.conductor.path,
            "INCUMBENT_PASS_ENV": "INCUMBENT_REPLAY",
            "INCUMBENT_PORT": str(self._port(address)),
        }
        command = [sys.executable, "-c", LAUNCHER, what, *["forced"][: int(forced)]]
        return self.place.begin_process(command, app, env=env)

    def begin(self) -> None:
        """Bring about the world's first state: whoever serves, what is recorded as good."""
        self._prologue()
        self._skip = len(self.place.trace())

    def _prologue(self) -> None:
        c = self.configuration
        if not (c.serving or c.recorded):
            return
        self.conductor.open_to_all = True
        first = self._launch("ensure", "1")
        self.conductor.until(lambda: first.poll() is not None, "the first worker is up")
        [worker] = [a for a in self.conductor.actors if a.role == "worker"]
        self.conductor.until(lambda: worker.at == "next_ask", "the first worker serves")
        if c.serving:
            self._actors[self.world.first_worker] = worker
        else:
            os.kill(worker.pid, signal.SIGTERM)
            self.conductor.go(worker)
            self.conductor.until(lambda: worker.gone, "the first worker is gone")
            self.conductor.until(lambda: start_token(worker.pid) is None, "it is dead")
        self.conductor.open_to_all = False

    # One step.

    def take(self, option: tuple[Move, tuple[Row, ...]]) -> None:
        """Let the real process take a step, then the simulated one."""
        move, _ = option
        try:
            self._really(move)
        except DivergedError as error:
            raise DivergedError(f"{error}\nat: {move.what}\n{self.story()}") from None
        super().take(option)

    def _really(self, move: Move) -> None:
        assert move.state is not None
        number = move.actor
        if move.what == "the content of launch.json is lost":
            (self.place.data_dir / "launch.json").write_bytes(b"")
            return None
        if number < ACTORS:
            self._stranger = stranger(self.place.port)
            return None
        before, after = self.state[number], move.state[number]
        if move.what == "is killed":
            return self._kill(number)
        if move.what.startswith("overruns"):
            lock = self.place.data_dir / "spawn.lock"
            old = time.time() - AGED_S
            return os.utime(lock, (old, old))
        actor = self._actors.get(number)
        if move.what in STILLNESS:
            assert actor is not None
            return os.kill(actor.pid, STILLNESS[move.what])
        if move.what == "gets SIGTERM":
            told = self._actors[number]
            asked = told.asked
            os.kill(told.pid, signal.SIGTERM)
            self.conductor.until(lambda: told.asked > asked, "the signal is heard")
            return None
        if actor is None:
            actor = self._begin(number)
        verb = self.world._calls[before[LID]][0]
        self._let_go(actor, verb, move)
        return self._arrive(number, actor, move, before, after)

    def _begin(self, number: int) -> Actor:
        what, version, *more = self.configuration.launchers[number - ACTORS]
        address = self.world.address(self.state, number)
        process = self._begun[number] = self._launch(what, version, address, any(more[1:]))

        def came() -> Actor | None:
            return next((a for a in self.conductor.actors if a.pid == process.pid), None)

        actor = self._actors[number] = self.conductor.until(came, f"{what} {version} is there")
        return actor

    def _let_go(self, actor: Actor, verb: str, move: Move) -> None:
        if verb == "ask" and move.what.partition(",")[0] in ("hears", "is cut off"):
            return  # the answer comes to who asked before
        self.conductor.until(lambda: actor.at or actor.gone, f"it comes to {verb}")
        if actor.at != verb:
            raise DivergedError(f"it stands before {actor.at or 'nothing'}, predicted: {verb}")
        answer = ""
        if move.what == "probes, no answer":
            answer = "silent"
        elif move.what == "can't create the lock":
            answer = "refused"
        elif ": late" in move.what:
            answer = "late"
        elif move.what.startswith("ends itself"):
            answer = "own deadline"
        elif move.what in MOMENTS:
            answer = MOMENTS[move.what]
        self.conductor.go(actor, answer)

    def _arrive(self, number: int, actor: Actor, move: Move, before: Any, after: Any) -> None:
        assert move.state is not None
        if move.what.startswith("asks ") and after[LID] == before[LID]:
            workers = range(self.world.first_worker, len(move.state))
            asked = [n for n in workers if move.state[n][INBOX:] != self.state[n][INBOX:]]
            if asked:
                its = self._actors[asked[0]]
                known = its.asked
                self.conductor.until(lambda: its.asked > known or its.gone, "the ask is heard")
                return
        ended = after[LID] in (DEAD, GONE, OVER)
        verb = "" if ended else self.world._calls[after[LID]][0]
        late = move.what.endswith(", deadline")
        while True:
            self.conductor.until(lambda: actor.at or actor.gone, f"it comes to {verb or 'its end'}")
            if actor.gone or (verb and actor.at == verb):
                break
            if actor.at in TOGETHER or (ended and actor.at in LAST_ACTS):
                answer = "deadline" if late and actor.at == "pause" else ""
                late = late and not answer
                self.conductor.go(actor, answer)
                continue
            raise DivergedError(f"it stands before {actor.at}, predicted: {verb or 'its end'}")
        if actor.gone != ended:
            raise DivergedError(f"it is {'gone' if actor.gone else 'there'}, predicted: {verb}")
        if ended:
            self._wait_for_death(number, actor)
        if isinstance(move.result, tuple) and move.result[0] == "child":
            self._meet(self.world.slot(move.result[1]))

    def _meet(self, number: int) -> None:
        known = {id(actor) for actor in self._actors.values()}

        def newcomer() -> Actor | None:
            return next(
                (
                    actor
                    for actor in self.conductor.actors
                    if id(actor) not in known and actor.role == "worker" and actor.at
                    and not actor.gone
                ),
                None,
            )  # fmt: skip

        self._actors[number] = self.conductor.until(newcomer, "the child is there")

    def _kill(self, number: int) -> None:
        actor = self._actors[number]
        os.kill(actor.pid, signal.SIGKILL)
        self.conductor.until(lambda: actor.gone, "who was killed is gone")
        self._wait_for_death(number, actor)

    def _wait_for_death(self, number: int, actor: Actor) -> None:
        if number in self._begun:
            self._begun[number].wait(PATIENCE_S)
        self.conductor.until(lambda: start_token(actor.pid) is None, f"{actor.pid} is dead")

    # What came of it.

    def observed(self) -> list[Line]:
        """Give the rows that the processes wrote into the journal since the prologue."""
        by_pid = {actor.pid: number for number, actor in self._actors.items()}
        lines = []
        for line in self.place.trace()[self._skip :]:
            row = Row(line["event"], line["from"], line["to"])
            lines.append(Line(by_pid.get(line["pid"], 0), line["machine"], row))
        return lines

    def predicted(self) -> list[Line]:
        """Give the rows of the simulation since the prologue."""
        return self.lines[len(CAME_UP) if self.configuration.serving else 0 :]

    def close(self) -> None:
        """Give back what the replay took."""
        self.conductor.close()
        if self._ports:  # nobody else looks for a worker there
            self._end_workers()
        if self._stranger is not None:
            self._stranger.close()
        for _, give_back in self._ports.values():
            give_back()

    def _end_workers(self) -> None:
        workers = [actor.pid for actor in self.conductor.actors if actor.role == "worker"]
        living = {pid: start for pid in workers if (start := start_token(pid)) is not None}
        for pid in living:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE_S
        while any(start_token(pid) == start for pid, start in living.items()):
            if time.monotonic() > deadline:
                return  # whoever looks for what is left behind will tell
            time.sleep(0.02)


def stranger(port: int) -> socket.socket:
    """Give a listener on the port that speaks no HTTP."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(16)

    def serve() -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            with caller, contextlib.suppress(OSError):
                caller.sendall(b"220 a printer\r\n")

    threading.Thread(target=serve, daemon=True).start()
    return listener
