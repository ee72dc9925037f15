"""What a worker that nobody spawned does for itself, as a launcher would."""

from __future__ import annotations

import asyncio
import time

from incumbent.lifecycle import health as h
from incumbent.lifecycle.about import command
from incumbent.lifecycle.client.probe import PROBE_TIMEOUT_S, probe
from incumbent.lifecycle.drivers.ports import LOCK_REFUSED
from incumbent.lifecycle.lock.spawn_lock import HELD
from incumbent.lifecycle.posix.launch_record import LaunchRecord
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.settings import LEASE_S, MARGIN_S, Worker

from .process.spawn_context import SpawnContext

PAUSE_S = 0.01


class ByHand:
    """A worker run by hand takes the spawn lock, then judges itself; any other does nothing here.

    `lock_token` is what the lock must carry for us to listen.
    """

    def __init__(
        self, worker: Worker, context: SpawnContext, lock: SpawnLockHold, store: LaunchRecord
    ) -> None:
        self._worker, self._context = worker, context
        self._lock, self._store = lock, store

    @property
    def lock_token(self) -> str:
        """The token of our own lock, or of our parent's."""
        return self._lock.token if self._context.by_hand else self._context.lock_token

    @property
    def build_key(self) -> str:
        """What our parent launched, as it names builds; "" where we have none."""
        return self._context.build_key

    async def take_lock(self, look: bool) -> str:
        """Take the lock for a worker that nobody spawned; give why not, or nothing.

        Without a `look` at the port: where the manager listens, it is never dark.
        """
        if not self._context.by_hand:
            return ""
        deadline = time.monotonic() + LEASE_S + MARGIN_S  # no dead one's lease outlasts it
        while True:
            if look and (await self._probe()).kind != h.DARK:
                return (
                    f"{self._worker.host}:{self._worker.port} is in use; "
                    f"run `{command()} status` to see by whom"
                )
            result = await self._lock.acquire()
            if result.event == LOCK_REFUSED:
                return result.reason
            if result.event != HELD:
                return ""
            if time.monotonic() > deadline:
                return result.reason
            await asyncio.sleep(PAUSE_S)

    async def _probe(self) -> h.ProbeResult:
        worker = self._worker
        return await asyncio.to_thread(
            probe, worker.host, worker.port, worker.name, worker.data_dir, PROBE_TIMEOUT_S
        )

    async def failed(self, reason: str) -> None:
        """Set the record back from a build that can't serve: nobody else will."""
        if self._context.by_hand:
            build = self._context.build or own_build(self._worker)
            await self._store.reject(build, reason, late=False)

    async def came_up(self) -> None:
        """Record the build as good; let the lock go."""
        if self._context.by_hand:
            await self._store.mark_good(self._context.build or own_build(self._worker))
            await self._lock.release()
