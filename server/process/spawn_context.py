"""What a parent passed to this process: its token, the expected version, its role."""

from __future__ import annotations

import os
import socket

from incumbent.lifecycle.generation import generation_in
from incumbent.lifecycle.posix import child_environment
from incumbent.lifecycle.record import Build


class SpawnContext:
    """What a parent passed to its child, or nothing of that for a worker run by hand.

    `build` is what a worker run by hand was registered as.
    """

    def __init__(self, by_hand: bool, build: Build | None = None) -> None:
        self.by_hand, self.build = by_hand, build
        passed = {name: os.environ.pop(name, "") for name in child_environment.SPAWN_VARIABLES}
        for name, first in child_environment.FIRST_NAMES.items():
            passed[name] = passed[name] or passed[first]
        if by_hand:
            passed = dict.fromkeys(passed, "")
        self.lock_token = passed[child_environment.TOKEN_VARIABLE]
        self.expected = passed[child_environment.EXPECT_VARIABLE]
        self.early = passed[child_environment.EARLY_VARIABLE]
        self.generation = generation_in(passed[child_environment.GENERATION_VARIABLE])
        self.build_key = passed[child_environment.BUILD_VARIABLE]
        self.origin = passed[child_environment.ORIGIN_VARIABLE] or "cli"
        self.standby = passed[child_environment.ROLE_VARIABLE] == child_environment.STANDBY_ROLE
        self.pipe: socket.socket | None = None
        if passed[child_environment.PIPE_VARIABLE]:
            self.pipe = socket.socket(fileno=int(passed[child_environment.PIPE_VARIABLE]))
            self.pipe.set_inheritable(False)
