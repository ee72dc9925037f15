"""Those who fire: agents' sessions with their MCP server, a bystander that watches the port."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from mcp import ClientSession, StdioServerParameters, stdio_client

from incumbent.lifecycle import Worker, status

from .installs import Install

EVENTS = ("SessionStart", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop")
HOOK_S = 60.0  # no hook takes longer, whatever it meets
PAUSE_S = 0.05
LOOK_S = 0.02
ASK_S = 0.1
QUESTIONS = ("recent_events", "status", "trace")


class Fired(NamedTuple):
    """One hook: what it brought, what it said, when; `mark` is in its event's payload."""

    mark: str
    version: str
    code: int
    out: str
    talk: str
    began: float
    took: float

    @property
    def trouble(self) -> str:
        """What an agent would have suffered from, if anything."""
        if self.code != 0:
            return f"{self.mark} exited {self.code}: {self.talk}"
        try:
            said = json.loads(self.out)
        except ValueError:
            return f"{self.mark} wrote no JSON: {self.out!r}"
        return "" if isinstance(said, dict) else f"{self.mark} wrote no object: {self.out!r}"


class Session(threading.Thread):
    """One agent's session: a hook after another, each of a version that `choose` gives."""

    def __init__(
        self,
        number: int,
        environment: dict[str, str],
        choose: Callable[[], Sequence[Install]],
        ending: threading.Event,
    ) -> None:
        super().__init__(daemon=True)
        self._number, self._environment = number, environment
        self._choose, self._ending = choose, ending
        self._random = random.Random(number)
        self.fired: list[Fired] = []

    def run(self) -> None:
        while not self._ending.wait(PAUSE_S):
            self.fire(self._random.choice(self._choose()))

    def fire(self, install: Install) -> None:
        """Fire one hook of this version."""
        number = len(self.fired)
        mark = f"{self._number}-{number}"
        event = EVENTS[number % len(EVENTS)]
        payload = {"hook_event_name": event, "session_id": str(self._number), "mark": mark}
        began = time.monotonic()
        done = subprocess.run(
            [install.script, "hook", event],
            env=self._environment,
            input=json.dumps(payload),
            text=True,
            capture_output=True,
            timeout=HOOK_S,
            cwd="/",
            check=False,
        )
        took = time.monotonic() - began
        self.fired.append(
            Fired(
                mark,
                install.version,
                done.returncode,
                done.stdout,
                done.stderr.strip(),
                began,
                took,
            )
        )


class Agent(threading.Thread):
    """An agent that asks the MCP server of one version, over the SDK's own client, till the end."""

    def __init__(
        self, install: Install, environment: dict[str, str], ending: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self._install, self._environment, self._ending = install, environment, ending
        self.asked = 0
        self.last_version = ""
        self.troubles: list[str] = []

    def run(self) -> None:
        try:
            asyncio.run(self._session())
        except BaseException as error:  # told as a broken claim, not on a thread's stderr
            self.troubles.append(f"the session ended: {error!r}")

    async def _session(self) -> None:
        server = StdioServerParameters(
            command=self._install.script, args=["mcp"], env=self._environment, cwd="/"
        )
        with open(os.devnull, "w") as nowhere:
            async with (
                stdio_client(server, errlog=nowhere) as (read, write),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                while not self._ending.is_set():
                    for question in QUESTIONS:
                        await self._ask(session, question)
                    await asyncio.sleep(ASK_S)
                await self._ask(session, "status")

    async def _ask(self, session: ClientSession, question: str) -> None:
        answer = await session.call_tool(question, {"limit": 5} if question != "status" else {})
        self.asked += 1
        if answer.is_error or not isinstance(answer.structured_content, dict):
            self.troubles.append(f"{question}: {answer.content}")
        elif question == "status":
            self.last_version = str(answer.structured_content["version"])


class ProbeResult(NamedTuple):
    """What the port answered at one moment; no version when no worker of ours did."""

    at: float
    kind: str
    version: str
    pid: int


class Watch(threading.Thread):
    """Asks the port again and again, as `status` does."""

    def __init__(self, environment: dict[str, str], ending: threading.Event) -> None:
        super().__init__(daemon=True)
        self._worker = Worker(environ=environment)
        self._ending = ending
        self.seen: list[ProbeResult] = []

    def run(self) -> None:
        while not self._ending.wait(LOOK_S):
            seen = status(self._worker)
            health = seen.health
            version, pid = (health.version, health.pid) if health else ("", 0)
            self.seen.append(ProbeResult(time.monotonic(), seen.kind, version, pid))
