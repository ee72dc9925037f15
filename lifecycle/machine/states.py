"""The words for where a worker or a launcher stands."""

# The six states of both machines. A finer state is written `<one of the six>/<phase>`.
IDLE = "idle"
LOCKING = "locking"
SPAWNING = "spawning"
HANDING_OFF = "handing-off"
VERIFIED = "verified"
FAILED = "failed"
SIX = (IDLE, LOCKING, SPAWNING, HANDING_OFF, VERIFIED, FAILED)

# Spawner, stop run.
HOLDING = "locking/holding"
MOVING = "spawning/moving"
JUDGING = "locking/judging"
FORCING = "spawning/forcing"

# Worker: coming up.
STANDBY = "idle/standby"
READY = "idle/ready"
ADOPTED = "idle/adopted"
BOUND = "idle/bound"
NAMED = "idle/named"
STARTING = "idle/starting"

# Worker: on the way out, to a successor.
WARMING_UP = "handing-off/warming-up"
DRAINING = "handing-off/draining"
DRAINED = "handing-off/drained"
APP_DOWN = "handing-off/app-down"
PASSING_SOCKET = "handing-off/passing-socket"
CLOSING = "handing-off/closing"
AWAITING_SUCCESSOR = "handing-off/awaiting-successor"
AWAITING_CHILD = "handing-off/awaiting-child"
RESUMING = "handing-off/resuming"
RESUMING_NAMED = "handing-off/resuming-named"
RESUMING_PID_WRITTEN = "handing-off/resuming-pid-written"
HANDED_OVER = "verified/handed-over"

# Worker: on the way out, to nobody.
STOPPING = "handing-off/stopping"
STOPPING_DRAINED = "handing-off/stopping-drained"
STOPPING_APP_DOWN = "handing-off/stopping-app-down"
STOPPING_PID_REMOVED = "handing-off/stopping-pid-removed"
STOPPED = "idle/stopped"

# Named sets, so that a question about several states has one answer.
SERVING_STATES = frozenset({VERIFIED, LOCKING, HANDING_OFF, WARMING_UP})
COMING_UP_STATES = frozenset({BOUND, ADOPTED, NAMED, STARTING})
RESUMED_STATES = frozenset({RESUMING, RESUMING_NAMED, RESUMING_PID_WRITTEN})
LEAVING_STATES = frozenset(
    {
        LOCKING,
        WARMING_UP,
        DRAINING,
        DRAINED,
        APP_DOWN,
        PASSING_SOCKET,
        CLOSING,
        AWAITING_SUCCESSOR,
        HANDING_OFF,
        SPAWNING,
        AWAITING_CHILD,
        STOPPING,
        STOPPING_DRAINED,
        STOPPING_APP_DOWN,
        STOPPING_PID_REMOVED,
    }
)
SPAWNER_FINAL = frozenset({VERIFIED, FAILED})
STOP_FINAL = frozenset({VERIFIED, FAILED})
WORKER_FINAL = frozenset({FAILED, STOPPED, HANDED_OVER})


def major(state: str) -> str:
    """Give which of the six a state belongs to."""
    return state.partition("/")[0]


# What 0.1.0 called a state: on the wire of health, in lines of an old trace.
OF_FIRST_EDITION = {
    "idle/understudy": STANDBY,
    "handing-off/rehearsing": WARMING_UP,
    "handing-off/offering": PASSING_SOCKET,
    "handing-off/shepherding": AWAITING_SUCCESSOR,
    "handing-off/tending": AWAITING_CHILD,
    "handing-off/resuming-listed": RESUMING_PID_WRITTEN,
    "idle/stopping": STOPPING,
    "idle/stopping-drained": STOPPING_DRAINED,
    "idle/stopping-app-down": STOPPING_APP_DOWN,
    "idle/stopping-unlisted": STOPPING_PID_REMOVED,
}
# What 0.1.0 would have called a state of today, so that its launchers know where a worker stands.
IN_FIRST_EDITION = {today: then for then, today in OF_FIRST_EDITION.items()} | {
    NAMED: BOUND,
    CLOSING: "handing-off/offering",
    RESUMING_NAMED: RESUMING,
}
