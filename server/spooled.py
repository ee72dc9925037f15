"""The worker's part in the spool: kept events go to its app for as long as that is up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from incumbent.lifecycle.client.deliver import DELIVERED, UNDELIVERED
from incumbent.lifecycle.messages import say
from incumbent.lifecycle.settings import Worker

if TYPE_CHECKING:
    from .spool.drain import Drain

STOP_SHARE = 0.5  # of the drain's time, for the kept events that the app has in hand


class Spooled:
    """The drain of the spool, loaded when the app is up: nobody waits for it any more."""

    def __init__(self, worker: Worker, has_data: Callable[[], bool]) -> None:
        self._worker, self._has_data = worker, has_data
        self._hosted_app: Any = None
        self._drain: Drain | None = None

    def begin(self, hosted_app: Any) -> None:
        """Give the app what is kept, from now on."""
        self._hosted_app = hosted_app
        if self._drain is None:
            from incumbent.lifecycle.client.spool import Spool

            from .spool.drain import Drain
            from .spool.kept_events import KeptEvents

            kept = KeptEvents(Spool(self._worker.path("spool")))
            self._drain = Drain(kept, self._given, say)
        self._drain.start()

    def tick(self) -> None:
        """Look once a second whether something was kept."""
        if self._drain is not None:
            self._drain.tick()

    @property
    def is_at_work(self) -> bool:
        """Whether an event is on its way now."""
        return self._drain is not None and self._drain.is_at_work

    async def stop(self, timeout: float) -> float:
        """Give the app no more; finish what it has; give what is left of `timeout` seconds."""
        if self._drain is None:
            return timeout
        began = time.monotonic()
        if not await self._drain.stop(timeout * STOP_SHARE):
            say(["on the way out: cut off a kept event, which waits"])
            self._hosted_app.connections.traffic.was_cut = True
        return timeout - (time.monotonic() - began)

    async def _given(self, body: bytes) -> tuple[str, str]:
        from .spool.in_process import Post, scope_of

        if not self._has_data():
            return UNDELIVERED, ""
        state = self._hosted_app.connections.app_state
        scope = scope_of(self._worker.host, self._worker.port, body, state)
        word, why = await Post(body).through(self._hosted_app.app, scope)
        if word == DELIVERED and not self._has_data():
            return UNDELIVERED, ""
        return word, why
