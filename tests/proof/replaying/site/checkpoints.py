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
    "candidates",
    "number_launch",
    "spawn",
    "watch",
    "kill",
    "pause",
    "probe",
    "look_elsewhere",
    "judge_silence",
    "end_judged",
    "ask",
    "note",
]
WORKER = [
    "acquire",
    "release",
    "record",
    "mark_good",
    "reject",
    "candidates",
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
    "settle",
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


LINE: Line  # from the first `hold` on
INSIDE = False


ROOMS = ("lock", "store", "children", "address", "app", "parent", "requests")


def hold(cls):
    """Put a checkpoint before each verb of the rooms of this class's objects."""
    global LINE
    launcher = cls.__name__ == "PosixLauncher"
    if "LINE" not in globals():
        LINE = Line("launcher" if launcher else "worker")
    begin = cls.__init__

    @functools.wraps(begin)
    def begun(self, *arguments, **named):
        begin(self, *arguments, **named)
        for room in (self, *(getattr(self, name) for name in ROOMS if hasattr(self, name))):
            hold_room(self, room, launcher)

    cls.__init__ = begun


def hold_room(system, room, launcher):
    for verb in LAUNCHER if launcher else WORKER:
        if hasattr(room, verb):
            setattr(room, verb, held(verb, getattr(room, verb), launcher, system))
    if not launcher and hasattr(room, "next_ask"):
        asked = room.ask

        def ask(what, *more, **named):
            LINE.say({"asked": what})
            return asked(what, *more, **named)

        room.ask = ask


async def at(verb, launcher):
    """Wait here until the conductor lets this process go on; give what it says."""
    if LINE.free:
        return ""
    LINE.say({"at": verb})
    go = LINE.wait() if launcher else await LINE.wait_in_loop()
    if go == "free":
        LINE.free = True
    return go


def held(verb, shipped, launcher, system):
    @functools.wraps(shipped)
    async def checked(*arguments, **named):
        global INSIDE
        if INSIDE:
            return await shipped(*arguments, **named)
        if verb == "start_app":
            return await starting(system, shipped)
        go = await at(verb, launcher)
        answer = answered(system, go)
        if answer is not NOTHING:
            return answer
        INSIDE = True
        try:
            if verb == "judge_silence":  # who is stopped is judged at the second look
                await shipped(*arguments, **named)
            return await shipped(*arguments, **named)
        finally:
            INSIDE = False

    return checked


async def starting(port, shipped):
    """Hold the app's own start; meanwhile the shipped verb answers health as for a slow one."""
    hosted_app = port.app.hosted_app
    start = hosted_app.start_app

    async def start_held():
        if await at("start_app", False) == "own deadline":
            answered(port, "own deadline")
        return await start()

    hosted_app.start_app = start_held
    try:
        return await shipped()
    finally:
        del hosted_app.start_app


NOTHING = object()


def answered(port, go):
    """Give the answer that the conductor gives in a verb's place, or NOTHING."""
    if go in ("", "free"):
        return NOTHING
    from incumbent.lifecycle import health
    from incumbent.lifecycle.drivers.ports import (
        IDLE,
        SETTLED,
        ChildExit,
        LockResult,
        Request,
    )

    if go == "own deadline":
        try:
            port.last_act()
        finally:
            os._exit(1)
    return {
        "deadline": False,
        "late": ChildExit(None, late=True),
        "silent": health.ProbeResult(health.SILENT, None, "an answer was lost"),
        "refused": LockResult("lock_refused", "denied"),
        "unused": Request(IDLE),
        "settled": Request(SETTLED),
    }[go]
