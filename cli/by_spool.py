"""Brings a hook's event to the worker by way of the spool: kept first, then all that takes time."""

from __future__ import annotations

import os
from time import monotonic, sleep

from incumbent.lifecycle import health as h
from incumbent.lifecycle.client import deliver, silence
from incumbent.lifecycle.client.fast_path import FastPath
from incumbent.lifecycle.client.probe import PROBE_TIMEOUT_S
from incumbent.lifecycle.client.spool import BUSY, STOPPED, Spool
from incumbent.lifecycle.elsewhere import address_of, seen_anywhere

from .firing import send, tell
from .launch_apart import launched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from incumbent.lifecycle.health import ProbeResult
    from incumbent.lifecycle.settings import Worker

    from .firing import Event, Signals

OWN_S = 4.0  # what one hook spends on the kept events of its own session: about a thousand
OTHERS_S = 0.3  # and on those of others, which are not what its caller waits for
PAUSE_S = 0.02
PAUSE_LIMIT_S = 0.5


class BySpool:
    """One event on the long way; without an event, what is kept and the worker alone."""

    def __init__(
        self, worker: Worker, event: Event | None, deadline: float, signals: Signals
    ) -> None:
        self._worker, self._event = worker, event
        self._address = worker.host, worker.port
        self._spool = Spool(worker.path("spool"))
        self._deadline, self._signals = deadline, signals

    def bring(self, seen: ProbeResult | None, had: bool) -> bool:
        """Keep the event, then bring it; give whether it found its end, delivered or refused.

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

    def hand_over(self) -> str:
        """Send what is kept, as far as that takes little time; give what became of the round."""
        key = "" if self._event is None else self._event.session()
        until = min(monotonic() + OWN_S, self._deadline)
        while True:
            remaining = max(self._deadline - monotonic(), 0.0)
            said, sentences = self._spool.hand_over(
                lambda body, seconds: send(self._address, self._worker.data_dir, body, seconds),
                min(OWN_S, remaining),
                min(OTHERS_S, remaining),
                key,
            )
            for sentence in sentences:
                tell(sentence)
            # Another hook sends them, and may have begun before our event was there.
            if said != BUSY or not self._waits() or monotonic() + PAUSE_S >= until:
                return said
            sleep(PAUSE_S)

    def _waits(self) -> bool:
        path = "" if self._event is None else self._event.path
        return path != "" and os.path.exists(path)

    def _sent(self) -> bool | None:
        """Give whether the event found its end; None while only the worker stands in the way."""
        said = self.hand_over()
        event = self._event
        if event is None:
            return True
        if event.path:
            if not self._waits():
                return True
            return None if said == STOPPED else False
        word = event.send(self._address, self._worker.data_dir, self._deadline - monotonic())
        return None if word == deliver.UNDELIVERED else event.ended

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
            had, final = launched(worker, self._deadline, self._signals.default)
            if had:
                self._address = address_of(worker, answer_s)
        finally:
            fast_path.close()
        worker.notices.clear()  # the launch has told them
        return had, final
