"""The hot path: is the worker that should run there already?"""

from __future__ import annotations

import os
from time import monotonic, sleep, time

from . import health as h
from .about import FORMAT
from .probe import PROBE_TIMEOUT_S, probe
from .quickjson import loads, read_small
from .settings import LEASE_S
from .states import IDLE, VERIFIED
from .trace import Trace
from .versions import at_least

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .health import Health, Seen
    from .settings import Worker

LOOK_ON_S = 1.0  # some starts long; a dead owner that cannot be told here costs no more than that
PAUSE_S = 0.01
PAUSE_LIMIT_S = 0.05
COMING = (h.DARK, h.STARTING, h.SILENT)

CONTENT = ("worker_fits", IDLE, VERIFIED)  # a row of the spawner's table, as a test holds


def glance(worker: Worker, door: str, patience: float) -> Health | None:
    """Give the healthy worker's report, or None when it takes a whole run to tell.

    It is the spawner's first step without its machinery: nothing to register, one probe that
    fits. Takes one file read, one question, one line in the trace. While somebody else brings the
    worker up it looks on, for `patience` seconds at most: of a crowd of callers one needs the
    machinery, and loading it takes each 40 ms.
    """
    recorded = _recorded(worker.path("launch.json"))
    if recorded is None or worker.notices or not at_least(recorded, worker.version):
        return None
    seen = _seen_soon(worker, min(patience, LOOK_ON_S))
    if seen.kind != h.SERVING or seen.health is None:
        return None
    if not at_least(seen.health.version, recorded):
        return None
    Trace(worker.path("trace.jsonl"), "spawner", os.urandom(6).hex(), door).note(CONTENT, "")
    return seen.health


def _seen_soon(worker: Worker, patience: float) -> Seen:
    """Ask; while another's fresh lock says that it launches, ask again for a moment.

    It only reads: to all others, whoever looks on here is a caller that came later.
    """
    until, pause = monotonic() + patience, PAUSE_S
    seen = probe_worker(worker)
    while seen.kind in COMING and monotonic() + pause < until and _somebody_launches(worker):
        sleep(pause)
        pause = min(pause * 1.5, PAUSE_LIMIT_S)
        seen = probe_worker(worker)
    return seen


def _somebody_launches(worker: Worker) -> bool:
    """Whether the spawn lock is fresh, its owner not gone; doubt falls on no."""
    path = worker.path("spawn.lock")
    try:
        if abs(time() - os.stat(path).st_mtime) >= LEASE_S:
            return False
        said = loads(read_small(path))
        pid = said["pid"] if isinstance(said, dict) else 0
        if type(pid) is not int or pid <= 0:
            return False
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, OverflowError, RecursionError):
        return False
    return True


def probe_worker(worker: Worker) -> Seen:
    """Ask the worker's port who holds it."""
    return probe(worker.host, worker.port, worker.name, worker.data_dir, PROBE_TIMEOUT_S)


def _recorded(path: str) -> str | None:
    try:
        said = loads(read_small(path))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return None
    version = said.get("version")
    return version if isinstance(version, str) else None
