"""Every way in which a spawner, a stop run or a worker may change its state.

Theory of operation. A driver asks its state what to do, does it, and feeds back the one event
that says what became of it. A row here says where that event leads; an event without a row is
refused and moves nothing. There are no guards, so where one fact may lead to two places it has
two names: `older_worker` while an ask is left, `older_worker_again` when none is.
"""

from __future__ import annotations

from . import states as s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from .values import NamedTuple


class Row(NamedTuple):
    """One way from a state to a state: what happened, where the run stood, where it stands now."""

    event: str
    source: str
    dest: str

    def __repr__(self) -> str:
        return f"{self.event}: {self.source} -> {self.dest}"


SPAWNER = (
    # What a probe saw.
    Row("worker_fits", s.IDLE, s.VERIFIED),
    Row("worker_fits", s.LOCKING, s.VERIFIED),
    Row("worker_fits", s.HANDING_OFF, s.VERIFIED),
    Row("worker_stale", s.IDLE, s.HANDING_OFF),
    Row("restart_wanted", s.IDLE, s.HANDING_OFF),
    Row("recycle_spent", s.IDLE, s.FAILED),
    Row("worker_leaving", s.IDLE, s.HANDING_OFF),
    Row("worker_leaving", s.LOCKING, s.HANDING_OFF),
    Row("worker_leaving", s.HANDING_OFF, s.HANDING_OFF),
    Row("worker_starting", s.IDLE, s.IDLE),
    Row("worker_starting", s.LOCKING, s.LOCKING),
    Row("worker_starting", s.HANDING_OFF, s.HANDING_OFF),
    Row("worker_silent", s.IDLE, s.IDLE),
    Row("worker_silent", s.LOCKING, s.LOCKING),
    Row("worker_silent", s.HANDING_OFF, s.HANDING_OFF),
    Row("port_dark", s.IDLE, s.LOCKING),
    Row("port_dark", s.HANDING_OFF, s.LOCKING),
    Row("launches_spent", s.IDLE, s.FAILED),
    Row("launches_spent", s.HANDING_OFF, s.FAILED),
    Row("nothing_recorded", s.IDLE, s.FAILED),
    Row("nothing_recorded", s.LOCKING, s.FAILED),
    Row("nothing_recorded", s.HANDING_OFF, s.FAILED),
    Row("port_foreign", s.IDLE, s.FAILED),
    Row("port_foreign", s.LOCKING, s.FAILED),
    Row("port_foreign", s.HANDING_OFF, s.FAILED),
    Row("older_worker", s.LOCKING, s.IDLE),
    Row("older_worker", s.HANDING_OFF, s.IDLE),
    Row("older_worker_again", s.LOCKING, s.FAILED),
    Row("older_worker_again", s.HANDING_OFF, s.FAILED),
    Row("build_rejected", s.IDLE, s.FAILED),
    Row("build_rejected", s.LOCKING, s.FAILED),
    Row("build_rejected", s.HANDING_OFF, s.FAILED),
    # What became of the ask.
    Row("ask_accepted", s.HANDING_OFF, s.HANDING_OFF),
    Row("ask_missed", s.HANDING_OFF, s.IDLE),
    Row("called_off", s.HANDING_OFF, s.IDLE),
    Row("handover_refused", s.HANDING_OFF, s.FAILED),
    # What the lock said.
    Row("lock_acquired", s.LOCKING, s.SPAWNING),
    Row("lock_stale_stolen", s.LOCKING, s.SPAWNING),
    Row("lock_held", s.LOCKING, s.LOCKING),
    Row("lock_held", s.HANDING_OFF, s.HANDING_OFF),
    Row("lock_refused", s.LOCKING, s.FAILED),
    # Under the lock: the second look, the child.
    Row("not_dark", s.SPAWNING, s.IDLE),
    Row("no_record", s.SPAWNING, s.FAILED),
    Row("spawned", s.SPAWNING, s.SPAWNING),
    Row("child_ready", s.SPAWNING, s.VERIFIED),
    Row("older_child_ready", s.SPAWNING, s.FAILED),
    Row("child_lost", s.SPAWNING, s.IDLE),
    Row("child_stopped", s.SPAWNING, s.FAILED),
    Row("child_left", s.SPAWNING, s.IDLE),
    Row("child_deadline", s.SPAWNING, s.SPAWNING),
    Row("child_failed", s.SPAWNING, s.SPAWNING),
    Row("child_failed_last", s.SPAWNING, s.FAILED),
    Row("child_killed", s.SPAWNING, s.SPAWNING),
    Row("child_killed_last", s.SPAWNING, s.FAILED),
    # Time.
    Row("deadline_passed", s.IDLE, s.FAILED),
    Row("deadline_passed", s.LOCKING, s.FAILED),
    Row("deadline_passed", s.HANDING_OFF, s.FAILED),
)

STOP = (
    Row("worker_found", s.IDLE, s.HANDING_OFF),
    Row("worker_starting", s.IDLE, s.HANDING_OFF),
    Row("worker_silent", s.IDLE, s.IDLE),
    Row("port_foreign", s.IDLE, s.FAILED),
    Row("port_dark", s.IDLE, s.LOCKING),
    Row("ask_accepted", s.HANDING_OFF, s.HANDING_OFF),
    Row("ask_missed", s.HANDING_OFF, s.IDLE),
    Row("ask_refused", s.HANDING_OFF, s.FAILED),
    Row("instance_stays", s.HANDING_OFF, s.HANDING_OFF),
    Row("instance_gone", s.HANDING_OFF, s.IDLE),
    Row("lock_held", s.LOCKING, s.LOCKING),
    Row("lock_acquired", s.LOCKING, s.HOLDING),
    Row("lock_stale_stolen", s.LOCKING, s.HOLDING),
    Row("lock_refused", s.LOCKING, s.FAILED),
    Row("not_dark", s.LOCKING, s.IDLE),
    Row("not_dark", s.HOLDING, s.IDLE),
    Row("port_dark", s.HOLDING, s.VERIFIED),
    Row("deadline_passed", s.IDLE, s.FAILED),
    Row("deadline_passed", s.HANDING_OFF, s.FAILED),
    Row("deadline_passed", s.LOCKING, s.FAILED),
)

WORKER = (
    # Into office, cold.
    Row("listen_ok", s.IDLE, s.BOUND),
    Row("listen_lost", s.IDLE, s.FAILED),
    Row("lease_gone", s.IDLE, s.FAILED),
    Row("pid_written", s.BOUND, s.STARTING),
    Row("stop_asked", s.BOUND, s.STOPPED),
    # Into office, by the baton.
    Row("imported", s.UNDERSTUDY, s.READY),
    Row("app_failed", s.UNDERSTUDY, s.FAILED),
    Row("wrong_version", s.UNDERSTUDY, s.FAILED),
    Row("pipe_closed", s.UNDERSTUDY, s.STOPPED),
    Row("pipe_closed", s.READY, s.STOPPED),
    Row("stop_asked", s.READY, s.STOPPED),
    Row("baton", s.READY, s.ADOPTED),
    Row("pid_written", s.ADOPTED, s.STARTING),
    # The app.
    Row("app_up", s.STARTING, s.VERIFIED),
    Row("app_failed", s.STARTING, s.FAILED),
    Row("wrong_version", s.STARTING, s.FAILED),
    Row("own_deadline", s.UNDERSTUDY, s.FAILED),
    Row("own_deadline", s.STARTING, s.FAILED),
    Row("stop_asked", s.STARTING, s.STOPPED),
    # In office.
    Row("handover_asked", s.VERIFIED, s.LOCKING),
    Row("handover_asked", s.LOCKING, s.LOCKING),
    Row("stop_asked", s.VERIFIED, s.STOPPING),
    Row("stop_asked", s.LOCKING, s.STOPPING),
    Row("is_current", s.LOCKING, s.VERIFIED),
    Row("lock_held", s.LOCKING, s.LOCKING),
    Row("lock_refused", s.LOCKING, s.VERIFIED),
    Row("lock_wait_over", s.LOCKING, s.VERIFIED),
    Row("lock_acquired", s.LOCKING, s.HANDING_OFF),
    Row("lock_stale_stolen", s.LOCKING, s.HANDING_OFF),
    # With the lock: which strategy.
    Row("left_to_manager", s.HANDING_OFF, s.STOPPING),
    Row("record_unusable", s.HANDING_OFF, s.VERIFIED),
    Row("rebind_chosen", s.HANDING_OFF, s.DRAINING),
    Row("understudy_spawned", s.HANDING_OFF, s.REHEARSING),
    # Seamless: the rehearsal.
    Row("handover_asked", s.REHEARSING, s.REHEARSING),
    Row("understudy_failed", s.REHEARSING, s.VERIFIED),
    Row("understudy_gone", s.REHEARSING, s.VERIFIED),
    Row("stop_asked", s.REHEARSING, s.STOPPING),
    Row("understudy_ready", s.REHEARSING, s.DRAINING),
    # Out of office, to a successor.
    Row("drained", s.DRAINING, s.DRAINED),
    Row("app_down", s.DRAINED, s.APP_DOWN),
    Row("pid_removed", s.APP_DOWN, s.OFFERING),
    Row("closed", s.OFFERING, s.SPAWNING),
    Row("baton_passed", s.OFFERING, s.SHEPHERDING),
    Row("understudy_gone", s.OFFERING, s.RESUMING),
    # Rebind: the child.
    Row("stop_asked", s.SPAWNING, s.STOPPED),
    Row("no_record", s.SPAWNING, s.FAILED),
    Row("spawned", s.SPAWNING, s.TENDING),
    Row("child_ready", s.TENDING, s.HANDED_OVER),
    Row("child_lost", s.TENDING, s.STOPPED),
    Row("child_stopped", s.TENDING, s.STOPPED),
    Row("child_left", s.TENDING, s.HANDED_OVER),
    Row("child_deadline", s.TENDING, s.TENDING),
    Row("child_failed", s.TENDING, s.SPAWNING),
    Row("child_failed_last", s.TENDING, s.FAILED),
    Row("child_killed", s.TENDING, s.SPAWNING),
    Row("child_killed_last", s.TENDING, s.FAILED),
    # Seamless: the child.
    Row("child_ready", s.SHEPHERDING, s.HANDED_OVER),
    Row("child_left", s.SHEPHERDING, s.HANDED_OVER),
    Row("child_stopped", s.SHEPHERDING, s.STOPPED),
    Row("child_deadline", s.SHEPHERDING, s.SHEPHERDING),
    Row("child_failed", s.SHEPHERDING, s.RESUMING),
    Row("child_killed", s.SHEPHERDING, s.RESUMING),
    Row("stop_asked", s.RESUMING, s.STOPPED),
    Row("pid_written", s.RESUMING, s.RESUMING_LISTED),
    Row("app_up", s.RESUMING_LISTED, s.VERIFIED),
    Row("app_failed", s.RESUMING_LISTED, s.FAILED),
    # Out of office, to nobody.
    Row("drained", s.STOPPING, s.STOPPING_DRAINED),
    Row("app_down", s.STOPPING_DRAINED, s.STOPPING_APP_DOWN),
    Row("pid_removed", s.STOPPING_APP_DOWN, s.STOPPING_UNLISTED),
    Row("closed", s.STOPPING_UNLISTED, s.STOPPED),
)

# machine name -> (its table, where it may begin, where it ends)
MACHINES = {
    "spawner": (SPAWNER, (s.IDLE,), s.SPAWNER_FINAL),
    "stop": (STOP, (s.IDLE,), s.STOP_FINAL),
    "worker": (WORKER, (s.IDLE, s.UNDERSTUDY), s.WORKER_FINAL),
}
