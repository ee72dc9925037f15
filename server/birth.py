"""How this process came to be: by whom, with which lease, to which end."""

from __future__ import annotations

import os
import socket

from incumbent.lifecycle import children
from incumbent.lifecycle.record import Build


class Birth:
    """What a parent passed to its child, or nothing of that for a worker run by hand.

    `build` is what a worker run by hand was registered as.
    """

    def __init__(self, by_hand: bool, build: Build | None = None) -> None:
        self.by_hand, self.build = by_hand, build
        passed = {name: os.environ.pop(name, "") for name in children.SPAWN_VARIABLES}
        if by_hand:
            passed = dict.fromkeys(passed, "")
        self.lease = passed[children.LEASE_VARIABLE]
        self.expected = passed[children.EXPECT_VARIABLE]
        self.early = passed[children.EARLY_VARIABLE]
        self.door = passed[children.DOOR_VARIABLE] or "cli"
        self.understudy = passed[children.ROLE_VARIABLE] == "understudy"
        self.pipe: socket.socket | None = None
        if passed[children.PIPE_VARIABLE]:
            self.pipe = socket.socket(fileno=int(passed[children.PIPE_VARIABLE]))
            self.pipe.set_inheritable(False)
