"""Says for the drawings where each state of a machine stands, which way is its main one."""

from __future__ import annotations

from typing import NamedTuple

from incumbent.lifecycle.machine import states as s


class Lane(NamedTuple):
    """States that are drawn in one frame; without a title they stand free, at the end."""

    title: str
    states: tuple[str, ...]


LANES = {
    "spawner": (
        Lane("looking", (s.IDLE,)),
        Lane("a worker is there:\nasking it to go", (s.HANDING_OFF,)),
        Lane("nobody is there:\ncoming up", (s.LOCKING, s.SPAWNING)),
        Lane("moving it here", (s.MOVING,)),
        Lane("it hangs:\nending it", (s.JUDGING, s.FORCING)),
        Lane("", (s.VERIFIED, s.FAILED)),
    ),
    "stop": (
        Lane("looking", (s.IDLE,)),
        Lane("a worker is there:\nasking it to go", (s.HANDING_OFF,)),
        Lane("nobody is there:\nproving it", (s.LOCKING, s.HOLDING)),
        Lane("it hangs:\nending it", (s.JUDGING, s.FORCING)),
        Lane("", (s.VERIFIED, s.FAILED)),
    ),
    "worker": (
        Lane("coming up\nas a successor", (s.STANDBY, s.READY, s.ADOPTED)),
        Lane("coming up", (s.IDLE, s.BOUND, s.NAMED, s.STARTING)),
        Lane("serving", (s.VERIFIED, s.LOCKING, s.HANDING_OFF)),
        Lane("seamlessly,\nstill serving", (s.WARMING_UP,)),
        Lane("handing off,\neither way", (s.DRAINING, s.DRAINED, s.APP_DOWN)),
        Lane("handing off\nseamlessly", (s.PASSING_SOCKET, s.AWAITING_SUCCESSOR)),
        Lane(
            "seamlessly,\nbut no successor",
            (s.RESUMING, s.RESUMING_NAMED, s.RESUMING_PID_WRITTEN),
        ),
        Lane("handing off\nby rebind", (s.CLOSING, s.SPAWNING, s.AWAITING_CHILD)),
        Lane(
            "stopping",
            (s.STOPPING, s.STOPPING_DRAINED, s.STOPPING_APP_DOWN, s.STOPPING_PID_REMOVED),
        ),
        Lane("", (s.HANDED_OVER, s.STOPPED, s.FAILED)),
    ),
}

# Drawn as one straight line: a worker comes up, a restart replaces it.
MAIN_WAY = {
    "spawner": (s.IDLE, s.LOCKING, s.SPAWNING, s.VERIFIED),
    "stop": (s.IDLE, s.LOCKING, s.HOLDING, s.VERIFIED),
    "worker": (
        s.IDLE,
        s.BOUND,
        s.NAMED,
        s.STARTING,
        s.VERIFIED,
        s.LOCKING,
        s.HANDING_OFF,
        s.WARMING_UP,
        s.DRAINING,
        s.DRAINED,
        s.APP_DOWN,
        s.PASSING_SOCKET,
        s.AWAITING_SUCCESSOR,
        s.HANDED_OVER,
    ),
}
