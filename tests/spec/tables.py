"""The protocol's tables, transcribed by hand from its specification.

Never generated, never imported by the product: a fault written into `lifecycle/machine/tables.py`
meets this second hand. Each line reads: source: event -> destination, event -> destination.
"""

SPAWNER = """
idle: worker_fits -> verified, worker_stale -> handing-off, restart_wanted -> handing-off
idle: recycle_spent -> failed, worker_leaving -> handing-off
idle: worker_starting -> idle, worker_silent -> idle
idle: port_dark -> locking, launches_spent -> failed, nothing_to_try -> failed
idle: port_foreign -> failed, build_rejected -> failed, deadline_passed -> failed
idle: worker_elsewhere -> locking, moved_already -> failed

locking: worker_fits -> verified, worker_leaving -> handing-off
locking: worker_starting -> locking, worker_silent -> locking
locking: nothing_to_try -> failed, port_foreign -> failed, build_rejected -> failed
locking: older_worker -> idle, older_worker_again -> failed, moved_already -> failed
locking: lock_acquired -> spawning, lock_stale_stolen -> spawning
locking: lock_held -> locking, lock_refused -> failed, deadline_passed -> failed

handing-off: worker_fits -> verified, worker_leaving -> handing-off
handing-off: worker_starting -> handing-off, worker_silent -> handing-off
handing-off: ask_accepted -> handing-off, ask_joined -> handing-off, ask_missed -> idle
handing-off: worker_elsewhere -> locking, moved_already -> failed
handing-off: called_off -> idle, handover_refused -> failed
handing-off: older_worker -> idle, older_worker_again -> failed
handing-off: port_dark -> locking, lock_held -> handing-off
handing-off: launches_spent -> failed, nothing_to_try -> failed
handing-off: port_foreign -> failed, build_rejected -> failed, deadline_passed -> failed

spawning: not_dark -> idle, no_record -> failed, spawned -> spawning
spawning: child_ready -> verified, older_child_ready -> failed
spawning: child_lost -> idle, child_stopped -> failed, child_left -> idle
spawning: child_deadline -> spawning
spawning: child_failed -> spawning, child_failed_last -> failed
spawning: child_killed -> spawning, child_killed_last -> failed
spawning: data_held -> idle, data_held_elsewhere -> failed, deadline_passed -> failed
spawning: elsewhere_under_lock -> spawning/moving

idle: silence_judged -> locking/judging
locking: silence_judged -> locking/judging
handing-off: silence_judged -> locking/judging
locking/judging: silence_ended -> idle, lock_held -> locking/judging, lock_refused -> failed
locking/judging: deadline_passed -> failed
locking/judging: lock_acquired -> spawning/forcing, lock_stale_stolen -> spawning/forcing
spawning/forcing: not_proved -> idle, killed -> idle

spawning/moving: move_asked -> spawning/moving, data_held -> spawning/moving
spawning/moving: ask_missed -> spawning, serve_lock_free -> spawning, deadline_passed -> failed
"""

STOP = """
idle: worker_found -> handing-off, worker_starting -> handing-off, worker_silent -> idle
idle: port_dark -> locking, port_foreign -> failed, deadline_passed -> failed

handing-off: ask_accepted -> handing-off, ask_missed -> idle, ask_refused -> failed
handing-off: instance_stays -> handing-off, instance_gone -> idle, deadline_passed -> failed

locking: lock_acquired -> locking/holding, lock_stale_stolen -> locking/holding
locking: lock_held -> locking, lock_refused -> failed, not_dark -> idle
locking: deadline_passed -> failed

locking/holding: port_dark -> verified, not_dark -> idle, data_held -> idle
locking/holding: data_held_elsewhere -> failed, deadline_passed -> failed

idle: silence_judged -> locking/judging
handing-off: silence_judged -> locking/judging
locking/judging: silence_ended -> idle, lock_held -> locking/judging, lock_refused -> failed
locking/judging: deadline_passed -> failed
locking/judging: lock_acquired -> spawning/forcing, lock_stale_stolen -> spawning/forcing
spawning/forcing: not_proved -> idle, killed -> idle
"""

WORKER = """
idle: listen_ok -> idle/bound, listen_lost -> failed, token_gone -> failed, data_held -> failed
idle/bound: named -> idle/named
idle/named: pid_written -> idle/starting, stop_asked -> idle/stopped
idle/starting: app_up -> verified, app_failed -> failed, wrong_version -> failed
idle/starting: own_deadline -> failed, stop_asked -> idle/stopped

idle/standby: imported -> idle/ready, app_failed -> failed, wrong_version -> failed
idle/standby: own_deadline -> failed, pipe_closed -> idle/stopped
idle/ready: socket_received -> idle/adopted, pipe_closed -> idle/stopped, stop_asked -> idle/stopped
idle/adopted: named -> idle/named, data_held -> failed

verified: handover_asked -> locking, stop_asked -> handing-off/stopping
verified: idle_over -> handing-off/stopping, settled -> verified
locking: handover_asked -> locking, stop_asked -> handing-off/stopping, is_current -> verified
locking: lock_acquired -> handing-off, lock_stale_stolen -> handing-off
locking: lock_held -> locking, lock_refused -> verified, lock_wait_over -> verified

handing-off: left_to_manager -> handing-off/stopping, record_unusable -> verified
handing-off: rebind_chosen -> handing-off/draining, standby_spawned -> handing-off/warming-up

handing-off/warming-up: handover_asked -> handing-off/warming-up, stop_asked -> handing-off/stopping
handing-off/warming-up: standby_failed -> verified, standby_gone -> verified
handing-off/warming-up: standby_ready -> handing-off/draining

handing-off/draining: drained -> handing-off/drained
handing-off/draining: standby_failed -> verified, standby_gone -> verified
handing-off/drained: app_down -> handing-off/app-down
handing-off/app-down: pid_removed -> handing-off/closing
handing-off/app-down: pid_removed_to_pass -> handing-off/passing-socket
handing-off/closing: closed -> spawning
handing-off/passing-socket: socket_passed -> handing-off/awaiting-successor
handing-off/passing-socket: standby_failed -> handing-off/resuming
handing-off/passing-socket: standby_gone -> handing-off/resuming

spawning: stop_asked -> idle/stopped, no_record -> failed, spawned -> handing-off/awaiting-child
handing-off/awaiting-child: child_ready -> verified/handed-over, child_left -> verified/handed-over
handing-off/awaiting-child: child_lost -> idle/stopped, child_stopped -> idle/stopped
handing-off/awaiting-child: child_deadline -> handing-off/awaiting-child
handing-off/awaiting-child: child_failed -> spawning, child_failed_last -> failed
handing-off/awaiting-child: child_killed -> spawning, child_killed_last -> failed

handing-off/awaiting-successor: child_ready -> verified/handed-over
handing-off/awaiting-successor: child_left -> verified/handed-over
handing-off/awaiting-successor: child_stopped -> idle/stopped
handing-off/awaiting-successor: child_deadline -> handing-off/awaiting-successor
handing-off/awaiting-successor: child_failed -> handing-off/resuming
handing-off/awaiting-successor: child_killed -> handing-off/resuming

handing-off/resuming: stop_asked -> idle/stopped
handing-off/resuming: named -> handing-off/resuming-named
handing-off/resuming-named: pid_written -> handing-off/resuming-pid-written
handing-off/resuming-pid-written: app_up -> verified, app_failed -> failed, own_deadline -> failed

handing-off/stopping: drained -> handing-off/stopping-drained
handing-off/stopping-drained: app_down -> handing-off/stopping-app-down
handing-off/stopping-app-down: pid_removed -> handing-off/stopping-pid-removed
handing-off/stopping-pid-removed: closed -> idle/stopped
"""


def rows(text: str) -> set[tuple[str, str, str]]:
    """Give (event, source, dest) of every row; a row written twice is an error."""
    found: list[tuple[str, str, str]] = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        source, _, leads = line.partition(":")
        for lead in leads.split(","):
            event, _, dest = lead.partition("->")
            found.append((event.strip(), source.strip(), dest.strip()))
    assert len(found) == len(set(found)), "a row is written twice"
    return set(found)
