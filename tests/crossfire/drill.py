"""Runs one pass of the drill, then holds what happened against what was promised."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from incumbent.lifecycle.journal import Follower
from incumbent.lifecycle.machine import states

from .installs import Install, compiling
from .sessions import Agent, Fired, Session, Watch

SESSIONS = 4
CONVERGENCE_S = 5.0
RECOGNISED_S = 1.0  # a line written late by a launcher that looked before the convergence
COMMAND_S = 90.0

FROM_NOTHING = "from nothing"
OLD_SERVING = "old one serving"
PASSES = (FROM_NOTHING, OLD_SERVING)

Line = dict[str, Any]


class Claim(NamedTuple):
    """One promise of the drill with what was found; `held` is None for what is only told."""

    name: str
    found: str
    held: bool | None


class Pass:
    """One pass: both versions fire at one data dir for `seconds`.

    From nothing, both begin at once on a dark port, then the newer CLI restarts in the middle.
    With the old one serving, the newer version comes in later, so that the old worker performs the
    handover; then the old CLI restarts in the middle. All the while an agent asks the MCP server of
    the old version, which outlives the install's service.
    """

    def __init__(
        self, name: str, old: Install, new: Install, seconds: float, root: Path, port: int
    ) -> None:
        self.name, self._old, self._new, self._seconds = name, old, new, seconds
        self._data_dir = root / "data"
        home = root / "home"
        home.mkdir(parents=True, exist_ok=True)
        kept = {k: v for k, v in compiling().items() if not k.startswith(("INCUMBENT_", "XDG_"))}
        self._environment = kept | {
            "HOME": str(home),
            "INCUMBENT_DATA_DIR": str(self._data_dir),
            "INCUMBENT_PORT": str(port),
        }
        self._choices: tuple[Install, ...] = (old, new) if name == FROM_NOTHING else (old,)
        self._ending = threading.Event()
        self._lines: list[Line] = []
        self._restart: subprocess.CompletedProcess[str] | None = None
        self._newer_from = 0.0
        self._serving_before: int | None = None
        self._sessions: list[Session] = []
        self._watch = Watch(self._environment, self._ending)
        self._agent = Agent(old, self._environment, self._ending)

    def run(self) -> list[Claim]:
        """Fire, restart in the middle, look at what is left."""
        self._data_dir.mkdir(mode=0o700)
        follower = Follower(str(self._data_dir / "trace.jsonl"), whole=True)
        self._sessions = [
            Session(number, self._environment, lambda: self._choices, self._ending)
            for number in range(SESSIONS)
        ]
        try:
            self._fire(follower)
            self._ending.set()
            for session in self._sessions:
                session.join()
            for thread in (self._watch, self._agent):
                if thread.is_alive():
                    thread.join()
            self._sessions[0].fire(self._new)  # delivers what the last ones may have kept
            checked = self._command(self._new, "trace", "--check")
            spooled = len(list((self._data_dir / "spool").glob("[!.]*")))
        finally:
            self._ending.set()
            stopped = self._command(self._new, "stop")
            self._collect(follower)
            follower.close()
        return self._judge(checked, stopped, spooled)

    def _fire(self, follower: Follower) -> None:
        begin = self._newer_from = time.monotonic()
        if self.name == OLD_SERVING:
            self._command(self._old, "start")
        self._watch.start()
        self._agent.start()
        for session in self._sessions:
            session.start()
        if self.name == OLD_SERVING:
            self._until(begin + self._seconds / 4, follower)
            self._serving_before = self._watch.seen[-1].pid
            self._choices = (self._old, self._new)
            self._newer_from = time.monotonic()
        self._until(begin + self._seconds / 2, follower)
        who = self._new if self.name == FROM_NOTHING else self._old
        self._restart = self._command(who, "restart")
        self._until(begin + self._seconds, follower)

    def _until(self, moment: float, follower: Follower) -> None:
        while time.monotonic() < moment:
            self._ending.wait(0.1)
            self._collect(follower)

    def _collect(self, follower: Follower) -> None:
        self._lines += follower.new_lines()

    def _command(self, install: Install, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [install.script, *words],
            env=self._environment,
            cwd="/",
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=COMMAND_S,
            check=False,
        )

    # What was promised.

    def _judge(
        self,
        checked: subprocess.CompletedProcess[str],
        stopped: subprocess.CompletedProcess[str],
        spooled: int,
    ) -> list[Claim]:
        fired = [shot for session in self._sessions for shot in session.fired]
        new = self._new.version
        served = self._served()
        recycled = Counter(
            line["pid"]
            for line in self._lines
            if (line["event"], line["from"]) == ("handover_asked", states.VERIFIED)
            and line.get("why") == "recycle"
        )
        stale = [pid for pid, version in served.items() if version != new]
        handed_over = {line["pid"] for line in self._lines if line["to"] == states.HANDED_OVER}
        converged = self._converged(served)
        late = [
            line
            for line in self._lines
            if line["event"] == "worker_stale" and line["mono"] > converged + RECOGNISED_S
        ]
        went_back = [
            seen
            for seen in self._watch.seen
            if seen.at > converged and seen.version not in ("", new)
        ]
        found = self._recorded()
        lost = [shot.mark for shot in fired if not found[shot.mark]]
        twice = [mark for mark, times in found.items() if times > 1]
        troubles = [shot.trouble for shot in fired if shot.trouble]
        log = self._log()
        restart = self._restart
        assert restart is not None
        proof = (restart.stdout.splitlines() or [""])[-1]
        took = converged - self._newer_from
        claims = [
            _told("hooks fired, by version", _by_version(fired)),
            _told("a hook took, median and longest", _times(fired)),
            _told("workers that served", " -> ".join(f"{v} ({pid})" for pid, v in served.items())),
            _told("questions to the old MCP server", str(self._agent.asked)),
            Claim(
                "of these without a good answer",
                "; ".join(self._agent.troubles[:1]) or "0",
                not self._agent.troubles and self._agent.asked > 0,
            ),
            Claim(
                "its last answer tells of the newer worker",
                self._agent.last_version,
                self._agent.last_version == new,
            ),
            _zero("hooks that broke their caller", troubles),
            _zero("acknowledged events lost", lost),
            _zero("events recorded twice", twice),
            Claim("events still in the spool", str(spooled), spooled == 0),
            _told("events that went through the spool", str(_kept(fired))),
            Claim(
                "recycles of each stale instance",
                ", ".join(str(recycled[pid]) for pid in stale) or "none was stale",
                all(recycled[pid] == 1 and pid in handed_over for pid in stale) and len(stale) <= 1,
            ),
            Claim(
                "from the first newer hook to the newer worker",
                f"{took:.2f} s",
                0 <= took < CONVERGENCE_S,
            ),
            Claim(
                "recycles after that",
                str(sum(recycled[pid] for pid, v in served.items() if v == new)),
                not any(recycled[pid] for pid, v in served.items() if v == new),
            ),
            _zero("launchers that found a stale worker after that", late),
            _zero("looks that found an old worker after that", went_back),
            Claim(
                "workers, those of the newer version",
                f"{len(served)}, {len(served) - len(stale)}",
                len(served) - len(stale) == 2,  # it came, then it was restarted
            ),
            Claim(
                "the restart in the middle",
                proof or restart.stderr.strip(),
                restart.returncode == 0 and f"version={new})" in proof,
            ),
            Claim("trace --check", _last(checked), checked.returncode == 0),
            Claim("stopped", _last(stopped), stopped.returncode == 0),
            _zero('"address already in use", "Traceback"', log),
        ]
        if self.name == OLD_SERVING:
            claims.append(
                Claim(
                    "the handover was performed by the old worker",
                    str(self._serving_before),
                    stale == [self._serving_before] and self._serving_before in handed_over,
                )
            )
        return claims

    def _served(self) -> dict[int, str]:
        """Give the pid of every worker that got its app up with its version, in order."""
        versions = {}
        for line in self._lines:
            if line["event"] in ("spawned", "standby_spawned"):
                said = dict(word.split("=", 1) for word in line["why"].split())
                versions[int(said["pid"])] = said["version"]
        return {
            line["pid"]: versions.get(line["pid"], "?")
            for line in self._lines
            if (line["event"], line["from"]) == ("app_up", states.STARTING)
        }

    def _converged(self, served: dict[int, str]) -> float:
        """Give when the first worker of the newer version was up."""
        for line in self._lines:
            if (line["event"], line["from"]) == ("app_up", states.STARTING) and served[
                line["pid"]
            ] == self._new.version:
                return float(line["mono"])
        return float("inf")

    def _recorded(self) -> Counter[str]:
        database = sqlite3.connect(f"file:{self._data_dir / 'events.db'}?mode=ro", uri=True)
        try:
            rows = database.execute("SELECT payload FROM events").fetchall()
        finally:
            database.close()
        return Counter(json.loads(payload)["mark"] for (payload,) in rows)

    def _log(self) -> list[str]:
        path = self._data_dir / "logs" / "worker.log"
        lines = path.read_text("utf-8", "replace").splitlines() if path.exists() else []
        return [line for line in lines if "ddress already in use" in line or "Traceback" in line]


def _told(name: str, found: str) -> Claim:
    return Claim(name, found, None)


def _zero(name: str, wrong: list[Any]) -> Claim:
    return Claim(name, f"{len(wrong)}" + (f": {wrong[0]}" if wrong else ""), not wrong)


def _by_version(fired: list[Fired]) -> str:
    counts = Counter(shot.version for shot in fired)
    return ", ".join(f"{counts[version]} of {version}" for version in sorted(counts))


def _times(fired: list[Fired]) -> str:
    times = [shot.took for shot in fired]
    return f"{statistics.median(times) * 1000:.0f} ms, {max(times) * 1000:.0f} ms"


def _kept(fired: list[Fired]) -> int:
    return sum("the event is kept" in shot.talk for shot in fired)


def _last(done: subprocess.CompletedProcess[str]) -> str:
    said = (done.stdout + done.stderr).strip().splitlines()
    return said[-1] if said else ""


def table(found: dict[str, list[Claim]]) -> str:
    """Give one table of all passes."""
    width = max(len(claim.name) for claims in found.values() for claim in claims)
    marks = {True: "held  ", False: "BROKEN", None: "      "}
    rows = []
    for name, claims in found.items():
        rows += [
            "",
            name,
            *(f"  {marks[c.held]}  {c.name.ljust(width)}   {c.found}" for c in claims),
        ]
    return os.linesep.join(rows)
