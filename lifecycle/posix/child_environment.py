"""Says what a worker process finds in its environment."""

from __future__ import annotations

import os

from ..environment import passed
from ..settings import KEPT, OPEN, Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..record import Build

PIPE_VARIABLE = "INCUMBENT_PIPE"
TOKEN_VARIABLE = "INCUMBENT_LOCK_TOKEN"
EXPECT_VARIABLE = "INCUMBENT_EXPECT"
ROLE_VARIABLE = "INCUMBENT_ROLE"
STANDBY_ROLE = "understudy"  # as 0.1.0 called it; parent and child may be of two versions
ORIGIN_VARIABLE = "INCUMBENT_ORIGIN"
EARLY_VARIABLE = "INCUMBENT_EARLY_LOG"
GENERATION_VARIABLE = "INCUMBENT_GENERATION"
BUILD_VARIABLE = "INCUMBENT_BUILD"
PASS_VARIABLE = "INCUMBENT_PASS_ENV"
# What 0.1.0 called two of them: a parent gives both names, a child takes either, so that a handover
# from one edition to the other, either way, needs no third.
FIRST_NAMES = {TOKEN_VARIABLE: "INCUMBENT_LEASE", ORIGIN_VARIABLE: "INCUMBENT_DOOR"}
SPAWN_VARIABLES = (
    PIPE_VARIABLE,
    TOKEN_VARIABLE,
    EXPECT_VARIABLE,
    ORIGIN_VARIABLE,
    ROLE_VARIABLE,
    EARLY_VARIABLE,
    GENERATION_VARIABLE,
    BUILD_VARIABLE,
    *FIRST_NAMES.values(),
)


def environment_for(worker: Worker, build: Build) -> dict[str, str]:
    """Give the environment in which a build serves in this worker's place."""
    return dict(build.environment) | places_of(worker, build.version, build.app)


def places_of(worker: Worker, version: str, app: str) -> dict[str, str]:
    """Give the variables that say what runs where."""
    return {
        "INCUMBENT_DATA_DIR": worker.data_dir,
        "INCUMBENT_HOST": worker.host,
        "INCUMBENT_PORT": str(worker.port),
        "INCUMBENT_NAME": worker.name,
        "INCUMBENT_APP": app,
        "INCUMBENT_VERSION": version,
    }


def settings_of(worker: Worker) -> dict[str, str]:
    """Give the variables that say how a worker serves."""
    settings = {
        "INCUMBENT_LOG_LEVEL": worker.log_level,
        "INCUMBENT_HANDOVER": worker.handover,
        "INCUMBENT_START_TIMEOUT": f"{worker.start_timeout:g}",
        "INCUMBENT_DRAIN_TIMEOUT": f"{worker.drain_timeout:g}",
        "INCUMBENT_LOCK_TIMEOUT": f"{worker.lock_timeout:g}",
        "INCUMBENT_HANG_TIMEOUT": f"{worker.hang_timeout:g}",
    }
    if worker.idle_timeout:
        settings["INCUMBENT_IDLE_TIMEOUT"] = f"{worker.idle_timeout:g}"
    if worker.max_memory:
        settings["INCUMBENT_MAX_MEMORY"] = str(worker.max_memory)
    if worker.events == OPEN:
        settings["INCUMBENT_EVENTS"] = OPEN
    if worker.keep_events != KEPT:
        settings["INCUMBENT_KEEP_EVENTS"] = worker.keep_events
    if worker.mcp:
        settings["INCUMBENT_MCP"] = worker.mcp
    return settings | ({PASS_VARIABLE: ",".join(worker.pass_env)} if worker.pass_env else {})


def environment_of(worker: Worker, path: Iterable[str] = ()) -> tuple[tuple[str, str], ...]:
    """Give the environment that a worker registered by this launcher gets: no secrets by chance.

    `path` goes behind the import path of the launcher's environment.
    """
    environment = passed(worker.environ, worker.pass_env)
    given = environment.get("PYTHONPATH", "").split(os.pathsep)
    if further := [entry for entry in path if entry not in given]:
        environment["PYTHONPATH"] = os.pathsep.join([*filter(None, given), *further])
    for name in SPAWN_VARIABLES:
        environment.pop(name, None)
    return tuple(sorted((environment | settings_of(worker)).items()))
