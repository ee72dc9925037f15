"""Gives each benchmark files, ports, processes of its own that are gone after it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.isolation import is_foreign_to_a_test, processes_of, reserved_port

SOON_S = 30.0
STEP_S = 0.001
NOT_OURS = (
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "PYTHONSTARTUP",
    "COVERAGE_PROCESS_START",
)

HOSTED = """
{at_import}
import asyncio, os
__version__ = {version!r}
SAID = b'{{"pid": %d}}' % os.getpid()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(SAID))]

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while (await receive())["type"] == "lifespan.startup":
            await send({{"type": "lifespan.startup.complete"}})
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    await send({{"type": "http.response.start", "status": 200, "headers": HEADERS}})
    await send({{"type": "http.response.body", "body": SAID}})
"""

SLOW_IMPORT = "import time; end = time.monotonic() + 2\nwhile time.monotonic() < end: pass"
BROKEN_IMPORT = "raise ImportError('a build that does not import')"


class Spent(NamedTuple):
    """What a process cost, in milliseconds of the clock, of the processor; its exit code."""

    wall: float
    cpu: float
    code: int


class Place:
    """A temporary home, data dir, port; everything started in it is ended with it."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="incumbent-bench-"))
        self.data_dir = self.root / "data"
        for name in ("home", "tmp", "cwd"):
            (self.root / name).mkdir()
        self._given_back: list[Callable[[], None]] = []
        self._begun: list[subprocess.Popen[bytes]] = []
        self.port = self.new_port()
        self.environment = {
            name: text
            for name, text in os.environ.items()
            if not is_foreign_to_a_test(name) and name not in NOT_OURS
        }
        self.environment |= {
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "INCUMBENT_DATA_DIR": str(self.data_dir),
            "INCUMBENT_PORT": str(self.port),
        }

    def new_port(self) -> int:
        """Give another port that nobody else has."""
        port, give_back = reserved_port()
        self._given_back.append(give_back)
        return port

    def host(self, version: str = "1.0.0", at_import: str = "") -> dict[str, str]:
        """Write an app and give the variables of a launcher that wants it."""
        folder = self.root / "apps" / f"{version}-{abs(hash(at_import))}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosted.py").write_text(HOSTED.format(version=version, at_import=at_import))
        return self.environment | {
            "PYTHONPATH": str(folder),
            "INCUMBENT_APP": "hosted:app",
            "INCUMBENT_VERSION": version,
        }

    def spent(self, argv: Sequence[str], environment: Mapping[str, str], said: str = "") -> Spent:
        """Run a process to its end; `said` is the file its stdin comes from."""
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, said or os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ]
        began = time.perf_counter()
        pid = os.posix_spawn(argv[0], list(argv), environment, file_actions=actions)
        _, status, used = os.wait4(pid, 0)
        wall = time.perf_counter() - began
        cpu = used.ru_utime + used.ru_stime
        return Spent(wall * 1000, cpu * 1000, os.waitstatus_to_exitcode(status))

    def python(self, code: str, environment: Mapping[str, str], check: bool = True) -> Spent:
        """Run Python code in a process of its own."""
        spent = self.spent([sys.executable, "-c", code], environment)
        if check and spent.code:
            raise RuntimeError(f"exit {spent.code} from: {code}")
        return spent

    def answer(self, code: str, environment: Mapping[str, str]) -> Any:
        """Give what the JSON says that this Python code prints, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=dict(environment),
            stdout=subprocess.PIPE,
            cwd=self.root / "cwd",
            check=True,
        )
        return json.loads(done.stdout)

    def begin(
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        stdout: int = subprocess.DEVNULL,
        stderr: int | None = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Begin a process that this place ends."""
        process = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd=self.root / "cwd",
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
        )
        self._begun.append(process)
        return process

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Care no more for a process that has ended."""
        end(process)
        self._begun.remove(process)

    def uvicorn(self, environment: Mapping[str, str], port: int) -> subprocess.Popen[bytes]:
        """Begin bare uvicorn with the hosted app."""
        return self.begin(uvicorn_command(port), environment)

    def ensure(self, environment: Mapping[str, str]) -> Spent:
        """Bring our worker up."""
        return self.python(
            "from incumbent.lifecycle import ensure_running; ensure_running()", environment
        )

    def stop(self, environment: Mapping[str, str]) -> Spent:
        """Stop our worker."""
        return self.python("from incumbent.lifecycle import stop; stop()", environment)

    def close(self) -> None:
        """End every process of this place by its pid, then remove the files."""
        if self.data_dir.is_dir():
            with contextlib.suppress(RuntimeError):
                self.stop(self.environment)
        for process in self._begun:
            end(process, signal.SIGKILL)
        deadline = time.monotonic() + SOON_S
        while (left := processes_of(self.root)) and time.monotonic() < deadline:
            for pid, _ in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        for give_back in self._given_back:
            give_back()
        shutil.rmtree(self.root, ignore_errors=True)


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """Give a place that is gone afterwards; meanwhile its empty folder is the cwd."""
    made = Place()
    try:
        with contextlib.chdir(made.root / "cwd"):
            yield made
    finally:
        made.close()


def uvicorn_command(port: int, log_level: str = "warning") -> list[str]:
    """Give the command line of bare uvicorn, quiet as our worker is."""
    given = ["hosted:app", "--port", str(port), "--no-access-log", "--log-level", log_level]
    return [sys.executable, "-m", "uvicorn", *given]


def end(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    """Signal this process, then wait for its death."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    if process.poll() is None:
        process.send_signal(number)
    process.wait()


def first_answer(port: int, path: str = "/", within: float = SOON_S) -> float:
    """Give when the first good answer came, asking every millisecond, in monotonic seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if asked(port, path):
            return time.monotonic()
        time.sleep(STEP_S)
    raise RuntimeError(f"no answer on port {port} within {within:g} s")


def asked(port: int, path: str = "/") -> bytes:
    """Give the answer to one GET over a bare socket; nothing when there is no good one."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as sock:
            sock.sendall(question(port, path))
            received = b""
            while more := sock.recv(65536):
                received += more
    except OSError:
        return b""
    return received.partition(b"\r\n\r\n")[2] if received.startswith(b"HTTP/1.1 200 ") else b""


def question(port: int, path: str) -> bytes:
    """Give one whole GET."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()


def pid_on(port: int) -> int:
    """Give the pid that the hosted app answers with; 0 when nobody answers."""
    body = asked(port)
    return int(json.loads(body)["pid"]) if body else 0
