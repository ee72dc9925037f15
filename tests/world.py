"""Real launchers, real workers, real apps in a test's own place."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from incumbent.lifecycle import Health, ProbeResult, Worker, status
from incumbent.lifecycle.lock.process_identity import boot_id, start_token

from .isolation import Sandbox
from .proving import proved

T = TypeVar("T")

SOON_S = 15.0  # by then a thing that happens at all has happened, also on a busy machine
STEP_S = 0.01
RUN_S = 60.0  # no single launcher takes longer, whatever it meets
BEGIN_TO_SERVE = ("listen_ok", "socket_received")
STOP_SERVING = ("closed", "socket_passed")

APP = """
import asyncio, json, os, sys, time
__version__ = {version!r}

def note(what):
    line = json.dumps(dict(what=what, pid=os.getpid(), at=time.monotonic(), version=__version__))
    with open(os.path.join(os.environ["INCUMBENT_DATA_DIR"], "lives.jsonl"), "a") as file:
        file.write(line + "\\n")

{at_import}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        note("begins")
{at_start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        note("ends")
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    if scope["path"].startswith("/slow/"):
        note("slow")
        await asyncio.sleep(int(scope["path"].removeprefix("/slow/")) / 1000)
    said = json.dumps(dict(version=__version__, pid=os.getpid())).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(said))]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": said}})
"""

# flaw -> (what the module does when it is imported, what its lifespan does before it is up)
FLAWS = {
    "": ("", ""),
    "cannot be imported": ("raise ImportError('no such marvel')", ""),
    "exits at import": ("sys.exit('I will not serve')", ""),
    "crashes at import": (
        "import resource, signal; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
        "os.write(2, b'a library of C\\n'); os.kill(os.getpid(), signal.SIGSEGV)",
        "",
    ),
    "dies at import": ("os.write(2, b'gone without a word\\n'); os._exit(3)", ""),
    "hangs at import": ("print('I sit and wait', file=sys.stderr, flush=True); time.sleep(99)", ""),
    "fails at start": (
        "",
        "await send({'type': 'lifespan.startup.failed', 'message': 'no such table'}); return",
    ),
    "starts only once": (
        "",
        "if os.environ.get('STARTED'):\n"
        "    await send({'type': 'lifespan.startup.failed', 'message': 'not again'}); return\n"
        "os.environ['STARTED'] = 'yes'",
    ),
    "never ready": ("", "print('waiting for Godot', flush=True); await asyncio.sleep(99)"),
    "slow to start": ("", "await asyncio.sleep(0.7)"),
    "slow to import": ("time.sleep(0.7)", ""),
}

LAUNCHER = """
import json, sys, time
began = time.monotonic()
what, gated = sys.argv[1], sys.argv[2] == "gated"
from incumbent.lifecycle import Health, NotVerifiedError, IncumbentError, Worker, ensure_running
from incumbent.lifecycle import runs
from incumbent.lifecycle.client.fast_note import noted_now
if gated:
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
try:
    worker = Worker()
    if what == "ensure":
        said = ensure_running(worker, origin="hook")
    elif what == "restart":
        said = runs.restart(worker, origin="cli", noted=noted_now(worker))
    else:
        said = runs.stop(worker, origin="cli")
    said = said.to_json() if isinstance(said, Health) else {"stopped": said}
except IncumbentError as error:
    said = {"error": str(error), "kind": type(error).__name__}
    said |= {"event": getattr(error, "event", ""), "last_output": getattr(error, "last_output", "")}
print(json.dumps(said | {"took": time.monotonic() - began}))
sys.exit("error" in said)
"""

HAND = "import sys; from incumbent.server.main import main; sys.exit(main(by_hand=True))"


def eventually(
    look: Callable[[], T | Literal[False] | None], what: str, within: float = SOON_S
) -> T:
    """Give the first true thing that `look` gives; fails when none comes within these seconds."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(STEP_S)
    return found


class App(NamedTuple):
    """An app in a folder of its own, with the version that launchers declare for it."""

    folder: Path
    declared: str


class Done(NamedTuple):
    """What a launcher printed, what it exited with; `said` has the time it took by itself."""

    code: int
    said: dict[str, Any]
    talk: str

    @property
    def took(self) -> float:
        """Seconds from the launcher's first line to its last."""
        return float(self.said["took"])


class World:
    """Everything that a test does with real processes.

    `settings` are variables that every launcher gets, and by it every worker.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.data_dir, self.port = sandbox.data_dir, sandbox.port
        self.settings: dict[str, str] = {}
        self._begun: list[subprocess.Popen[str]] = []

    # Apps.

    def app(self, version: str, flaw: str = "", *, declared: str = "") -> App:
        """Write an app; `flaw` is what is wrong with it, `declared` the version on its label."""
        at_import, at_start = FLAWS[flaw]
        folder = self.sandbox.root / "apps" / f"{version}-{declared}-{flaw.replace(' ', '-')}"
        folder.mkdir(parents=True, exist_ok=True)
        source = APP.format(
            version=version, at_import=at_import, at_start=textwrap.indent(at_start, " " * 8)
        )
        (folder / "hosted.py").write_text(source)
        return App(folder, declared or version)

    def environment(self, app: App) -> dict[str, str]:
        """Give the whole environment of a launcher that wants this app."""
        environment = dict(os.environ) | self.sandbox.environment()
        environment |= {
            "PYTHONPATH": str(app.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "INCUMBENT_APP": "hosted:app",
            "INCUMBENT_VERSION": app.declared,
        }
        return environment | self.settings

    # Launchers.

    def begin(
        self, app: App, what: str, gated: bool = False, before: Sequence[str] = (), **popen: Any
    ) -> Any:
        """Begin one launcher, which does `what`: ensure, restart or stop; through `before`."""
        argv = [sys.executable, "-c", LAUNCHER, what, "gated" if gated else "free"]
        return self.begin_process([*before, *argv], app, **popen)

    def begin_process(self, argv: list[str], app: App, **popen: Any) -> Any:
        """Begin any process in this world."""
        environment = self.environment(app) | popen.pop("env", {})
        popen = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | popen
        process = subprocess.Popen(
            argv,
            env=environment,
            text=True,
            cwd=popen.pop("cwd", "/"),
            **popen,
        )
        self._begun.append(process)
        return process

    def end(self, process: Any) -> Done:
        """Wait for a launcher and give what it said."""
        out, talk = process.communicate(timeout=RUN_S)
        lines = out.splitlines()
        assert lines, f"a launcher that says nothing: {talk}"
        return Done(process.returncode, json.loads(lines[-1]), talk)

    def ensure(self, app: App) -> Done:
        """Call `ensure_running()` in a process of its own."""
        return self.end(self.begin(app, "ensure"))

    def restart(self, app: App) -> Done:
        """Call `restart()` in a process of its own."""
        return self.end(self.begin(app, "restart"))

    def stop(self, app: App) -> Done:
        """Call `stop()` in a process of its own."""
        return self.end(self.begin(app, "stop"))

    def at_once(self, app: App, *whats: str) -> list[Done]:
        """Let launchers go at the same moment, all imported, and give what each said."""
        processes = self.ready(app, *whats)
        self.go(processes)
        return [self.end(process) for process in processes]

    def ready(self, app: App, *whats: str) -> list[Any]:
        """Begin launchers that wait for `go`, their imports behind them."""
        processes = [self.begin(app, what, gated=True) for what in whats]
        for process in processes:
            assert process.stdout.readline() == "ready\n", process.stderr.read()
        return processes

    def go(self, processes: list[Any]) -> None:
        """Let launchers go that are ready."""
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()

    def command(self, app: App, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line."""
        return self.run(app, [sys.executable, "-m", "incumbent.cli.main", *arguments])

    def run(self, app: App, argv: list[str]) -> subprocess.CompletedProcess[str]:
        """Run any process in this world to its end."""
        return subprocess.run(
            argv,
            env=self.environment(app),
            cwd="/",
            text=True,
            capture_output=True,
            timeout=RUN_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    # What there is to see.

    def seen(self, app: App | None = None) -> ProbeResult:
        """Ask the port, as `status` does."""
        environment = self.environment(app or App(Path(os.sep), "1.0.0"))
        return status(Worker(environ=environment))

    def health(self) -> Health:
        """Give the health of the worker that serves; fails when there is none."""
        seen = self.seen()
        assert seen.kind == "serving", seen
        assert seen.health is not None
        return seen.health

    def trace(self) -> list[dict[str, Any]]:
        """Give every transition written so far."""
        return _lines(self.data_dir / "trace.jsonl")

    def lives(self, what: str = "") -> list[dict[str, Any]]:
        """Give what apps noted: begins, ends, slow."""
        found = _lines(self.data_dir / "lives.jsonl")
        return [line for line in found if not what or line["what"] == what]

    def events(self, *events: str, machine: str = "") -> list[dict[str, Any]]:
        """Give the transitions that these events made."""
        return [
            line
            for line in self.trace()
            if line["event"] in events and machine in ("", line["machine"])
        ]

    def spawns(self) -> int:
        """Give how many worker processes were ever created."""
        return len(self.events("spawned", "standby_spawned"))

    def generations(self) -> int:
        """Give how many workers ever got their app up."""
        return len([line for line in self.events("app_up") if line["from"] == "idle/starting"])

    def record(self) -> dict[str, Any]:
        """Give the launch record."""
        found: dict[str, Any] = json.loads((self.data_dir / "launch.json").read_bytes())
        return found

    def log(self) -> str:
        """Give the worker's log."""
        path = self.data_dir / "logs" / "worker.log"
        return path.read_text() if path.exists() else ""

    # Doing things to it.

    def get(self, path: str = "/", timeout: float = 10.0) -> dict[str, Any]:
        """Ask the hosted app over a new connection; health and events, as one of ours does."""
        if path.startswith(("/api/health", "/api/events")):
            status, said = proved(self.port, self.data_dir, "GET", path, timeout=timeout)
            assert status == 200, (status, said)
            found: dict[str, Any] = said
            return found
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            return ask(connection, path)
        finally:
            connection.close()

    def leave_lock(self, pid: int, start: str | None = None, age: float = 0.0, **says: str) -> str:
        """Leave a lock file of this owner there, as old as `age` seconds; give its token."""
        self.data_dir.mkdir(mode=0o700, exist_ok=True)
        content = {
            "token": os.urandom(16).hex(),
            "pid": pid,
            "start": start if start is not None else start_token(pid) or "1",
            "host": socket.gethostname(),
            "boot": boot_id(),
            "version": "1.0.0",
            "acquiredAt": "2020-01-01T00:00:00Z",
        } | says
        path = self.data_dir / "spawn.lock"
        path.write_text(json.dumps(content))
        os.utime(path, (time.time() - age, time.time() - age))
        return str(content["token"])

    def close(self) -> None:
        """End what this test began, and the worker that serves; an orphan is left to be found."""
        for process in self._begun:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        seen = self.seen()
        while seen.health is not None:
            assert self._is_ours(seen.health.pid), (
                f"pid {seen.health.pid} is no worker of this test"
            )
            with contextlib.suppress(ProcessLookupError):
                os.kill(seen.health.pid, signal.SIGTERM)
            pid = seen.health.pid
            eventually(lambda pid=pid: start_token(pid) is None, f"worker {pid} ends")  # type: ignore[misc]  # mypy can't infer a lambda with a default
            seen = self.seen()

    def _is_ours(self, pid: int) -> bool:
        """Whether this pid is, as this process sees it, a worker on the test's own data dir."""
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                return os.fsencode(f"INCUMBENT_DATA_DIR={self.data_dir}") in file.read()
        except FileNotFoundError:
            return True  # gone meanwhile
        except PermissionError:
            return False


class Hammer:
    """Clients that open a new connection for each question, as fast as `pause` allows."""

    def __init__(self, port: int, clients: int = 2, pause: float = 0.01) -> None:
        self._port, self._pause = port, pause
        self._ending = threading.Event()
        self.answers: list[tuple[float, str]] = []
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(clients)]

    def __enter__(self) -> Hammer:
        for thread in self._threads:
            thread.start()
        eventually(lambda: self.answers or self.failures, "a first answer")
        return self

    def __exit__(self, *_: object) -> None:
        answered = len(self.answers)
        with contextlib.suppress(AssertionError):  # the test says what it expects
            eventually(lambda: len(self.answers) > answered + 5 or self.failures, "more answers")
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _ask_on(self) -> None:
        while not self._ending.wait(self._pause):
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                said = ask(connection, "/")
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
            else:
                self.answers.append((time.monotonic(), said["version"]))
            finally:
                connection.close()


def ask(connection: http.client.HTTPConnection, path: str) -> dict[str, Any]:
    """Give the JSON of one answer over this connection, which stays as it is."""
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise ValueError(f"{answer.status}: {body!r}")
    said: dict[str, Any] = json.loads(body)
    return said


@contextlib.contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Give an innocent process that does nothing."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def dead_owner() -> tuple[int, str]:
    """Give pid and start token of a process that is no more."""
    with bystander() as process:
        token = start_token(process.pid)
    assert token is not None
    return process.pid, token


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip(" ")]
