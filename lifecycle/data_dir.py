"""Where everything of one service lies in its data dir."""

from __future__ import annotations

import os

# What a data dir holds. The hot path says the same names by itself: a hook does not pay for this
# module; a test holds that nobody says another.
EVENTS = "events.db"
GUARD = "spawn.lock.guard"
LOGS = "logs"
PID_FILE = "worker.pid"
RECORD = "launch.json"
RELEASES = "releases"
SERVE_LOCK = "serve.lock"
SETTINGS = "settings.json"
SILENT = "silent"
SPAWN_LOCK = "spawn.lock"
SPOOL = "spool"
TOKEN = "token"
TRACE = "trace.jsonl"

NAMES = (
    EVENTS,
    GUARD,
    LOGS,
    PID_FILE,
    RECORD,
    RELEASES,
    SERVE_LOCK,
    SETTINGS,
    SILENT,
    SPAWN_LOCK,
    SPOOL,
    TOKEN,
    TRACE,
)
LOG = "worker.log"  # in LOGS


class DataDir:
    """One data dir: each property is the path of one file or folder in it."""

    __slots__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def events(self) -> str:
        """The events that the built-in app has recorded."""
        return self._in(EVENTS)

    @property
    def guard(self) -> str:
        """What is locked while the spawn lock or the launch record is changed."""
        return self._in(GUARD)

    @property
    def log(self) -> str:
        """The worker's log."""
        return self._in(LOGS, LOG)

    @property
    def logs(self) -> str:
        """The folder of the worker's log, and of those before it."""
        return self._in(LOGS)

    @property
    def pid_file(self) -> str:
        """Who serves: diagnostics, nothing goes by it."""
        return self._in(PID_FILE)

    @property
    def record(self) -> str:
        """The launch record: what should run."""
        return self._in(RECORD)

    @property
    def releases(self) -> str:
        """The folder of the installed builds."""
        return self._in(RELEASES)

    @property
    def serve_lock(self) -> str:
        """What is locked for as long as the app runs."""
        return self._in(SERVE_LOCK)

    @property
    def settings(self) -> str:
        """The user's settings."""
        return self._in(SETTINGS)

    @property
    def silent(self) -> str:
        """What a hook leaves that found the worker silent."""
        return self._in(SILENT)

    @property
    def spawn_lock(self) -> str:
        """Who may spawn."""
        return self._in(SPAWN_LOCK)

    @property
    def spool(self) -> str:
        """The folder of the events that are not delivered yet."""
        return self._in(SPOOL)

    @property
    def token(self) -> str:
        """The secret."""
        return self._in(TOKEN)

    @property
    def trace(self) -> str:
        """The journal of transitions."""
        return self._in(TRACE)

    def _in(self, *names: str) -> str:
        return os.sep.join((self.path, *names))
