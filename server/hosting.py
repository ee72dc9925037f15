"""The app of this worker: imported, started on its connections, ended."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

from incumbent.lifecycle.drivers.ports import EXIT_LOST, StepResult
from incumbent.lifecycle.machine.states import COMING_UP_STATES, DRAINED, VERIFIED
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.posix.session import end_members
from incumbent.lifecycle.settings import Worker
from incumbent.lifecycle.shortage import shortage
from incumbent.lifecycle.versions import same

from .by_hand import ByHand
from .listening import Listening
from .process.pool_threads import at_work
from .process.spawn_context import SpawnContext
from .process.watchdog import Watchdog
from .report import Report
from .spooled import Spooled

BUILD_AT_FAULT = ("app_failed", "wrong_version")
THREADS_S = 0.5  # for what is about to end
LOOK_S = 0.02


class Hosting:
    """The hosted app, once it is loaded, on the listening socket."""

    def __init__(
        self,
        worker: Worker,
        context: SpawnContext,
        listening: Listening,
        report: Report,
        by_hand: ByHand,
        watchdog: Watchdog,
    ) -> None:
        self._worker, self._context, self._listening = worker, context, listening
        self._report, self._by_hand, self._watchdog = report, by_hand, watchdog
        self.hosted_app: Any = None  # a HostedApp, whose module loads much
        self._spooled = Spooled(worker, report.has_data)
        listening.before_close = self.leave_the_port

    async def load(self) -> StepResult:
        """Import the app, compare its version with the expected one."""
        responder = None
        if self._listening.listener is not None:
            from .http.import_responder import ImportResponder

            report = self._report
            responder = ImportResponder(
                self._listening.listener,
                self._names(),
                lambda: report.health().to_json() | report.extra(),
                lambda: report.token,
            )
            responder.start()
        else:
            self._watchdog.start()
        try:
            step = self._load()
        finally:
            if responder is not None:
                self._listening.kept += responder.stop()
        return await self._blamed(step)

    def _load(self) -> StepResult:
        from .app.hosted_app import HostedApp
        from .app.loading import AppError, load

        report = self._report
        try:
            loaded = load(self._worker.app, self._worker.version)
            report.version, report.version_source = loaded.version, loaded.version_source
            report.path = loaded.path
            expected = self._context.expected
            if expected and not same(loaded.version, expected):
                error = f"the code says version {loaded.version}, the record says {expected}"
                return self._failed("wrong_version", error)
            self.hosted_app = HostedApp(report, self._names(), loaded.app, self._worker.mcp)
        except AppError as error:
            return self._failed("app_failed", str(error))
        return StepResult("imported")

    def _names(self) -> frozenset[bytes]:
        from .http.admission import names_of

        return names_of(self._worker.host, self._worker.port)

    async def start_app(self) -> StepResult:
        """Run the app's lifespan up to its start; a cold start answers health meanwhile.

        A successor accepts nothing before `up`: what waits in the backlog survives its death.
        """
        assert self._listening.listener is not None
        starting = asyncio.ensure_future(self.hosted_app.start_app())
        if self._report.state in COMING_UP_STATES and not self._context.standby:
            await asyncio.sleep(0)
            if not starting.done():
                await self._accept()
        trouble = await starting
        lack = RuntimeError(trouble)
        if shortage(lack):
            raise lack  # the app may be as good as ever
        self._watchdog.call_off()
        return await self._blamed(
            self._failed("app_failed", trouble) if trouble else StepResult("app_up")
        )

    async def _blamed(self, step: StepResult) -> StepResult:
        """Set the record back from a build run by hand that can't serve."""
        if self._report.state in COMING_UP_STATES and step.event in BUILD_AT_FAULT:
            await self._by_hand.failed(step.reason)
        return step

    def _failed(self, event: str, error: str) -> StepResult:
        self._watchdog.call_off()
        say([error])
        return StepResult(event, error)

    async def stop_app(self) -> None:
        """Run the app's lifespan to its end."""
        if not await self.hosted_app.stop_app(self._worker.drain_timeout):
            say(["the app's end took too long"])
        if self._report.state == DRAINED and self.hosted_app.connections.traffic.was_cut:
            await self._end_with_what_outlives_the_drain()
        if not (
            self._context.by_hand or self._report.successor_is_chosen
        ):  # it is not kept waiting
            end_members(os.getpid())

    async def _end_with_what_outlives_the_drain(self) -> None:
        """End this process, if a handler goes on in a thread, before another one starts the app.

        A thread can't be cancelled; the port is dark then, and the next event launches.
        """
        until = time.monotonic() + THREADS_S
        while left := at_work():
            if time.monotonic() > until:
                break
            await asyncio.sleep(LOOK_S)
        else:
            return
        say(
            [f"{left} threads outlive the drain, so the process ends with them: nobody succeeds it"]
        )
        await self._listening.remove_pid()
        self._listening.leave()
        end_members(os.getpid())
        os._exit(EXIT_LOST)

    async def open(self) -> None:
        """Let requests through to the app, on connections that are accepted from now on."""
        self.hosted_app.open()
        self._listening.came_up()
        if not self.hosted_app.connections.accepting:
            await self._accept()
        self._spooled.begin(self.hosted_app)

    async def accept_again(self) -> None:
        """Accept connections on the port that we still hold; who had it from us is gone."""
        self._listening.is_ours_alone()
        self.hosted_app.open()
        await self._accept()
        self._spooled.begin(self.hosted_app)

    async def _accept(self) -> None:
        assert self._listening.listener is not None
        connections = self.hosted_app.connections
        connections.kept += self._listening.kept
        self._listening.kept = []
        await connections.accept(self._listening.listener)

    async def let_finish(self, keep: bool) -> None:
        """Stop accepting; finish what is in flight, under a deadline; say what was cut off.

        Connections that are idle are kept for a successor when `keep`.
        """
        connections = self.hosted_app.connections
        left = await self._spooled.stop(self._worker.drain_timeout)
        try:
            told = await connections.drain(keep, left)
        except Exception as error:  # the app still has to end, the port to be passed on
            connections.cut()
            told = [f"everything cut off, since the drain failed: {error!r}"]
        say(f"on the way out: {sentence}" for sentence in told)

    def leave_the_port(self) -> None:
        """Accept nothing more, also after a start that failed; close the connections kept."""
        if self.hosted_app is not None:
            self.hosted_app.connections.leave()

    def unused(self) -> float:
        """Give for how many seconds nobody used the app; none before it was up."""
        if self.hosted_app is None or self._report.state != VERIFIED:
            return 0.0
        if self._spooled.is_at_work:
            self.hosted_app.connections.traffic.used()
        unused: float = self.hosted_app.connections.traffic.unused()
        return unused

    def tick(self) -> None:
        """Renew what changes by the second."""
        if self.hosted_app is not None:
            self.hosted_app.connections.tick()
            self._spooled.tick()
