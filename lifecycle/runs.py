"""Whole runs of the launcher's machines, with what their ends mean to a caller."""

from __future__ import annotations

import os
from collections.abc import Callable

from . import files
from . import health as h
from .about import command
from .drivers.spawner import Spawner
from .elsewhere import look_at, look_elsewhere
from .errors import NotVerifiedError, StopError
from .generation import Generation
from .health import Health, ProbeResult
from .machine.states import VERIFIED
from .messages import say
from .posix.launcher import PosixLauncher, run_blocking
from .posix.secret import admin_token
from .record import NewerFormatError
from .record_store import RecordStore
from .service import check_service
from .settings import PATIENCE_S, Worker
from .settings_file import first_file
from .shortage import shortage

BUILD_AT_FAULT = ("child_failed_last", "launches_spent", "handover_refused", "older_child_ready")
NOT_RECYCLED = ("handover_refused", "recycle_spent")  # the older worker serves on
HELD_ELSEWHERE = ("data_held_elsewhere", "port_foreign")
SHORTAGE = "shortage"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .drivers.stopper import Stopper

Watching = Callable[[], None] | None


def ensure(
    worker: Worker,
    *,
    timeout: float | None = None,
    origin: str = "api",
    person: bool = False,
    patience: float = PATIENCE_S,
) -> Health:
    """Run the spawner until a worker fits; raises NotVerifiedError.

    A worker that a `person` launches gets their settings and environment as they are now; one that
    does not answer is waited for `patience` seconds.
    """
    return _launch(worker, False, timeout, origin, patience, person=person)


def restart(
    worker: Worker,
    *,
    timeout: float | None = None,
    origin: str = "api",
    noted: Generation | None = None,
    watching: Watching = None,
    person: bool = False,
    force: bool = False,
) -> Health:
    """Run the spawner until a worker serves that was launched after `noted`.

    Raises NotVerifiedError. Without `noted`: after this call began. A worker that a `person`
    restarts gets their settings and environment as they are now. One that does not answer is ended
    by `force`, which kills only what the kernel proves to be this data dir's worker.
    """
    patience = _patience(timeout, force)
    return _launch(worker, True, timeout, origin, patience, noted, watching, person, force)


def stop(
    worker: Worker,
    *,
    timeout: float | None = None,
    origin: str = "api",
    watching: Watching = None,
    force: bool = False,
) -> bool:
    """Run the stop machine until the port is proved dark; raises StopError.

    Gives whether there was a worker to stop. `force` is that of `restart`.
    """
    from .drivers.stopper import Stopper  # no other run needs it

    if not os.path.isdir(worker.data_dir) and _is_dark(worker):
        return False
    files.make_data_dir(worker.data_dir)
    check_service(worker)
    admin_token(worker.path("token"), worker.notices)
    patience = _patience(timeout, force)
    launcher = PosixLauncher(worker, "stop", origin, timeout, watching=watching, patience=patience)
    stopper = Stopper(launcher, force)
    event = _finish(launcher, stopper, StopError)
    if stopper.state != VERIFIED:
        raise StopError(event, _stop_sentence(launcher, event, stopper), stopper.seen)
    return stopper.found


def _patience(timeout: float | None, force: bool) -> float:
    """Give how long to wait for an answer: 10 s, or what was told; a forced run keeps half."""
    if timeout is None:
        return PATIENCE_S
    return min(PATIENCE_S, timeout / 2) if force else timeout


def _is_dark(worker: Worker) -> bool:
    return look_at(worker, worker.host, worker.port).kind == h.DARK


def bootstrap(worker: Worker) -> None:
    """Make the data dir with its settings on the very first run, and say so on stderr.

    The secret is made here too: a worker that can't have it could not tell why to anybody.
    """
    files.make_data_dir(worker.data_dir)
    check_service(worker)
    admin_token(worker.path("token"), worker.notices)
    path = worker.path("settings.json")
    if not os.path.lexists(path) and files.create(path, first_file()):
        say([f"first run: settings are in {path}"])


def _launch(
    worker: Worker,
    restart: bool,
    timeout: float | None,
    origin: str,
    patience: float,
    noted: Generation | None = None,
    watching: Watching = None,
    person: bool = False,
    force: bool = False,
) -> Health:
    bootstrap(worker)
    launcher = PosixLauncher(worker, "spawner", origin, timeout, noted, watching, person, patience)
    spawner = Spawner(launcher, restart, force)
    event = _finish(launcher, spawner, NotVerifiedError)
    came_up = spawner.state == VERIFIED or event == "older_child_ready"
    told = came_up and spawner.fell_back and launcher.registration.fell_back()
    say(launcher.notices)
    launcher.notices.clear()
    if spawner.state != VERIFIED and event in BUILD_AT_FAULT and launcher.registration.give_way():
        say(launcher.notices)
        remaining = launcher.remaining
        launcher = PosixLauncher(
            worker, "spawner", origin, remaining, noted, watching, person, patience
        )
        spawner = Spawner(launcher, restart)
        event = _finish(launcher, spawner, NotVerifiedError)
    health = spawner.health
    if not restart and event in NOT_RECYCLED and health is not None:
        # Whoever only wants a worker has one: the older one, which serves on.
        say([f"{_launch_sentence(launcher, event, spawner)}; using the worker there is"])
        return health
    if spawner.state != VERIFIED or health is None:
        raise NotVerifiedError(
            event, _launch_sentence(launcher, event, spawner), spawner.seen, spawner.error
        )
    if not (restart or told):
        say(launcher.registration.why_older(health.version, spawner.begun.wanted))
    return health


def _finish(
    launcher: PosixLauncher,
    driver: Spawner | Stopper,
    failure: type[NotVerifiedError | StopError],
) -> str:
    try:
        return run_blocking(driver.run())
    except (MemoryError, OSError, RuntimeError) as error:
        short = short_of(error, failure, driver.seen)
        if short is None:
            raise
        raise short from error
    finally:
        launcher.processes.abandon()
        run_blocking(launcher.lock.release())
        if launcher.trace.trouble:
            launcher.notices.append(launcher.trace.trouble)
        say([*launcher.worker.notices, *launcher.notices])
        launcher.worker.notices.clear()
        launcher.notices.clear()


def short_of(
    error: BaseException,
    failure: type[NotVerifiedError | StopError] = NotVerifiedError,
    seen: ProbeResult | None = None,
) -> NotVerifiedError | StopError | None:
    """Give the failure that a lack of threads, processes or memory is; None for another error."""
    why = shortage(error)
    if not why:
        return None
    return failure(SHORTAGE, f"{why}: make room, then run `{command()} start`", seen)


def _launch_sentence(launcher: PosixLauncher, event: str, spawner: Spawner) -> str:
    from .not_launched import not_started, nothing_to_try, reason_of
    from .on_port import after_silence, another_address, describe  # a run that ends well says less

    worker = launcher.worker
    seen = describe(spawner.seen, worker)
    error = spawner.error
    there = look_elsewhere(worker) if event in HELD_ELSEWHERE else None
    if there is not None and there.kind == h.OUT_OF_REACH:
        return (
            f"{worker.data_dir} is in use by {there.detail}; run `{command()} stop` there, "
            f"or choose another by INCUMBENT_DATA_DIR, then run `{command()} start`"
        )
    if spawner.seen is not None and spawner.seen.kind == h.NO_ADDRESS:
        return f"{seen}; {another_address(worker)}, then run `{command()} start`"
    if event == "port_foreign":
        return (
            f"{seen}, not by our worker; free the port, or choose another by INCUMBENT_PORT, "
            f"then run `{command()} start`"
        )
    if event == "deadline_passed":
        silent = spawner.seen is not None and spawner.seen.kind == h.SILENT
        again = after_silence(worker) if silent else f"run `{command()} status`"
        waited = round(launcher.waited, 1)
        told = f"{error}; " if error else ""
        return f"no worker verified within {waited:g} s, last seen: {seen}; {told}{again}"
    if event == "lock_refused":
        return error
    if event in ("nothing_to_try", "no_record"):
        try:
            record = RecordStore(worker, launcher.notices).read()
        except NewerFormatError:
            path = worker.path("launch.json")
            return f"a newer incumbent wrote {path}; run the `{command()}` that wrote it"
        return nothing_to_try(record)
    if event in ("handover_refused", "build_rejected"):
        if not error:
            error = reason_of(run_blocking(launcher.store.record()), spawner.begun.wanted)
        told = f"version {spawner.begun.wanted} was not verified: {error or 'refused'}"
        if f"`{command()} " not in error:
            told += f"; mend it, then run `{command()} restart`"
        return f"{told}; now {seen}"
    if error and (event == "launches_spent" or event.startswith("child")):
        record_now = run_blocking(launcher.store.record())
        return f"{not_started(worker, record_now, error)}; now {seen}"
    if event == "launches_spent":
        return (
            f"the worker came up, then was stopped by somebody; run `{command()} start`; now {seen}"
        )
    if event == "child_stopped":
        return f"the new worker was stopped before it was up; run `{command()} start`; now {seen}"
    return f"not verified ({event}): {seen}; run `{command()} status`"


def _stop_sentence(launcher: PosixLauncher, event: str, stopper: Stopper) -> str:
    from .on_port import after_silence, another_address, describe

    seen = describe(stopper.seen, launcher.worker)
    if stopper.seen is not None and stopper.seen.kind == h.NO_ADDRESS:
        return f"{seen}: nothing was stopped; {another_address(launcher.worker)}"
    if event == "port_foreign":
        return f"{seen}, not by our worker: nothing was stopped"
    if event == "data_held_elsewhere":
        return (
            f"not stopped: {launcher.worker.data_dir} is in use by {stopper.error}; stop it there"
        )
    silent = stopper.seen is not None and stopper.seen.kind == h.SILENT
    again = after_silence(launcher.worker, "stop") if silent else f"run `{command()} status`"
    if stopper.error:
        return f"not stopped: {stopper.error}; {seen}; {again}"
    return f"still there after {round(launcher.waited, 1):g} s: {seen}; {again}"
