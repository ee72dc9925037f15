"""Holds a driver before each verb until the conductor lets it go, over a Unix socket.

The verbs are those that ship; only where the conductor says that a deadline has passed, an answer
was lost or the lock was denied, it gives that answer in the verb's place.
"""

import asyncio
import contextlib
import functools
import json
import os
import socket

LAUNCHER = [
    "begin",
    "acquire",
    "lock_is_free",
    "release",
    "record",
    "mark_good",
    "reject",
    "number_launch",
    "spawn",
    "watch",
    "kill",
    "pause",
    "probe",
    "look_elsewhere",
    "ask",
    "note",
]
WORKER = [
    "acquire",
    "release",
    "record",
    "mark_good",
    "reject",
    "number_launch",
    "spawn",
    "watch",
    "kill",
    "pause",
    "note",
    "listen",
    "take_data",
    "name_holder",
    "free_data",
    "close",
    "write_pid",
    "remove_pid",
    "load",
    "start_app",
    "stop_app",
    "say_ready",
    "say_up",
    "next_ask",
    "poll_ask",
    "accept_ask",
    "refuse",
    "hold_lock_wait",
    "can_pass_socket",
    "warm_up",
    "drain",
    "accept_again",
    "pass_socket",
    "await_socket",
]


class Line:
    """This process's line to the conductor."""

    def __init__(self, role):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(os.environ["INCUMBENT_REPLAY"])
        self._buffer = b""
        self.free = False
        self.say({"pid": os.getpid(), "role": role})

    def say(self, said):
        with contextlib.suppress(OSError):  # the conductor may be gone, once it has let us go
            self._socket.sendall(json.dumps(said).encode() + b"\n")

    def _line(self):
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)["go"]

    def wait(self):
        while b"\n" not in self._buffer:
            came = self._socket.recv(4096)
            if not came:
                os._exit(70)  # the conductor is gone
            self._buffer += came
        return self._line()

    async def wait_in_loop(self):
        self._socket.setblocking(False)
        while b"\n" not in self._buffer:
            came = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
            if not came:
                os._exit(70)
            self._buffer += came
        self._socket.setblocking(True)
        return self._line()


LINE = None
INSIDE = False


def hold(cls):
    """Put a checkpoint before each verb of this class."""
    global LINE
    launcher = cls.__name__ == "PosixLauncher"
    if LINE is None:
        LINE = Line("launcher" if launcher else "worker")
    for verb in LAUNCHER if launcher else WORKER:
        setattr(cls, verb, held(verb, getattr(cls, verb), launcher))
    if not launcher:
        asked = cls.ask

        def ask(self, what, *more, **named):
            LINE.say({"asked": what})
            return asked(self, what, *more, **named)

        cls.ask = ask


async def at(verb, launcher):
    """Wait here until the conductor lets this process go on; give what it says."""
    if LINE.free:
        return ""
    LINE.say({"at": verb})
    go = LINE.wait() if launcher else await LINE.wait_in_loop()
    if go == "free":
        LINE.free = True
    return go


def held(verb, shipped, launcher):
    @functools.wraps(shipped)
    async def checked(self, *arguments, **named):
        global INSIDE
        if INSIDE:
            return await shipped(self, *arguments, **named)
        if verb == "start_app":
            return await starting(self, shipped, arguments)
        go = await at(verb, launcher)
        answer = answered(self, go)
        if answer is not NOTHING:
            return answer
        INSIDE = True
        try:
            return await shipped(self, *arguments, **named)
        finally:
            INSIDE = False

    return checked


async def starting(port, shipped, arguments):
    """Hold the app's own start; meanwhile the shipped verb answers health as for a slow one."""
    hosted_app = port._hosted_app
    start = hosted_app.start_app

    async def start_held():
        if await at("start_app", False) == "own deadline":
            answered(port, "own deadline")
        return await start()

    hosted_app.start_app = start_held
    try:
        return await shipped(port, *arguments)
    finally:
        del hosted_app.start_app


NOTHING = object()


def answered(port, go):
    """Give the answer that the conductor gives in a verb's place, or NOTHING."""
    if go in ("", "free"):
        return NOTHING
    from incumbent.lifecycle import health
    from incumbent.lifecycle.drivers.ports import ChildExit, LockResult

    if go == "own deadline":
        try:
            port._last_act()
        finally:
            os._exit(1)
    return {
        "deadline": False,
        "late": ChildExit(None, late=True),
        "silent": health.ProbeResult(health.SILENT, None, "an answer was lost"),
        "refused": LockResult("lock_refused", "denied"),
    }[go]
