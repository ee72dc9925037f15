"""The caller's own worker as something that can be registered."""

from __future__ import annotations

import os
import time

from ..record import Build
from ..settings import Worker
from .child_environment import environment_of
from .child_process import strategies
from .fingerprint import fingerprint


def own_build(worker: Worker) -> Build:
    """Give the build that this worker's settings name, registered now by this process."""
    return Build(
        worker.version,
        worker.app,
        worker.python,
        environment_of(worker),
        fingerprint(worker.app, worker.python),
        strategies(),
        time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        f"pid {os.getpid()}",
    )
