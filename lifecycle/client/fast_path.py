"""The hot path: is the worker that should run there already?"""

import os
from fcntl import LOCK_EX, LOCK_NB, flock
from time import monotonic, time

from .. import health as h
from .._small_json import loads, read_small
from ..about import FORMAT
from ..machine.states import IDLE, SERVING_STATES, VERIFIED
from ..settings import LEASE_S
from ..trace import Trace
from ..trust import check_open
from .probe import PROBE_TIMEOUT_S, probe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..health import Health, ProbeResult
    from ..settings import Worker

LOOK_ON_S = 1.0  # some starts long; who launches and is stopped meanwhile costs no more than that
PAUSE_S = 0.01
PAUSE_LIMIT_S = 0.05
STEP_S = 0.005
COMING = (h.DARK, h.WORKER_STARTING, h.SILENT)

CONTENT = ("worker_fits", IDLE, VERIFIED)  # a row of the spawner's table, as a test holds


class FastPath:
    """One caller's way to a healthy worker: the spawner's first step without its machinery.

    Nothing to register, one probe that fits: one file read, one question, one line in the trace.
    While somebody else brings the worker up it looks on: of a crowd of callers one needs the
    machinery, and loading it takes each 40 ms. Whose turn that is, a flock on the launch record
    says. It is advisory: correctness is the lock's.
    """

    def __init__(self, worker: "Worker", origin: str) -> None:
        self._worker, self._origin = worker, origin
        self._turn = -1
        self._need = ""
        self.seen: ProbeResult | None = (
            None  # what the last question found; None before the first one
        )

    def health(self, patience: float, answer_s: float = PROBE_TIMEOUT_S) -> "Health | None":
        """Give the healthy worker's report, or None when it takes a whole run to tell.

        `patience` is in seconds, `answer_s` what one question waits for its answer. After None it
        may be this caller's turn to launch, until `close`; never without patience. Raises
        AnotherServiceError where the data dir is not this service's.
        """
        worker = self._worker
        recorded = _recorded(worker)
        if recorded is None or worker.notices or not _at_least(recorded, worker.version):
            return None
        self._need = recorded
        self.seen = self._seen_soon(min(patience, LOOK_ON_S), answer_s)
        return self.content_with(self.seen)

    def content_with(self, seen: "ProbeResult") -> "Health | None":
        """Give the report of the worker that was seen, if it is healthy and what is recorded.

        To be called after `health`, which found at the worker's own address what is in `seen`.
        """
        health = seen.health
        if health is None or health.state not in SERVING_STATES:
            return None
        if not _at_least(health.version, self._need):
            return None
        run = os.urandom(6).hex()
        Trace(self._worker.path("trace.jsonl"), "spawner", run, self._origin).note(CONTENT, "")
        return health

    def close(self) -> None:
        """Give the turn back, if it was ours."""
        if self._turn >= 0:
            os.close(self._turn)
            self._turn = -1

    def _seen_soon(self, patience: float, answer_s: float) -> "ProbeResult":
        """Ask; while another launches, ask again when the worker may have come up."""
        until, pause = monotonic() + patience, PAUSE_S
        seen = probe_worker(self._worker, answer_s)
        if seen.kind not in COMING:
            return seen
        from .pid_file_watch import PidFileWatch  # a worker that answers is not waited for

        pid_file = PidFileWatch(self._worker.path("worker.pid"))
        while seen.kind in COMING and monotonic() + pause < until and not self._is_our_turn():
            changed = pid_file.wait(pause, STEP_S)
            pause = PAUSE_S if changed else min(pause * 1.5, PAUSE_LIMIT_S)
            seen = probe_worker(self._worker, answer_s)
        return seen

    def _is_our_turn(self) -> bool:
        """Whether nobody else is launching, as far as can be told; doubt falls on yes."""
        if self._turn >= 0:
            return True
        if _somebody_launches(self._worker):
            return False
        try:
            fd = os.open(self._worker.path("launch.json"), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            flock(fd, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except OSError:
            os.close(fd)
            return True
        self._turn = fd
        return True


def _at_least(version: str, need: str) -> bool:
    if version == need:
        return True
    from ..versions import at_least  # most versions are the very one: nothing is to be ordered

    return at_least(version, need)


def _somebody_launches(worker: "Worker") -> bool:
    """Whether the spawn lock is fresh, its owner not gone; doubt falls on no."""
    path = worker.path("spawn.lock")
    try:
        if abs(time() - os.stat(path).st_mtime) >= LEASE_S:
            return False
        said = loads(read_small(path, check_open))
        pid = said["pid"] if isinstance(said, dict) else 0
        if type(pid) is not int or pid <= 0:
            return False
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError, OverflowError, RecursionError):
        return False
    return True


def probe_worker(worker: "Worker", timeout: float = PROBE_TIMEOUT_S) -> "ProbeResult":
    """Ask the worker's port who holds it, within `timeout` seconds."""
    return probe(worker.host, worker.port, worker.name, worker.data_dir, timeout)


def _recorded(worker: "Worker") -> str | None:
    path = worker.path("launch.json")
    try:
        said = loads(read_small(path, check_open))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        return None
    name = said.get("name")
    if name != worker.name and isinstance(name, str):
        from ..errors import AnotherServiceError

        raise AnotherServiceError(path, name, worker.name)
    version = said.get("version")
    return version if isinstance(version, str) else None
