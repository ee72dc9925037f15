"""Replaces the worker whenever its code changes, for as long as somebody watches."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from importlib.machinery import PathFinder
from types import FrameType

from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.errors import IncumbentError
from incumbent.lifecycle.runs import restart, stop
from incumbent.lifecycle.settings import BUILT_IN_APP, Worker

from .arguments import UsageError
from .log_reader import LogReader
from .outcome import restarted, stopped
from .output import show, talk, tell
from .place import place
from .waiting import run_waits_told

TICK_MS = 100


class NoWatcherError(IncumbentError):
    """The library that watches files is not installed."""

    def __str__(self) -> str:
        return "--reload needs watchfiles: run `pip install 'incumbent[reload]'`"


def folders_of(worker: Worker, named: list[str]) -> list[str]:
    """Give the folders to watch: the app's own, where its code can change, and those named.

    Raises UsageError where there is none.
    """
    for folder in named:
        if not os.path.isdir(folder):
            raise UsageError(f"--watch: no folder {folder}")
    folders = [os.path.abspath(folder) for folder in named]
    if worker.app != BUILT_IN_APP:
        spec = PathFinder.find_spec(worker.app.partition(":")[0].partition(".")[0])
        if spec is not None and spec.submodule_search_locations:
            folders += map(os.path.abspath, spec.submodule_search_locations)
        elif spec is not None and spec.origin:
            folders.append(os.path.dirname(os.path.abspath(spec.origin)))
    if not folders:
        raise UsageError(
            "--reload needs code of yours: set INCUMBENT_APP=module:attribute, or --watch DIR"
        )
    return folders


def run_reloading(worker: Worker, folders: list[str]) -> int:
    """Run the worker, its log on stderr, until a signal ends it; give the exit code.

    A change is rehearsed before the worker gives way, as at any restart: code that does not come
    up costs nothing but a sentence.
    """
    try:
        from watchfiles import PythonFilter, watch
    except ImportError as error:
        raise NoWatcherError from error
    ending = threading.Event()
    log = LogReader(DataDir(worker.data_dir))
    for _ in log.new_lines():
        pass  # of workers before
    ticks = watch(
        *folders,
        watch_filter=PythonFilter(),
        stop_event=ending,
        rust_timeout=TICK_MS,
        yield_on_timeout=True,
    )
    try:
        with _set_by_signal(ending):
            for first, changes in enumerate(ticks):
                _show_log(log)
                if first == 0:  # from here on no change is missed
                    tell(f"reloads when code changes under {', '.join(folders)}; ctrl-C ends it")
                    _replace(worker, log)
                elif changes:
                    tell(f"changed: {', '.join(sorted({path for _, path in changes}))}")
                    _replace(worker, log)
            with run_waits_told(worker):
                found = stop(worker, origin="cli", watching=lambda: _show_log(log))
    finally:
        _show_log(log)
        log.close()
    show(stopped(found))
    return 0


def _replace(worker: Worker, log: LogReader) -> None:
    try:
        with run_waits_told(worker):
            health = restart(worker, origin="cli", person=True, watching=lambda: _show_log(log))
    except IncumbentError as error:
        tell(str(error))
    else:
        show(restarted(health) + place(health, worker))


@contextlib.contextmanager
def _set_by_signal(ending: threading.Event) -> Iterator[None]:
    """Have SIGINT and SIGTERM set the event: a restart under way comes to its end first."""

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        ending.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_log(log: LogReader) -> None:
    for line in log.new_lines():
        talk(line.decode(errors="replace"))
