"""The simulator's port follows the real kernel's rules: one little script runs in both."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from ...isolation import Sandbox
from ...proof.world import ACCEPTS, Configuration, World, build_of

NAMES = "ABC"
ANSWER_S = 10.0
NO_ANSWER_S = 0.2

# (who, what they do, what comes of it); nobody but the kernel knows who holds the port.
Script = tuple[tuple[str, str, object], ...]

SCRIPTS: dict[str, Script] = {
    "a closed port is refused": (("", "connect", "refused"),),
    "the second to listen loses": (
        ("A", "listen", True),
        ("B", "listen", False),
        ("A", "close", None),
        ("B", "listen", True),
    ),
    "who does not accept leaves connections in the backlog": (
        ("A", "listen", True),
        ("", "connect", "unanswered"),
        ("A", "accept", None),
        ("", "connect", "A"),
    ),
    "who has stopped accepting still holds the port": (
        ("A", "listen", True),
        ("A", "accept", None),
        ("", "connect", "A"),
        ("A", "ignore", None),
        ("", "connect", "unanswered"),
        ("B", "listen", False),
    ),
    "a listener passed on keeps the port": (
        ("A", "listen", True),
        ("A", "pass to B", None),
        ("A", "close", None),
        ("C", "listen", False),
        ("", "connect", "unanswered"),
        ("B", "accept", None),
        ("", "connect", "B"),
        ("B", "close", None),
        ("", "connect", "refused"),
        ("C", "listen", True),
    ),
    "a copy kept back keeps the port after its successor's death": (
        ("A", "listen", True),
        ("A", "pass to B", None),
        ("B", "accept", None),
        ("", "connect", "B"),
        ("B", "die", None),
        ("C", "listen", False),
        ("", "connect", "unanswered"),
        ("A", "accept", None),
        ("", "connect", "A"),
    ),
    "death frees the port": (
        ("A", "listen", True),
        ("A", "accept", None),
        ("A", "die", None),
        ("", "connect", "refused"),
        ("B", "listen", True),
    ),
}

AGENT = """
import socket, sys, threading
name, port, *ends = sys.argv[1:]
peers = dict((end[0], socket.socket(fileno=int(end[1:]))) for end in ends)
listener, accepting = None, False

def serve(copy):
    copy.settimeout(0.01)
    while accepting:
        try:
            connection, _ = copy.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        connection.setblocking(True)
        connection.sendall(name.encode())
        connection.close()

for line in sys.stdin:
    verb, *rest = line.split()
    said = None
    if verb == "listen":
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(port)))
            listener.listen(16)
            said = True
        except OSError:
            listener.close()
            said = False
    elif verb == "accept":
        accepting = True
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
    elif verb == "ignore":
        accepting = False
        thread.join()
    elif verb == "close":
        if accepting:
            accepting = False
            thread.join()
        listener.close()
    elif verb == "pass":
        socket.send_fds(peers[rest[1]], [b"x"], [listener.fileno()])
    elif verb == "adopt":
        _, fds, _, _ = socket.recv_fds(peers[rest[0]], 1, 1)
        listener = socket.socket(fileno=fds[0])
    print(said, flush=True)
accepting = False
"""


class RealPort:
    """Three real processes and one real port."""

    def __init__(self, port: int) -> None:
        self._port = port
        ends: dict[str, list[tuple[str, socket.socket]]] = {name: [] for name in NAMES}
        for one, other in (("A", "B"), ("A", "C"), ("B", "C")):
            left, right = socket.socketpair()
            ends[one].append((other, left))
            ends[other].append((one, right))
        self._processes = {}
        for name in NAMES:
            mine = [f"{peer}{end.fileno()}" for peer, end in ends[name]]
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-S", "-c", AGENT, name, str(self._port), *mine],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[end.fileno() for _, end in ends[name]],
            )
        for pairs in ends.values():
            for _, end in pairs:
                end.close()

    def do(self, who: str, what: str) -> object:
        """Let a process take one step and give what came of it."""
        if what == "connect":
            return self._connect()
        if what == "die":
            self._processes[who].kill()
            self._processes[who].wait()
            return None
        said = self._tell(who, what)
        if what.startswith("pass"):
            self._tell(what[-1], f"adopt {who}")
        return said

    def _tell(self, who: str, what: str) -> object:
        process = self._processes[who]
        assert process.stdin is not None
        assert process.stdout is not None
        print(what, file=process.stdin, flush=True)
        return {"True": True, "False": False, "None": None}[process.stdout.readline().strip()]

    def _connect(self) -> str:
        with closing(socket.socket()) as connection:
            connection.settimeout(NO_ANSWER_S)
            try:
                connection.connect(("127.0.0.1", self._port))
            except ConnectionRefusedError:
                return "refused"
            try:
                return connection.recv(1).decode()
            except TimeoutError:
                return "unanswered"

    def close(self) -> None:
        """End the processes."""
        for process in self._processes.values():
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe is not None
                pipe.close()


class SimulatedPort:
    """The same steps in the explorer's world."""

    def __init__(self) -> None:
        self._world = World(Configuration("port", (("ensure", "1"),), len(NAMES)))
        self._state = list(self._world.initial())
        begin = self._world.automata.begin(("worker", False, "1"))
        build = self._world.number_of_build(build_of("1"))
        for actor in map(self._actor, NAMES):
            self._state[actor] = (begin, 0, 0, 0, 0, 0, build, 0, 0, 0, 0, 0, (), 0, 0, 0)

    def _actor(self, name: str) -> int:
        return self._world.first_worker + NAMES.index(name)

    def do(self, who: str, what: str) -> object:
        """Let a process take one step and give what came of it."""
        world, s = self._world, self._state
        if what == "connect":
            kind = world.look(s, 0)[1]
            accepting = world.accepting(s, s[ACCEPTS])
            return {"dark": "refused", "silent": "unanswered"}.get(
                kind, NAMES[accepting - world.first_worker] if accepting else ""
            )
        actor = self._actor(who)
        if what == "listen":
            return world.listened(s, actor)
        if what == "accept":
            world.check_accepts(s, actor)
            s[ACCEPTS] |= world.bit(actor)
        elif what == "ignore":
            s[ACCEPTS] &= ~world.bit(actor)
        elif what == "close":
            world.closed(s, actor)
        elif what == "die":
            world.die(s, actor, -9, 0)
        else:
            world.shared(s, self._actor(what[-1]))
        assert world.found is None
        return None

    def close(self) -> None:
        """Nothing is left to end."""


@pytest.fixture(params=["real", "simulated"])
def port(request: pytest.FixtureRequest, sandbox: Sandbox) -> Iterator[RealPort | SimulatedPort]:
    real = request.param == "real"
    with closing(RealPort(sandbox.port) if real else SimulatedPort()) as made:
        yield made


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_port_does_in_both_worlds_what_the_script_says(
    port: RealPort | SimulatedPort, name: str
) -> None:
    for number, (who, what, expected) in enumerate(SCRIPTS[name]):
        if what == "connect" and expected not in ("refused", "unanswered"):
            said = first_answer(port)
        else:
            said = port.do(who, what)
        assert said == expected, (number, who, what)


def first_answer(port: RealPort | SimulatedPort) -> object:
    """Connect until somebody answers; a thread that begins to accept takes a moment."""
    for _ in range(int(ANSWER_S / NO_ANSWER_S)):
        said = port.do("", "connect")
        if said != "unanswered":
            return said
    return "unanswered"
