"""Judges a worker that answers against what a launcher's run needs now."""

from __future__ import annotations

from .. import health as h
from ..machine import states
from ..record import needed
from ..versions import at_least, newer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..health import Health
    from ..record import Record
    from .ports import Run

FITS = "fits"
STALE = "stale"
REJECTED = "rejected"


def judged(kind: str, health: Health, record: Record | None, run: Run, restart: bool) -> str:
    """Give FITS, STALE, REJECTED or, of one that leaves, `h.WORKER_LEAVING`.

    `kind` is what the probe called it. REJECTED is a restart's own build that the record no longer
    names: it failed while the run waited.
    """
    need = needed(record, run.wanted, restart) if record else run.wanted
    fits = not need or at_least(health.version, need)
    if restart:
        fits = fits and is_of_this_restart(health, record, run)
    if fits and health.state in states.SERVING_STATES:
        return FITS
    if kind == h.WORKER_LEAVING:
        return h.WORKER_LEAVING
    recorded = record.recorded if record else None
    set_back = recorded is None or newer(run.wanted, recorded.version)
    if restart and run.wanted and record is not None and set_back:
        return REJECTED
    return STALE


def is_of_this_restart(health: Health, record: Record | None, run: Run) -> bool:
    """Whether the worker was launched after the run began, in the line that counts now.

    A worker of the first edition that hands over writes the record without one: then it is the
    line that was noted.
    """
    line = (record.generation.line if record else "") or run.noted.line
    in_line = record is None or health.generation.line == line
    return in_line and health.generation.after(run.noted)
