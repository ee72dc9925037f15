"""The worker as its endpoints see it."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import Health
from incumbent.lifecycle.machine.states import COMING_UP_STATES, SERVING_STATES, STOPPING
from incumbent.lifecycle.posix.child_processes import ChildProcesses
from incumbent.lifecycle.posix.secret import admin_token, renew, token_now
from incumbent.lifecycle.settings import OPEN, Worker

from .data_hold import DataHold
from .requests import Requests


class Report:
    """The worker as its endpoints see it.

    What changes is set by whoever knows: the `state`, the `generation` of the launch, what the code
    says of itself, the `refusal` of the last handover.
    """

    def __init__(
        self,
        worker: Worker,
        generation: Generation,
        managed: bool,
        requests: Requests,
        data: DataHold,
        processes: ChildProcesses,
    ) -> None:
        self._worker, self._managed = worker, managed
        self._requests, self._data, self._processes = requests, data, processes
        self._token = ""
        self._since = self._began = time.monotonic()
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.instance = os.urandom(12).hex()
        self.state = ""
        self.generation = generation
        self.version, self.version_source, self.path = worker.version, "declared", ""
        self.refusal = ""

    @property
    def token(self) -> str:
        """The secret that an admin call must know: what the file says now, else what it said."""
        return token_now(self._worker.path("token")) or self._token

    def learn_token(self, notices: list[str]) -> None:
        """Read the secret, creating it when there is none; raises FilesError."""
        self._token = admin_token(self._worker.path("token"), notices)

    def renew_token(self) -> None:
        """Draw a new secret, where the last one has crossed the wire; raises FilesError."""
        renew(self._worker.path("token"))
        self._token = token_now(self._worker.path("token"))

    def has_the_port(self) -> None:
        """Count from now since when the worker has its port."""
        self._since = time.monotonic()

    def has_data(self) -> bool:
        """Whether the data dir is still the one that we serve; we stop when it is not."""
        return self._data.has_data()

    @property
    def had_data(self) -> bool:
        """What `has_data` gave last, a second ago at most."""
        return not self._data.is_gone

    def health(self) -> Health:
        """The worker's report, now."""
        worker, state = self._worker, self.state
        if self._data.is_gone and state in SERVING_STATES:
            state = STOPPING  # which it is about to be
        serving = state in SERVING_STATES
        return Health(
            pid=os.getpid(),
            version=self.version,
            state=state,
            generation=self.generation,
            host=worker.host,
            since=self._since,
            instance=self.instance,
            service=worker.name,
            data_dir=worker.data_dir,
            port=worker.port,
            status="ok" if serving else "starting" if state in COMING_UP_STATES else "handing-off",
            uptime=round(time.monotonic() - self._began, 3),
            started_at=self._started_at,
            worker_path=self.path,
            app=worker.app,
            refusal=self.refusal,
            managed=self._managed,
        )

    def extra(self) -> dict[str, object]:
        """What health tells beyond the report."""
        ready = self.state in SERVING_STATES and not self._data.is_gone
        told = {"versionSource": self.version_source, "python": sys.executable}
        return told | {"ready": ready}

    @property
    def events_are_open(self) -> bool:
        """Whether events are taken from, and given to, who proves nothing."""
        return self._worker.events == OPEN

    @property
    def successor_is_chosen(self) -> bool:
        """Whether the record was read for a handover that is under way."""
        return bool(self._processes.unsettled)

    def ask(self, what: str) -> asyncio.Future[bool]:
        """Put an ask before the worker; done when it may be answered, true for a joined one."""
        return self._requests.ask(what)
