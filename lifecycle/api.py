"""The public calls: ensure_running, restart, stop, status."""

import sys
from time import monotonic

from .client.fast_path import FastPath, probe_worker
from .settings import PATIENCE_S, Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from .health import Health, ProbeResult


def ensure_running(
    worker: Worker | None = None, *, timeout: float | None = None, origin: str = "api"
) -> "Health":
    """Give the health of the one worker, bringing it up or recycling it once if need be.

    Without arguments: the built-in worker, settings from the environment. Every call asks the
    worker; one that finds it healthy asks one question and changes nothing. `timeout` is in
    seconds and defaults to the worker's. Notices go to stderr. Raises NotVerifiedError when no
    worker could be had, FilesError or SettingsError for what stands in the way.
    """
    return _ensured(worker or Worker(), timeout, origin)


def start(
    worker: Worker | None = None, *, timeout: float | None = None, origin: str = "api"
) -> "Health":
    """Give what `ensure_running` gives, for a person: a worker that it launches gets the settings
    and the environment of this process, also where the same build ran with others before.
    """
    return _ensured(worker or Worker(), timeout, origin, person=True)


def _ensured(worker: Worker, timeout: float | None, origin: str, person: bool = False) -> "Health":
    if "incumbent.server.main" in sys.modules:
        _check_not_blocking(worker)
    began = monotonic()
    deadline = began + (worker.timeout if timeout is None else timeout)
    patience = PATIENCE_S if timeout is None else timeout
    fast_path = FastPath(worker, origin)
    try:
        health = fast_path.health(deadline - monotonic())
        if health is not None:
            return health
        ensured: Health = _runs().ensure(
            worker,
            timeout=max(deadline - monotonic(), 0.0),
            origin=origin,
            person=person,
            patience=max(patience - (monotonic() - began), 0.0),
        )
        return ensured
    finally:
        fast_path.close()


def _check_not_blocking(worker: Worker) -> None:
    """Raise InsideWorkerError for a call by which the worker's event loop would wait for itself."""
    import asyncio
    import os

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return  # a thread of the worker's may wait
    if os.path.realpath(os.environ.get("INCUMBENT_DATA_DIR", "")) == worker.data_dir:
        from .errors import InsideWorkerError

        raise InsideWorkerError(worker.name)


async def ensure_running_async(
    worker: Worker | None = None, *, timeout: float | None = None, origin: str = "api"
) -> "Health":
    """Give what `ensure_running` gives without blocking the event loop: the same, in a thread."""
    import asyncio

    try:
        return await asyncio.to_thread(ensure_running, worker, timeout=timeout, origin=origin)
    except (MemoryError, RuntimeError) as error:
        short = _runs().short_of(error)
        if short is None:
            raise
        raise short from error


def restart(
    worker: Worker | None = None, *, timeout: float | None = None, origin: str = "api"
) -> "Health":
    """Replace the worker, also a current one, and give the health of the one that began to serve.

    It gets the settings and the environment of this process as they are now. Raises
    NotVerifiedError when none did; the last good version then serves again.
    """
    health: Health = _runs().restart(
        worker or Worker(), timeout=timeout, origin=origin, person=True
    )
    return health


def stop(
    worker: Worker | None = None, *, timeout: float | None = None, origin: str = "api"
) -> None:
    """Stop the worker, without a successor, and prove the port free; raises StopError."""
    _runs().stop(worker or Worker(), timeout=timeout, origin=origin)


def status(worker: Worker | None = None) -> "ProbeResult":
    """Give what holds the port now, or else the data dir; never raises for what that is."""
    worker = worker or Worker()
    seen = probe_worker(worker)
    if seen.health is None:
        from .elsewhere import seen_anywhere  # a worker at its address is found without
        from .first_edition import known

        seen = seen_anywhere(worker, known(worker, worker.host, worker.port, seen))
    return seen


def _runs() -> "ModuleType":
    """Give the launcher's machinery; the collector rests while it is imported, finding nothing."""
    import gc

    collects = gc.isenabled()
    gc.disable()
    try:
        from . import runs
    finally:
        if collects:
            gc.enable()
    return runs
