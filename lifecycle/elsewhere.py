"""Finds who runs the app on a data dir at another address than the one that is asked."""

from __future__ import annotations

from . import health as h
from .client.http import literal
from .client.probe import PROBE_TIMEOUT_S, probe
from .first_edition import known
from .health import ProbeResult
from .lock.process_identity import is_dead
from .lock.serve_lock import holder_in, is_held, network_id
from .pid_file import pid_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .settings import Worker


def look_at(worker: Worker, host: str, port: int, timeout: float = PROBE_TIMEOUT_S) -> ProbeResult:
    """Give who holds an address; a worker of 0.1, which can't prove itself, by the kernel."""
    return known(worker, host, port, probe(host, port, worker.name, worker.data_dir, timeout))


def look_elsewhere(worker: Worker, timeout: float = PROBE_TIMEOUT_S) -> ProbeResult:
    """Give who runs the app on this data dir, by its serve lock.

    Free, held, out of reach, or what the worker answers where the lock's content says it is.
    `timeout` is in seconds. The content is stale for a moment between lock and write.
    """
    path = worker.path("serve.lock")
    if not is_held(path):
        return _older_neighbour(worker, timeout)
    holder = holder_in(path)
    if holder is None:
        return ProbeResult(h.DATA_HELD, None, "a worker that has not said yet who it is")
    where = f"{literal(holder.host)}:{holder.port}"
    if holder.network != network_id():
        told = f"the worker {holder.pid} on {holder.node} at {where}, out of reach from here"
        return ProbeResult(h.OUT_OF_REACH, None, told)
    held = ProbeResult(h.DATA_HELD, None, f"the worker {holder.pid} at {where}")
    if (holder.host, holder.port) == (worker.host, worker.port):
        return held
    seen = look_at(worker, holder.host, holder.port, timeout)
    return seen if seen.health is not None else held


def _older_neighbour(worker: Worker, timeout: float) -> ProbeResult:
    """Look for a worker of the first edition, which knows no serve lock, by its PID file."""
    said = pid_file(worker.path("worker.pid"))
    if said is None or said.port == worker.port or is_dead(said.pid, said.start):
        return ProbeResult(h.DATA_FREE)
    seen = look_at(worker, worker.host, said.port, timeout)
    if seen.health is None or seen.health.generation.number:
        return ProbeResult(h.DATA_FREE)
    seen.health.host = worker.host
    return seen


def seen_anywhere(
    worker: Worker, seen: ProbeResult, timeout: float = PROBE_TIMEOUT_S
) -> ProbeResult:
    """Give what was seen at the worker's own address, or who runs the app elsewhere, if anybody.

    `timeout` is in seconds.
    """
    if seen.kind not in (h.DARK, h.FOREIGN, h.NO_ADDRESS):
        return seen
    there = look_elsewhere(worker, timeout)
    if there.health is not None or (seen.kind == h.DARK and there.kind != h.DATA_FREE):
        return there
    return seen


def address_of(worker: Worker, timeout: float = PROBE_TIMEOUT_S) -> tuple[str, int]:
    """Give where the worker answers: its own address, unless only another one is ours."""
    seen = look_at(worker, worker.host, worker.port, timeout)
    health = seen_anywhere(worker, seen, timeout).health
    if health is None or seen.health is not None:
        return worker.host, worker.port
    return health.host, health.port
