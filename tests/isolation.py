"""Keeps every test away from the real home, the real data dir, the real worker's port.

In this process an audit hook raises at the touch, then fails the test even where the error was
swallowed. Other processes are kept away by their environment; what they did all the same is
found afterwards: changed files of the real data dir, processes or a listener left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import os
import pwd
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from incumbent.lifecycle.settings import PORT_BASE, PORT_SPAN, default_data_dir

REPOSITORY = Path(__file__).resolve().parent.parent
OWN_PORTS = range(20000, 26999)  # below the ephemeral range, beside the default ports
LEAVING_S = 10.0  # a process on its way out may take this long where all wait for a processor
STEP_S = 0.01

_OPENING = frozenset({"open", "os.listdir", "os.scandir", "sqlite3.connect"})
_CHANGES = ("mkdir", "rename", "remove", "rmdir", "link", "symlink", "truncate", "utime", "chmod")
_CHANGING = frozenset(f"os.{change}" for change in _CHANGES)
_CALLING = frozenset({"socket.connect", "socket.bind"})
_STARTING = frozenset(
    {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "pty.spawn"}
)


class TripwireError(AssertionError):
    """A test touched what is not its own."""


class Tripwire:
    """What may not be touched; `tripped` keeps each touch, also one whose error was swallowed.

    Below a home only what `allowed` names more closely may be touched, in a data dir nothing.
    """

    def __init__(self, homes: list[str], data_dirs: list[str], allowed: list[str]) -> None:
        self._homes = tuple(_below(path) for path in homes)
        self._data_dirs = tuple(_below(path) for path in data_dirs)
        self._allowed = tuple(_below(path) for path in allowed)
        self._armed = True
        self.tripped: list[str] = []

    @contextlib.contextmanager
    def disarmed(self) -> Iterator[None]:
        """Let the suite itself look at what no test may touch."""
        self._armed = False
        try:
            yield
        finally:
            self._armed = True

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise when the audited event touches what is not the test's own."""
        if not self._armed:
            return
        if event in _OPENING or event in _CHANGING:
            for path in args[:2] if event in _CHANGING else args[:1]:
                if isinstance(path, str | bytes) and self.guards(os.fsdecode(path)):
                    self._trip(f"{event} touches {os.fsdecode(path)}")
        elif event in _CALLING:
            address = args[1]
            if isinstance(address, tuple) and address[1] in range(PORT_BASE, PORT_BASE + PORT_SPAN):
                self._trip(f"{event} touches the port {address[1]}")

    def guards(self, path: str) -> bool:
        """Whether this path is not the test's own."""
        whole = _below(os.path.abspath(path))
        if whole.startswith(self._data_dirs):
            return True
        return _closest(whole, self._homes) > _closest(whole, self._allowed)

    def _trip(self, sentence: str) -> None:
        self.tripped.append(sentence)
        raise TripwireError(sentence)


class Starts:
    """Notes the first process that is started from here, before it is.

    A test that starts none leaves none behind: nothing needs to be looked for in its teardown,
    which took most of the quick tier's time. `multiprocessing` with "spawn" goes unseen.
    """

    def __init__(self) -> None:
        self.before: set[int] | None = None  # the children when the first was started

    def hook(self, event: str, _args: tuple[Any, ...]) -> None:
        """Keep which children there are, at the first start since `forget`."""
        if event in _STARTING and self.before is None:
            self.before = children()

    def forget(self) -> None:
        """Begin again: no process has been started."""
        self.before = None


class Sandbox(NamedTuple):
    """One test's own places."""

    root: Path
    home: Path
    data_dir: Path
    port: int

    def environment(self) -> dict[str, str]:
        """Give the variables that send every process of this test to its own places."""
        return {
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_RUNTIME_DIR": str(self.home / "run"),
            "TMPDIR": str(self.root / "tmp"),
            "INCUMBENT_DATA_DIR": str(self.data_dir),
            "INCUMBENT_PORT": str(self.port),
        }


def is_foreign_to_a_test(name: str) -> bool:
    """Whether a variable would leak this developer's own set-up into a test."""
    return name.startswith(("INCUMBENT_", "XDG_")) or name == "PYTHONPATH"


def real_homes() -> list[str]:
    """Give the homes of this user, by the environment as by the user database."""
    by_database = pwd.getpwuid(os.getuid()).pw_dir
    homes = {os.environ.get("HOME") or by_database, by_database}
    return sorted(home for home in homes if home != os.sep)


def real_data_dirs() -> list[str]:
    """Give the folders in which this user's real workers keep their data."""
    found = {os.path.dirname(default_data_dir("any", os.environ))}
    found |= {os.path.dirname(default_data_dir("any", {"HOME": home})) for home in real_homes()}
    return sorted(found)


def code_places() -> list[str]:
    """Give where the code lives that a test run reads, or writes its caches to."""
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path]
    places += [str(REPOSITORY), os.path.realpath(tempfile.gettempdir()), tempfile.gettempdir()]
    return [place for place in places if place and os.path.isabs(place)]


def snapshot(data_dirs: list[str]) -> dict[str, int]:
    """Give what tells that somebody used a real data dir.

    A real worker may run meanwhile: what such a one writes by itself is not looked at.
    """
    seen = {}
    for top in data_dirs:
        for path in [Path(top), *Path(top).glob("*"), *Path(top).glob("*/*")]:
            if path.name in ("launch.json", "settings.json", "token"):
                seen[str(path)] = path.stat().st_mtime_ns
            elif path.is_dir() and path.name != "logs":
                seen[str(path)] = 0
    return seen


_numbers = itertools.count(os.getpid() * 41)
_PORT_CLAIMS = os.path.join(tempfile.gettempdir(), f"incumbent-test-ports-{os.getuid()}")


def reserved_port() -> tuple[int, Callable[[], None]]:
    """Give a free port that no other test has, in any process, with what gives it back."""
    os.makedirs(_PORT_CLAIMS, mode=0o700, exist_ok=True)
    for _ in OWN_PORTS:
        port = OWN_PORTS[next(_numbers) % len(OWN_PORTS)]
        claim = os.open(os.path.join(_PORT_CLAIMS, str(port)), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(claim)
            continue
        if not somebody_listens(port) and _can_be_bound(port):
            return port, functools.partial(os.close, claim)
        os.close(claim)
    raise TripwireError("no port is free for a test")


def somebody_listens(port: int) -> bool:
    """Whether a connection to this port is accepted."""
    with socket.socket() as trial:
        trial.settimeout(1.0)
        try:
            trial.connect(("127.0.0.1", port))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        return True


def _can_be_bound(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def processes_of(data_dir: Path) -> list[tuple[int, str]]:
    """Give pid and command line of every living process whose environment names this data dir."""
    needle = os.fsencode(data_dir)
    found = []
    for pid in _pids():
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if needle in environment and pid != os.getpid():
            found.append((pid, line.replace(b"\0", b" ").decode(errors="replace").strip()))
    return found


def children() -> set[int]:
    """Give the pids of this process's living children."""
    found = set()
    for pid in _pids():
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] not in (b"Z", b"X"):
            found.add(pid)
    return found


def leavings(sandbox: Sandbox, before: set[int] | None) -> list[str]:
    """Give what this test left behind, ending each process of it by its pid.

    Without a set of the children `before` the test has started no process.
    """
    sentences = [] if before is None else _left_processes(sandbox, before)
    if somebody_listens(sandbox.port):
        sentences.append(f"left a listener behind on its port {sandbox.port}")
    return sentences


def _left_processes(sandbox: Sandbox, before: set[int]) -> list[str]:
    deadline = time.monotonic() + LEAVING_S
    while (left := _left(sandbox, before)) and time.monotonic() < deadline:
        time.sleep(STEP_S)
    for pid, _ in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    sentences = [f"left the process {pid} behind: {line}" for pid, line in left]
    while _left(sandbox, before) and time.monotonic() < deadline + LEAVING_S:
        time.sleep(STEP_S)
    return sentences


def _left(sandbox: Sandbox, before: set[int]) -> list[tuple[int, str]]:
    found = processes_of(sandbox.data_dir)
    known = {pid for pid, _ in found}
    return found + [(pid, "a child of the tests") for pid in children() - before - known]


def _pids() -> Iterator[int]:
    try:
        names = os.listdir("/proc")
    except FileNotFoundError:
        return iter(())  # elsewhere only the listener tells
    return (int(name) for name in names if name.isdigit())


def _closest(whole: str, places: tuple[str, ...]) -> int:
    return max((len(place) for place in places if whole.startswith(place)), default=0)


def _below(path: str) -> str:
    return os.path.join(os.path.abspath(path), "")
