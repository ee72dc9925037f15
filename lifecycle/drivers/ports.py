"""The small interface through which every driver sees the operating system.

A system has a room for each subject: the lock, the record, the children. Production implements
them with the OS, the simulator in memory. Each verb is one point at which another actor may run.
Verbs that wait are bounded by deadlines that the implementation knows; a driver only learns that
one has passed. No two rooms have a verb of the same name, so that one object may be all of them.
"""

from __future__ import annotations

from ..generation import Generation
from ..health import ProbeResult
from ..machine.tables import Row
from ..record import Build, Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple, Protocol
else:
    from .._named_tuple import NamedTuple, Protocol

RECYCLE = "recycle"
RESTART = "restart"
SHUTDOWN = "shutdown"
IDLE = "idle"  # nobody asked: the worker was unused for its idle timeout
SETTLED = "settled"  # nobody asked: the worker has served for a while

EXIT_LOST = 75  # the port or the lock is another's; nothing was touched
EXIT_WRONG_VERSION = 76
EXIT_LATE = 77  # not up within its start budget, by its own clock


class Run(NamedTuple):
    """How a run began: the last launch that was numbered then, the version it wants ("" is any)."""

    noted: Generation
    wanted: str


class Launch(NamedTuple):
    """What may be launched, the first choice first, with the number that this launch was given."""

    candidates: tuple[Build, ...]
    generation: Generation


class Target(NamedTuple):
    """The one worker that an ask means, with its address."""

    instance: str
    host: str
    port: int


class Reply(NamedTuple):
    """What became of an ask: accepted, joined, missed, refused or unanswered."""

    kind: str
    reason: str = ""


ACCEPTED = "accepted"
JOINED = "joined"  # a handover is under way whose successor is chosen already
MISSED = "missed"
REFUSED = "refused"
UNANSWERED = "unanswered"


class LockResult(NamedTuple):
    """What one try for the lock gave: an event of the tables, with the reason of a refusal."""

    event: str
    reason: str = ""


LOCK_REFUSED = "lock_refused"

KILLED = "killed"
NOT_PROVED = "not_proved"


class Child(NamedTuple):
    """A process that we spawned and have not settled yet."""

    pid: int
    build: Build


class ChildExit(NamedTuple):
    """What is known of a child.

    `code` is None while it lives, negative for a signal; `up` says that its pipe carried `up`,
    `ready` that it is a ready standby, `late` that its budget is over, `crashed` that the signal
    was one by which a process answers for its own code.
    """

    code: int | None
    up: bool = False
    ready: bool = False
    late: bool = False
    last_output: str = ""
    seen: ProbeResult | None = None
    crashed: bool = False


class Request(NamedTuple):
    """What is asked of a worker that serves: recycle, restart, shutdown; or `idle`, `settled`."""

    what: str
    number: int = 0


class StepResult(NamedTuple):
    """What became of a thing that may fail: an event of the tables, with the reason."""

    event: str
    reason: str = ""


class Journal(Protocol):
    """Whoever runs a machine tells of each row."""

    async def note(self, row: Row, detail: str) -> None:
        """Write one transition to the trace."""


class LockPort(Protocol):
    """The spawn lock, as one who may hold it sees it."""

    async def acquire(self) -> LockResult:
        """Try for the spawn lock once."""

    async def lock_is_free(self) -> bool:
        """Whether nobody holds the lock, as far as can be told without taking it."""

    async def release(self) -> None:
        """Give the lock back if it is still ours."""


class StorePort(Protocol):
    """The launch record."""

    async def record(self) -> Record | None:
        """Read the launch record now; None when it can't be read."""

    async def mark_good(self, build: Build) -> bool:
        """Record that the build was verified, if the lock is still ours."""

    async def reject(self, build: Build, reason: str, late: bool) -> bool:
        """Set the record back from this build, if the lock is still ours."""

    async def candidates(self) -> tuple[Build, ...]:
        """Give what may be launched now, the first choice first; nothing that was rejected."""

    async def number_launch(self) -> Launch | None:
        """Read the record to spawn from it, and number the launch, in one guarded section.

        None when it can't be read, or the number can't be written.
        """


class ChildPort(Protocol):
    """The processes that we spawn."""

    async def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        """Create the process; one that can't be created is a child that is gone."""

    async def watch(self, child: Child) -> ChildExit:
        """Wait until the child is up and answers, or gone, or late."""

    async def kill(self, child: Child) -> ChildExit:
        """Kill the child and wait for its death."""


class Holder(Journal, Protocol):
    """What it takes to hold the lock and settle a child."""

    @property
    def lock(self) -> LockPort:
        """The spawn lock."""

    @property
    def store(self) -> StorePort:
        """The launch record."""

    @property
    def children(self) -> ChildPort:
        """The processes that we spawn."""

    async def pause(self) -> bool:
        """Wait a moment; False when the deadline of this wait has passed."""


class Launcher(Holder, Protocol):
    """What a spawner or a stop run needs."""

    async def begin(self, restart: bool) -> Run:
        """Register the own build if it is newer; note when the run began."""

    async def probe(self) -> ProbeResult:
        """Ask the port who holds it."""

    async def look_elsewhere(self) -> ProbeResult:
        """Look at the serve lock: who runs the app on this data dir, at another address.

        Free, held, out of reach, or what the worker answers where the lock's content says it is.
        """

    async def ask(self, what: str, target: Target) -> Reply:
        """Ask that one worker to hand over or to shut down."""

    async def judge_silence(self) -> bool:
        """Whether one process, by the kernel's word our worker, was silent for all our patience.

        It is noted when its silence begins; a process that is stopped is judged at once.
        """

    async def end_judged(self) -> StepResult:
        """Kill the process that was judged, if it still is our worker and still silent."""
