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

# Worker: on the way into office.
UNDERSTUDY = "idle/understudy"
READY = "idle/ready"
ADOPTED = "idle/adopted"
BOUND = "idle/bound"
STARTING = "idle/starting"

# Worker: on the way out, to a successor.
REHEARSING = "handing-off/rehearsing"
DRAINING = "handing-off/draining"
DRAINED = "handing-off/drained"
APP_DOWN = "handing-off/app-down"
OFFERING = "handing-off/offering"
SHEPHERDING = "handing-off/shepherding"
TENDING = "handing-off/tending"
RESUMING = "handing-off/resuming"
RESUMING_LISTED = "handing-off/resuming-listed"
HANDED_OVER = "verified/handed-over"

# Worker: on the way out, to nobody.
STOPPING = "idle/stopping"
STOPPING_DRAINED = "idle/stopping-drained"
STOPPING_APP_DOWN = "idle/stopping-app-down"
STOPPING_UNLISTED = "idle/stopping-unlisted"
STOPPED = "idle/stopped"

# Named sets, so that a question about several states has one answer.
SERVING = frozenset({VERIFIED, LOCKING, HANDING_OFF, REHEARSING})
COMING_UP = frozenset({BOUND, ADOPTED, STARTING})
RESUMED = frozenset({RESUMING, RESUMING_LISTED})
LEAVING = frozenset(
    {
        LOCKING,
        REHEARSING,
        DRAINING,
        DRAINED,
        APP_DOWN,
        OFFERING,
        SHEPHERDING,
        HANDING_OFF,
        SPAWNING,
        TENDING,
        STOPPING,
        STOPPING_DRAINED,
        STOPPING_APP_DOWN,
        STOPPING_UNLISTED,
    }
)
SPAWNER_FINAL = frozenset({VERIFIED, FAILED})
STOP_FINAL = frozenset({VERIFIED, FAILED})
WORKER_FINAL = frozenset({FAILED, STOPPED, HANDED_OVER})


def major(state: str) -> str:
    """Give which of the six a state belongs to."""
    return state.partition("/")[0]
