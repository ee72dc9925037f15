"""Brings a hook's event to the worker by way of the spool: kept first, then all that takes time."""

from __future__ import annotations

from time import monotonic, sleep

from incumbent.lifecycle import health as h
from incumbent.lifecycle.client import deliver, silence
from incumbent.lifecycle.client.fast_path import FastPath
from incumbent.lifecycle.client.probe import PROBE_TIMEOUT_S
from incumbent.lifecycle.client.spool import Spool
from incumbent.lifecycle.elsewhere import address_of, seen_anywhere

from .firing import tell
from .launch_apart import launched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from incumbent.lifecycle.health import ProbeResult
    from incumbent.lifecycle.settings import Worker

    from .firing import Event, Signals

PAUSE_S = 0.02
PAUSE_LIMIT_S = 0.5


class BySpool:
    """One event on the long way; without an event, the worker alone."""

    def __init__(
        self, worker: Worker, event: Event | None, deadline: float, signals: Signals
    ) -> None:
        self._worker, self._event = worker, event
        self._address = worker.host, worker.port
        self._spool = Spool(worker.path("spool"))
        self._deadline, self._signals = deadline, signals

    def bring(self, seen: ProbeResult | None, had: bool) -> bool:
        """Keep the event, then bring it; give whether it is delivered, or others see to that.

        `seen` is what the first question found, `had` whether that was a worker to be content with.
        """
        event = self._event
        if event is not None:
            self._signals.shielded(lambda: event.keep(self._spool.path))
        if seen is not None and seen.kind == h.SILENT and silence.noted(self._worker):
            tell(f"the worker on port {self._worker.port} still does not answer ({seen.detail})")
            return False
        final, pause = False, PAUSE_S
        while True:
            if not had and monotonic() < self._deadline:
                had, final = self._reached()
            if had:
                ended = self._sent()
                if ended is not None:
                    return ended
            if final or monotonic() + pause >= self._deadline:
                return False
            sleep(pause)
            pause = min(pause * 2, PAUSE_LIMIT_S)
            had = False

    def _sent(self) -> bool | None:
        """Give whether the event found its end; None while only the worker stands in the way.

        What is kept behind others of its session is the worker's to deliver, after those.
        """
        event = self._event
        if event is None:
            return True
        if event.path and not self._spool.is_first(event.path):
            event.let_go()
            return True
        word = event.send(self._address, self._worker, self._deadline - monotonic())
        return None if word == deliver.UNDELIVERED else event.ended

    def _begin_child(self) -> None:
        """Leave the claim, in the process that launches, to the hook alone."""
        self._signals.default()
        if self._event is not None:
            self._event.let_go()

    def _reached(self) -> tuple[bool, bool]:
        """Give whether there is a worker, and if not, whether that is final."""
        worker = self._worker
        fast_path = FastPath(worker, "hook")
        try:
            patience = max(self._deadline - monotonic(), 0.01)
            answer_s = min(PROBE_TIMEOUT_S, patience)
            healthy = fast_path.health(patience, answer_s) is not None
            self._address = worker.host, worker.port
            if not healthy and fast_path.seen is not None:
                there = fast_path.content_with(seen_anywhere(worker, fast_path.seen, answer_s))
                if there is not None:
                    healthy, self._address = True, (there.host, there.port)
            if fast_path.seen is not None and fast_path.seen.kind == h.SILENT:
                silence.note(worker)
            else:
                silence.forget(worker)
            if healthy:
                return True, False
            had, final = launched(worker, self._deadline, self._begin_child)
            if had:
                self._address = address_of(worker, answer_s)
        finally:
            fast_path.close()
        worker.notices.clear()  # the launch has told them
        return had, final
