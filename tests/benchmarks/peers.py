"""How the tools that people use today do the same job, each installed in a temporary place."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from tests.isolation import processes_of

from .figures import Scale
from .figures.restarting import Respawned, command_line
from .measuring import summary
from .place import (
    BROKEN_IMPORT,
    HOSTED,
    SOON_S,
    Place,
    asked,
    first_answer,
    pid_on,
    place,
    uvicorn_command,
)
from .traffic import Window, under_load

PYPI = ("gunicorn", "circus", "supervisor", "mypy", "uvicorn", "h11")
AFTER_S = 1.6  # some return from their command long before the new process answers
DMYPY_AT_ONCE = 30


class Running(NamedTuple):
    """A tool that runs the hosted app on a port; `restart` gives its command's exit code."""

    port: int
    restart: Callable[[], int]


class MissingError(Exception):
    """The tool can't be had here."""


class Tools:
    """Where the peers were installed for this run."""

    def __init__(self, here: Place) -> None:
        self._here = here
        self.bin = here.root / "peers" / "bin"

    def install(self) -> None:
        """Install what can be installed, loudly leaving out what can't."""
        environment = dict(os.environ) | {"HOME": str(self._here.root / "home")}
        venv = self._here.root / "peers"
        self._run([sys.executable, "-m", "venv", str(venv)], environment)
        self._run([str(self.bin / "python"), "-m", "pip", "install", "-q", *PYPI], environment)

    def command(self, name: str) -> str:
        """Give the path of one of them; raises MissingError."""
        path = shutil.which(name, path=str(self.bin))
        if path is None:
            raise MissingError(f"{name} could not be installed")
        return path

    def _run(self, argv: list[str], environment: Mapping[str, str]) -> None:
        done = subprocess.run(argv, env=dict(environment), capture_output=True, check=False)
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip()[-200:]
            print(f"SKIPPED {argv[-1]}: {words}", file=sys.stderr, flush=True)


def measure(scale: Scale) -> dict[str, Any]:
    """Give what each tool's restart costs, the lazy start of dmypy, a latency plot's points."""
    said: dict[str, Any] = {"restarts": {}, "skipped": {}}
    with place() as here:
        tools = Tools(here)
        if scale.peers:
            tools.install()
        for name, run in RUNNERS.items():
            try:
                if name not in WITHOUT_INSTALLING and not scale.peers:
                    raise MissingError("not asked for: --peers installs it")
                said["restarts"][name] = _of_one(here, tools, run, scale)
            except MissingError as error:
                said["skipped"][name] = str(error)
                print(f"SKIPPED {name}: {error}", file=sys.stderr, flush=True)
        try:
            if not scale.peers:
                raise MissingError("not asked for: --peers installs it")
            said["dmypy"] = _dmypy(here, tools, scale)
        except MissingError as error:
            said["skipped"]["dmypy"] = str(error)
            print(f"SKIPPED dmypy: {error}", file=sys.stderr, flush=True)
    return said


def _of_one(here: Place, tools: Tools, run: Any, scale: Scale) -> dict[str, Any]:
    folder = here.root / "peer-apps" / f"{time.monotonic_ns()}"
    folder.mkdir(parents=True)
    app = folder / "hosted.py"
    app.write_text(HOSTED.format(version="1.0.0", at_import=""))
    environment = here.environment | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",  # the app changes within one second of its mtime
        "INCUMBENT_APP": "hosted:app",
        "INCUMBENT_VERSION": "1.0.0",
    }
    with run(here, tools, environment) as running:
        windows = [
            under_load(here, running.port, running.restart, after=AFTER_S)
            for _ in range(scale.rounds(7, 1))
        ]
        first = pid_on(running.port)
        app.write_text(HOSTED.format(version="1.0.0", at_import=BROKEN_IMPORT))
        code = _within(running.restart)
        time.sleep(AFTER_S)
        serves = bool(asked(running.port))
        same = serves and pid_on(running.port) == first
    middle = sorted(windows, key=lambda window: window.gap)[len(windows) // 2]
    return {
        "gap": summary([w.gap for w in windows], "ms")._asdict(),
        "failed": summary([len(w.failed) for w in windows], "requests")._asdict(),
        "took": summary([w.took for w in windows], "ms")._asdict(),
        "two_served": sum(w.two_served for w in windows),
        "restarts": len(windows),
        "broken": {"code": code, "serves": serves, "same": same},
        "plot": _points(middle),
    }


def _within(restart: Callable[[], int]) -> int | None:
    try:
        return restart()
    except (RuntimeError, subprocess.TimeoutExpired):
        return None  # never came back


def _points(window: Window) -> dict[str, Any]:
    zero = window.restart[0]
    return {
        "from": round((window.begin - zero) * 1000),
        "to": round((window.end - zero) * 1000),
        "took": round(window.took, 1),
        "points": [
            [round((a.begun - zero) * 1000, 1), round((a.done - a.begun) * 1000, 2), not a.why]
            for a in sorted(window.answers, key=lambda answer: answer.begun)
            if a.kind == "new" and window.begin <= a.begun <= window.end
        ],
    }


def _quietly(argv: list[str], environment: Mapping[str, str], timeout: float = SOON_S) -> int:
    return subprocess.run(
        argv,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
    ).returncode


@contextmanager
def _ours(here: Place, _: Tools, environment: dict[str, str]) -> Iterator[Running]:
    here.ensure(environment)
    argv = command_line("restart")
    yield Running(here.port, lambda: here.spent(argv, environment).code)
    here.stop(environment)


@contextmanager
def _respawned(here: Place, _: Tools, environment: dict[str, str]) -> Iterator[Running]:
    other = Respawned(here, environment)

    def restart() -> int:
        try:
            return other.restart(within=5)
        except RuntimeError:
            return 1

    yield Running(other.port, restart)
    other.close()


@contextmanager
def _gunicorn(here: Place, tools: Tools, environment: dict[str, str]) -> Iterator[Running]:
    port = here.new_port()
    argv = [tools.command("gunicorn"), "-w", "1", "-k", "asgi", "-b", f"127.0.0.1:{port}"]
    process = here.begin([*argv, "--no-control-socket", "hosted:app"], environment)
    first_answer(port)

    def restart() -> int:
        before = pid_on(port)
        process.send_signal(1)  # HUP: no answer, so it is over when another pid serves
        deadline = time.monotonic() + 5
        while pid_on(port) in (before, 0):
            if time.monotonic() > deadline:
                return 0  # as silent as a success
            time.sleep(0.005)
        return 0

    yield Running(port, restart)
    here.forget(process)


@contextmanager
def _circus(here: Place, tools: Tools, environment: dict[str, str]) -> Iterator[Running]:
    port, control, events = here.new_port(), here.new_port(), here.new_port()
    endpoint = f"tcp://127.0.0.1:{control}"
    ini = here.root / "circus.ini"
    ini.write_text(
        textwrap.dedent(f"""
        [circus]
        endpoint = {endpoint}
        pubsub_endpoint = tcp://127.0.0.1:{events}
        [watcher:web]
        cmd = {" ".join(uvicorn_command(port))}
        copy_env = True
        """)
    )
    process = here.begin([tools.command("circusd"), str(ini)], environment)
    first_answer(port)
    argv = [tools.command("circusctl"), "--endpoint", endpoint, "--timeout", "20", "restart", "web"]
    yield Running(port, lambda: _quietly([*argv, "--waiting"], environment))
    here.forget(process)


@contextmanager
def _supervisor(here: Place, tools: Tools, environment: dict[str, str]) -> Iterator[Running]:
    port = here.new_port()
    ini = here.root / "supervisord.conf"
    sock = here.root / "supervisor.sock"
    ini.write_text(
        textwrap.dedent(f"""
        [unix_http_server]
        file={sock}
        [supervisord]
        nodaemon=true
        logfile=/dev/null
        logfile_maxbytes=0
        pidfile={here.root / "supervisord.pid"}
        [rpcinterface:supervisor]
        supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
        [supervisorctl]
        serverurl=unix://{sock}
        [program:web]
        command={" ".join(uvicorn_command(port))}
        """)
    )
    process = here.begin([tools.command("supervisord"), "-c", str(ini)], environment)
    first_answer(port)
    time.sleep(1.5)  # its startsecs: before that it calls the program not yet started
    argv = [tools.command("supervisorctl"), "-c", str(ini), "restart", "web"]
    yield Running(port, lambda: _quietly(argv, environment))
    here.forget(process)


@contextmanager
def _pm2(here: Place, _: Tools, environment: dict[str, str]) -> Iterator[Running]:
    port = here.new_port()
    environment = environment | {"PM2_HOME": str(here.root / "pm2-home")}
    pm2 = shutil.which("pm2")
    if pm2 is None:
        raise MissingError("pm2 is not on this machine")
    python, *words = uvicorn_command(port)
    given = [pm2, "start", python, "--name", "web", "--interpreter", "none", "--", *words]
    _quietly(given, environment)
    first_answer(port)
    yield Running(port, lambda: _quietly([pm2, "restart", "web"], environment))
    _quietly([pm2, "kill"], environment)


RUNNERS = {
    "incumbent": _ours,
    "kill-wait-spawn": _respawned,
    "gunicorn HUP": _gunicorn,
    "circus": _circus,
    "supervisor": _supervisor,
    "pm2": _pm2,
}
WITHOUT_INSTALLING = ("incumbent", "kill-wait-spawn", "pm2")


def _dmypy(here: Place, tools: Tools, scale: Scale) -> dict[str, Any]:
    """Thirty lazy starts at once, then hot calls, beside the same of ours."""
    dmypy = tools.command("dmypy")
    folder = here.root / "checked"
    folder.mkdir()
    (folder / "a.py").write_text("x: int = 1\n")
    environment = here.host("2.0.0") | {"PWD": str(folder)}  # newer than what was broken before
    status = ["--status-file", str(folder / "status.json")]
    argv = [dmypy, *status, "run", "--", str(folder / "a.py")]
    began = [here.begin(argv, environment) for _ in range(DMYPY_AT_ONCE)]
    codes = [process.wait() for process in began]
    for process in began:
        here.forget(process)
    daemons = [line for _, line in processes_of(here.root) if "dmypy" in line]
    here.ensure(environment)
    hot = [sys.executable, "-c", "from incumbent.lifecycle import ensure_running; ensure_running()"]
    theirs, ours = [], []
    for _ in range(scale.rounds(20, 3)):
        theirs.append(here.spent(argv, environment).wall)
        ours.append(here.spent(hot, environment).wall)
    _quietly([dmypy, *status, "stop"], environment)
    here.stop(environment)
    return {
        "at_once": DMYPY_AT_ONCE,
        "failed": sum(code != 0 for code in codes),
        "daemons": len(daemons),
        "hot": summary(theirs, "ms")._asdict(),
        "ours": summary(ours, "ms")._asdict(),
        "ratio": statistics.median(theirs) / statistics.median(ours),
    }
