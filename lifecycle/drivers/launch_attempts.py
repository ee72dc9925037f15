"""Launches the worker that should run: spawn, wait, judge, fall back, keep the record.

One piece for whoever holds the spawn lock: a launcher with a dark port, a predecessor that hands
over.
"""

from __future__ import annotations

from . import child_outcome
from .ports import Child, ChildExit, Holder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..record import Build

LAUNCHES = 2  # of one run: the build, then the next best; more would relaunch after every stop

RETRIED = frozenset(
    {child_outcome.CHILD_FAILED, child_outcome.CHILD_KILLED}
)  # what leaves room for another attempt


class LaunchAttempts:
    """The launches of one run.

    `child` is the process that is not settled yet, `outcome` what became of the one before;
    `detail` explains the last event.
    """

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self.count = 0
        self.failed: tuple[Build, ...] = ()  # by their own fault, in this run
        self.order: tuple[Build, ...] = ()  # what might be launched when the run first spawned
        self._late: ChildExit | None = None
        self.child: Child | None = None
        self.outcome: ChildExit | None = None
        self.detail = ""

    def begin(self) -> None:
        """Count from nothing: another handover begins."""
        self.count = 0
        self.failed = self.order = ()

    @property
    def falls_back(self) -> bool:
        """Whether the next attempt is another build than the first choice."""
        return bool(self.failed)

    @property
    def spent(self) -> bool:
        """Whether no launch is left."""
        return self.count >= LAUNCHES

    def spend(self) -> None:
        """Leave no launch: what was up once is not launched again by the same run."""
        self.count = LAUNCHES

    async def spawn(self) -> str:
        """Spawn a worker that takes the port itself: `spawned`, or `no_record`."""
        return await self._spawned(None)

    async def spawn_standby(self, fits: Callable[[Build], Awaitable[bool]]) -> str:
        """Spawn a standby: `spawned`, `no_record`, or `unfit` for a build that does not fit."""
        return await self._spawned(fits)

    async def _spawned(self, fits: Callable[[Build], Awaitable[bool]] | None) -> str:
        launch = await self._holder.store.number_launch()
        build = self._choice(launch.candidates) if launch is not None else None
        if launch is None or build is None:
            return "no_record"
        if fits is not None and not await fits(build):
            return "unfit"
        self.count += 1
        self.order = self.order or launch.candidates
        self.child = await self._holder.children.spawn(build, launch.generation, fits is not None)
        self.detail = f"pid={self.child.pid} version={build.version}"
        return "spawned"

    async def settle(self) -> str:
        """Wait until the child is settled and give what became of it.

        A late child is killed first: `child_deadline`, then another call. A word that ends in
        `_last` says that nothing is left to try.
        """
        ended = self._late or await self._holder.children.watch(self.unsettled)
        if self._late is None and ended.late:
            self._late = await self._holder.children.kill(self.unsettled)
            return "child_deadline"
        build = self.unsettled.build
        word, ours = await self._judged(ended)
        if word not in RETRIED:
            return word
        if word == child_outcome.CHILD_FAILED:
            self.failed = (*self.failed, build)
            ours = ours and self._choice(await self._holder.store.candidates()) is not None
        return word if ours and not self.spent else f"{word}_last"

    def _choice(self, candidates: tuple[Build, ...]) -> Build | None:
        """Give the first that did not fail in this run.

        What was registered since the run's first launch comes last: it is the next run's to try.
        """
        known = [b for b in candidates if any(b.same_as(other) for other in self.order)]
        for build in (*known, *candidates):
            if not any(build.same_as(other) for other in self.failed):
                return build
        return None

    async def settle_standby(self, ended: ChildExit | None = None) -> str:
        """Settle a standby that never was up; without `ended` it is gone, or it is killed now."""
        if ended is None:
            killed = await self._holder.children.kill(self.unsettled)
            ended = killed._replace(late=False)
        elif ended.late:
            ended = await self._holder.children.kill(self.unsettled)
        word, _ = await self._judged(ended)
        return "standby_failed" if word == child_outcome.CHILD_FAILED else "standby_gone"

    async def kill(self) -> None:
        """Kill the child, which nobody blames."""
        await self._holder.children.kill(self.unsettled)
        self.child = None

    @property
    def unsettled(self) -> Child:
        """The child that is not settled yet."""
        assert self.child is not None
        return self.child

    async def _judged(self, ended: ChildExit) -> tuple[str, bool]:
        """Keep the record; give the word for this end, and whether the lock is still ours."""
        child = self.unsettled
        self.child = self._late = None
        self.outcome = ended
        word = child_outcome.verdict(ended)
        ours = await child_outcome.keep_record(self._holder.store, child, ended)
        self.detail = child_outcome.reason(ended) if word in child_outcome.UNWELL else ""
        return word, ours
