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
    from .._named_tuple import NamedTuple


class Row(NamedTuple):
    """One way from a state to a state: what happened, where the run stood, where it stands now."""

    event: str
    source: str
    dest: str

    def __repr__(self) -> str:
        return f"{self.event}: {self.source} -> {self.dest}"


# Of both runs: from the judgement of a silence on.
FORCED = (
    Row("silence_ended", s.JUDGING, s.IDLE),
    Row("lock_held", s.JUDGING, s.JUDGING),
    Row("lock_refused", s.JUDGING, s.FAILED),
    Row("deadline_passed", s.JUDGING, s.FAILED),
    Row("lock_acquired", s.JUDGING, s.FORCING),
    Row("lock_stale_stolen", s.JUDGING, s.FORCING),
    Row("not_proved", s.FORCING, s.IDLE),
    Row("killed", s.FORCING, s.IDLE),
)

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
    Row("worker_elsewhere", s.IDLE, s.LOCKING),
    Row("worker_elsewhere", s.HANDING_OFF, s.LOCKING),
    Row("moved_already", s.IDLE, s.FAILED),
    Row("moved_already", s.LOCKING, s.FAILED),
    Row("moved_already", s.HANDING_OFF, s.FAILED),
    Row("launches_spent", s.IDLE, s.FAILED),
    Row("launches_spent", s.HANDING_OFF, s.FAILED),
    Row("nothing_to_try", s.IDLE, s.FAILED),
    Row("nothing_to_try", s.LOCKING, s.FAILED),
    Row("nothing_to_try", s.HANDING_OFF, s.FAILED),
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
    Row("ask_joined", s.HANDING_OFF, s.HANDING_OFF),
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
    Row("data_held", s.SPAWNING, s.IDLE),
    Row("data_held_elsewhere", s.SPAWNING, s.FAILED),
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
    # Under the lock: a worker at another address, which a restart has moved here.
    Row("elsewhere_under_lock", s.SPAWNING, s.MOVING),
    Row("move_asked", s.MOVING, s.MOVING),
    Row("data_held", s.MOVING, s.MOVING),
    Row("ask_missed", s.MOVING, s.SPAWNING),
    Row("serve_lock_free", s.MOVING, s.SPAWNING),
    # A worker that hangs, which a forced run ends.
    Row("silence_judged", s.IDLE, s.JUDGING),
    Row("silence_judged", s.LOCKING, s.JUDGING),
    Row("silence_judged", s.HANDING_OFF, s.JUDGING),
    *FORCED,
    # Time.
    Row("deadline_passed", s.IDLE, s.FAILED),
    Row("deadline_passed", s.LOCKING, s.FAILED),
    Row("deadline_passed", s.HANDING_OFF, s.FAILED),
    Row("deadline_passed", s.SPAWNING, s.FAILED),
    Row("deadline_passed", s.MOVING, s.FAILED),
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
    Row("data_held", s.HOLDING, s.IDLE),
    Row("data_held_elsewhere", s.HOLDING, s.FAILED),
    Row("silence_judged", s.IDLE, s.JUDGING),
    Row("silence_judged", s.HANDING_OFF, s.JUDGING),
    *FORCED,
    Row("deadline_passed", s.IDLE, s.FAILED),
    Row("deadline_passed", s.HANDING_OFF, s.FAILED),
    Row("deadline_passed", s.LOCKING, s.FAILED),
    Row("deadline_passed", s.HOLDING, s.FAILED),
)

WORKER = (
    # Coming up, cold.
    Row("listen_ok", s.IDLE, s.BOUND),
    Row("listen_lost", s.IDLE, s.FAILED),
    Row("token_gone", s.IDLE, s.FAILED),
    Row("data_held", s.IDLE, s.FAILED),
    Row("named", s.BOUND, s.NAMED),
    Row("pid_written", s.NAMED, s.STARTING),
    Row("stop_asked", s.NAMED, s.STOPPED),
    # Coming up, by the socket passed.
    Row("imported", s.STANDBY, s.READY),
    Row("app_failed", s.STANDBY, s.FAILED),
    Row("wrong_version", s.STANDBY, s.FAILED),
    Row("pipe_closed", s.STANDBY, s.STOPPED),
    Row("pipe_closed", s.READY, s.STOPPED),
    Row("stop_asked", s.READY, s.STOPPED),
    Row("socket_received", s.READY, s.ADOPTED),
    Row("data_held", s.ADOPTED, s.FAILED),
    Row("named", s.ADOPTED, s.NAMED),
    # The app.
    Row("app_up", s.STARTING, s.VERIFIED),
    Row("app_failed", s.STARTING, s.FAILED),
    Row("wrong_version", s.STARTING, s.FAILED),
    Row("own_deadline", s.STANDBY, s.FAILED),
    Row("own_deadline", s.STARTING, s.FAILED),
    Row("stop_asked", s.STARTING, s.STOPPED),
    # Serving.
    Row("handover_asked", s.VERIFIED, s.LOCKING),
    Row("handover_asked", s.LOCKING, s.LOCKING),
    Row("stop_asked", s.VERIFIED, s.STOPPING),
    Row("idle_over", s.VERIFIED, s.STOPPING),
    Row("settled", s.VERIFIED, s.VERIFIED),
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
    Row("standby_spawned", s.HANDING_OFF, s.WARMING_UP),
    # Seamless: the standby warms up.
    Row("handover_asked", s.WARMING_UP, s.WARMING_UP),
    Row("standby_failed", s.WARMING_UP, s.VERIFIED),
    Row("standby_gone", s.WARMING_UP, s.VERIFIED),
    Row("stop_asked", s.WARMING_UP, s.STOPPING),
    Row("standby_ready", s.WARMING_UP, s.DRAINING),
    # Leaving, to a successor.
    Row("drained", s.DRAINING, s.DRAINED),
    Row("standby_failed", s.DRAINING, s.VERIFIED),
    Row("standby_gone", s.DRAINING, s.VERIFIED),
    Row("app_down", s.DRAINED, s.APP_DOWN),
    Row("pid_removed", s.APP_DOWN, s.CLOSING),
    Row("closed", s.CLOSING, s.SPAWNING),
    Row("pid_removed_to_pass", s.APP_DOWN, s.PASSING_SOCKET),
    Row("socket_passed", s.PASSING_SOCKET, s.AWAITING_SUCCESSOR),
    Row("standby_failed", s.PASSING_SOCKET, s.RESUMING),
    Row("standby_gone", s.PASSING_SOCKET, s.RESUMING),
    # Rebind: the child.
    Row("stop_asked", s.SPAWNING, s.STOPPED),
    Row("no_record", s.SPAWNING, s.FAILED),
    Row("spawned", s.SPAWNING, s.AWAITING_CHILD),
    Row("child_ready", s.AWAITING_CHILD, s.HANDED_OVER),
    Row("child_lost", s.AWAITING_CHILD, s.STOPPED),
    Row("child_stopped", s.AWAITING_CHILD, s.STOPPED),
    Row("child_left", s.AWAITING_CHILD, s.HANDED_OVER),
    Row("child_deadline", s.AWAITING_CHILD, s.AWAITING_CHILD),
    Row("child_failed", s.AWAITING_CHILD, s.SPAWNING),
    Row("child_failed_last", s.AWAITING_CHILD, s.FAILED),
    Row("child_killed", s.AWAITING_CHILD, s.SPAWNING),
    Row("child_killed_last", s.AWAITING_CHILD, s.FAILED),
    # Seamless: the child.
    Row("child_ready", s.AWAITING_SUCCESSOR, s.HANDED_OVER),
    Row("child_left", s.AWAITING_SUCCESSOR, s.HANDED_OVER),
    Row("child_stopped", s.AWAITING_SUCCESSOR, s.STOPPED),
    Row("child_deadline", s.AWAITING_SUCCESSOR, s.AWAITING_SUCCESSOR),
    Row("child_failed", s.AWAITING_SUCCESSOR, s.RESUMING),
    Row("child_killed", s.AWAITING_SUCCESSOR, s.RESUMING),
    Row("stop_asked", s.RESUMING, s.STOPPED),
    Row("named", s.RESUMING, s.RESUMING_NAMED),
    Row("pid_written", s.RESUMING_NAMED, s.RESUMING_PID_WRITTEN),
    Row("app_up", s.RESUMING_PID_WRITTEN, s.VERIFIED),
    Row("app_failed", s.RESUMING_PID_WRITTEN, s.FAILED),
    Row("own_deadline", s.RESUMING_PID_WRITTEN, s.FAILED),
    # Leaving, to nobody.
    Row("drained", s.STOPPING, s.STOPPING_DRAINED),
    Row("app_down", s.STOPPING_DRAINED, s.STOPPING_APP_DOWN),
    Row("pid_removed", s.STOPPING_APP_DOWN, s.STOPPING_PID_REMOVED),
    Row("closed", s.STOPPING_PID_REMOVED, s.STOPPED),
)

# machine name -> (its table, where it may begin, where it ends)
MACHINES = {
    "spawner": (SPAWNER, (s.IDLE,), s.SPAWNER_FINAL),
    "stop": (STOP, (s.IDLE,), s.STOP_FINAL),
    "worker": (WORKER, (s.IDLE, s.STANDBY), s.WORKER_FINAL),
}
