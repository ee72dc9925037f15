"""The worker's process, from its first line to its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from incumbent.lifecycle.client.probe import PROBE_TIMEOUT_S, probe
from incumbent.lifecycle.drivers.ports import EXIT_LOST
from incumbent.lifecycle.drivers.worker import WorkerDriver
from incumbent.lifecycle.errors import (
    AnotherServiceError,
    IncumbentError,
    NotVerifiedError,
    SettingsFileError,
    TrustError,
)
from incumbent.lifecycle.health import NO_ADDRESS
from incumbent.lifecycle.messages import json_row, say
from incumbent.lifecycle.posix.child_environment import environment_for
from incumbent.lifecycle.posix.session import end_members
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import HANG_S, Worker
from incumbent.lifecycle.shortage import shortage

from .process.descriptors import raise_limit
from .process.hang_watch import (
    TICK_S,
    HangWatch,
    end_if_the_loop_stands_still_longer_than_hang_timeout,
    write_stacks_when_asked,
)
from .process.logs import Output, print_at_once
from .process.service_manager import FROM_MANAGER, Manager
from .process.spawn_context import SpawnContext
from .worker import PosixWorker


def main(by_hand: bool, managed: bool = False, as_json: bool = False) -> int:
    """Run the worker in this process and give its exit code.

    A worker run by hand is the recorded one; `managed` says that it is started again when it ends;
    `as_json`, that how it ended is all that may be on stdout.
    """
    _stand_alone()
    print_at_once()
    raise_limit()
    result = _result_alone_on_stdout() if as_json else None
    try:
        worker = Worker()
        build = _what_should_run(worker, managed, as_json, result) if by_hand else None
        context = SpawnContext(by_hand, build)
        manager = Manager(os.environ, by_hand, managed)
        output = Output(worker.path("logs", "worker.log"), context.early, worker.log_level)
    except IncumbentError as error:
        say([str(error)])
        # None of these is the build's fault.
        others = isinstance(error, TrustError | SettingsFileError | AnotherServiceError)
        code = EXIT_LOST if others else 1
        _tell_result(result, code, str(error))
        _say_the_rest()
        return code
    try:
        driver = end_if_the_loop_stands_still_longer_than_hang_timeout(
            lambda: _run(_serve(worker, context, output, manager))
        )
    except (MemoryError, OSError, RuntimeError, ImportError) as error:
        why = shortage(error)
        if not why:
            raise
        say([why])
        _tell_result(result, EXIT_LOST, why)
        _say_the_rest()
        return EXIT_LOST
    code = driver.exit_code
    _tell_result(result, code, driver.detail if code else "", driver.last_event)
    _say_the_rest()
    if not by_hand:
        end_members(os.getpid())
        os._exit(code)  # a normal exit of the interpreter takes 25 ms, and a stuck thread for ever
    return code


def _run(serving: Coroutine[Any, Any, WorkerDriver]) -> WorkerDriver:
    """Run the worker on uvloop's event loop, where there is one for this interpreter."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(serving)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(serving)


def _say_the_rest() -> None:
    """Write what is buffered; where nobody takes it, the exit code is still ours to choose."""
    for fd, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:  # or the interpreter tries again, and exits with 120
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, fd)
            os.close(nowhere)


def _stand_alone() -> None:
    """Reset what is inherited: standard files that are closed, signals that are blocked."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            os.set_inheritable(fd, True)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 - as long as we live
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115 - as long as we live
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how a child ended


def _result_alone_on_stdout() -> int:
    """Turn everything else that is written there to stderr; give where the result goes."""
    sys.stdout.flush()
    result = os.dup(1)
    os.dup2(2, 1)
    return result


def _tell_result(result: int | None, code: int, error: str, event: str = "") -> None:
    if result is None:
        return
    said: dict[str, object] = {"ok": code == 0, "exit": code, "pid": os.getpid(), "event": event}
    if code:
        said["error"] = error
    with contextlib.suppress(OSError):  # nobody reads it any more
        os.write(result, json_row(said).encode() + b"\n")


def _what_should_run(worker: Worker, managed: bool, as_json: bool, result: int | None) -> Build:
    """Register a worker run by hand as a launcher would; become the recorded one if it is another.

    So a service manager that starts an old install does not go back on what was recorded.
    """
    from incumbent.lifecycle.on_port import another_address, describe
    from incumbent.lifecycle.posix.launcher import PosixLauncher, run_blocking
    from incumbent.lifecycle.posix.own_build import own_build
    from incumbent.lifecycle.runs import bootstrap

    seen = probe(worker.host, worker.port, worker.name, worker.data_dir, PROBE_TIMEOUT_S)
    if seen.kind == NO_ADDRESS:
        reason = f"{describe(seen, worker)}; {another_address(worker)}"
        raise NotVerifiedError("port_foreign", reason, seen)
    bootstrap(worker)
    launcher = PosixLauncher(worker, "spawner", "cli")
    run_blocking(launcher.begin(restart=False))
    own = own_build(worker)
    record = run_blocking(launcher.store.record())
    recorded = record.recorded if record else None
    if (
        recorded is not None
        and recorded.version != own.version
        and launcher.registration.give_way()
    ):
        run_blocking(launcher.begin(restart=False))
        recorded = None
    if recorded is None or recorded.version == own.version:
        say([*worker.notices, *launcher.notices])
        return own
    say([*worker.notices, *launcher.notices, f"running version {recorded.version}, as recorded"])
    told = {name: os.environ[name] for name in FROM_MANAGER if name in os.environ}
    command = [recorded.python, "-P", "-m", "incumbent.server", "--by-hand"]
    command += ["--managed"] * managed + ["--json"] * as_json
    if result is not None:
        os.dup2(result, 1)
    os.execve(recorded.python, command, environment_for(worker, recorded) | told)


async def _serve(
    worker: Worker, context: SpawnContext, output: Output, manager: Manager
) -> WorkerDriver:
    watch = HangWatch(hang_timeout(worker, context), worker.start_timeout, worker.drain_timeout)
    if not _at_terminal(context):  # there it ends the process
        write_stacks_when_asked()
    port = PosixWorker(worker, context, output, manager, watch)
    port.requests.hear_signals()
    driver = WorkerDriver(port, context.standby, worker.version, manager.respawns)
    port.report.state = driver.state
    watch.enter(driver.state)
    ticking = asyncio.ensure_future(_tick(port, output, watch))
    try:
        await driver.run()
    except BaseException:
        await port.address.remove_pid()
        raise
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking
        await port.lock.release()
    return driver


def hang_timeout(worker: Worker, context: SpawnContext) -> float:
    """Give how long the loop may stand still; for ever where a debugger may stand, by default."""
    default = worker.hang_timeout == HANG_S
    return 0.0 if default and _at_terminal(context) else worker.hang_timeout


def _at_terminal(context: SpawnContext) -> bool:
    return context.by_hand and os.isatty(0)


async def _tick(port: PosixWorker, output: Output, watch: HangWatch) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        watch.tick()
        port.tick()
        output.rotate()
