"""The hot path: is the worker that should run there already?"""

from __future__ import annotations

import os

from . import health as h
from .about import FORMAT
from .probe import PROBE_TIMEOUT_S, probe
from .quickjson import loads
from .states import IDLE, VERIFIED
from .trace import Trace
from .versions import at_least

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .health import Health, Seen
    from .settings import Worker

CONTENT = ("worker_fits", IDLE, VERIFIED)  # a row of the spawner's table, as a test holds


def glance(worker: Worker, door: str) -> Health | None:
    """Give the healthy worker's report, or None when it takes a whole run to tell.

    It is the spawner's first step without its machinery: nothing to register, one probe that
    fits. Takes one file read, one question, one line in the trace.
    """
    recorded = _recorded(worker.path("launch.json"))
    if recorded is None or worker.notices or not at_least(recorded, worker.version):
        return None
    seen = probe_worker(worker)
    if seen.kind != h.SERVING or seen.health is None:
        return None
    if not at_least(seen.health.version, recorded):
        return None
    Trace(worker.path("trace.jsonl"), "spawner", os.urandom(6).hex(), door).note(CONTENT, "")
    return seen.health


def probe_worker(worker: Worker) -> Seen:
    """Ask the worker's port who holds it."""
    return probe(worker.host, worker.port, worker.name, worker.data_dir, PROBE_TIMEOUT_S)


def _recorded(path: str) -> str | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        said = loads(os.read(fd, 4_000_000))
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        os.close(fd)
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return None
    version = said.get("version")
    return version if isinstance(version, str) else None
