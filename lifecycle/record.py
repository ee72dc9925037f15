"""The launch record: what should run, what last ran well, which builds were rejected."""

from __future__ import annotations

import os
from binascii import crc32

from .environment import CODE
from .generation import Generation
from .versions import lower, newer, same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from ._named_tuple import NamedTuple

PAUSES_S = (60.0, 300.0, 1800.0)  # until a rejected build is tried again: it may be mended
KEEP_REJECTIONS = 20
SOON_DEAD = 5  # workers in a row that died before they were settled; a few kills are no loop


class Build(NamedTuple):
    """One thing that can be spawned, with the environment it gets."""

    version: str
    app: str
    python: str
    environment: tuple[tuple[str, str], ...] = ()
    fingerprint: str = ""
    strategies: tuple[str, ...] = ("rebind",)
    registered_at: str = ""
    registered_by: str = ""

    @property
    def place(self) -> tuple[str, str, str]:
        """Where its code is: which app, by which interpreter, from which import path."""
        return self.app, self.python, dict(self.environment).get("PYTHONPATH", "")

    def same_as(self, other: Build | None) -> bool:
        """Whether both would load the same code, as far as the record can tell."""
        return other is not None and (
            (self.version, self.place, self.fingerprint)
            == (other.version, other.place, other.fingerprint)
        )


class Rejection(NamedTuple):
    """Why a build is not to be tried again for a while.

    `environment` is a digest of what the build got; `at` is in wall-clock seconds; `tries` is how
    often in a row, which makes the pause until the next try longer. `soon_dead` is of a build that
    came up and died each time, which only counts until it `loops`.
    """

    version: str
    app: str
    fingerprint: str
    reason: str
    at: float
    late: bool = False
    environment: str = ""
    tries: int = 1
    soon_dead: bool = False

    @property
    def loops(self) -> bool:
        """Whether the build died so often that only time or a person gives it another try."""
        return self.soon_dead and self.tries >= SOON_DEAD

    @property
    def stands(self) -> bool:
        """Whether it is a rejection yet."""
        return self.loops or not self.soon_dead

    def is_of(self, build: Build) -> bool:
        """Whether this very build was rejected: its content, in its environment."""
        mine = (self.version, self.app, self.fingerprint, self.environment)
        return mine == (build.version, build.app, build.fingerprint, environment_digest(build))

    def counts(self, now: float) -> bool:
        """Whether it is too soon for the next try; a clock that went back is no reason to wait."""
        return self.stands and 0 <= now - self.at < self.pause

    @property
    def pause(self) -> float:
        """Seconds until the next try."""
        tries = self.tries - SOON_DEAD + 1 if self.soon_dead else self.tries
        return PAUSES_S[min(max(tries, 1), len(PAUSES_S)) - 1]


class Record(NamedTuple):
    """Everything launch.json says; the empty record says that nothing was ever registered.

    `good` is the build that was last verified, `earlier` the other one before it. `pinned` is the
    recorded version when a person chose it to stay, else "". `generation` is the highest number
    that a launch was given, `looked_at` the number of the last whose end was judged.
    """

    name: str
    recorded: Build | None = None
    good: Build | None = None
    rejected: tuple[Rejection, ...] = ()
    pinned: str = ""
    generation: Generation = Generation()
    earlier: Build | None = None
    looked_at: int = 0


class NewerFormatError(Exception):
    """The record was written by a newer incumbent, in a format this one can't read."""


class AnothersRecordError(ValueError):
    """The record is another service's, which is named."""

    def __init__(self, service: str) -> None:
        super().__init__(f"the record of the service {service!r}")
        self.service = service


def lined(record: Record) -> Record:
    """Give the record with a line for its numbers: one that lost its own begins a new one."""
    if record.generation.line:
        return record
    return record._replace(generation=Generation(os.urandom(4).hex(), 0))


def numbered(record: Record) -> Record:
    """Give the record with the next launch numbered."""
    line, number = lined(record).generation
    return record._replace(generation=Generation(line, number + 1))


def environment_digest(build: Build) -> str:
    """Give a short text that differs for every environment a build could get."""
    said = "\0".join(f"{name}={text}" for name, text in build.environment)
    return f"{crc32(said.encode(errors='surrogatepass')):08x}" if said else ""


def candidates(record: Record, own: Build | None, now: float) -> tuple[Build, ...]:
    """Give what may be launched, in this order: recorded, good, earlier, the caller's own.

    Without what was rejected and is not to be tried again yet; what came up and died each time is
    tried again only where nothing else is left.
    """
    found: list[Build] = []
    for build in (record.recorded, record.good, record.earlier, own):
        if build is None or any(build.same_as(other) for other in found):
            continue
        found.append(build)
    well = [build for build in found if rejection_of(record, build, now) is None]
    counting = [r for r in record.rejected if r.counts(now)]
    return tuple(well or [b for b in found if not any(r.is_of(b) for r in counting)])


def as_judged(record: Record, rebind: bool, now: float) -> Record:
    """Give the record with the rejections by which a worker that serves is judged.

    Where a try takes a worker down (`rebind`), also those whose pause is over: it is worth none.
    """
    kept = (r for r in record.rejected if r.stands)
    return record._replace(rejected=tuple(r for r in kept if rebind or r.loops or r.counts(now)))


def registered(
    record: Record, own: Build | None, restart: bool, now: float, person: bool = False
) -> tuple[Record, Rejection | None]:
    """Give the record with the own build in it, if it is newer and not rejected.

    A `person` registers their own also at an equal version with other content, at the same place
    with another version, whenever the recorded one is known bad; what stays recorded gets their
    environment. The rejection given back says why the own build was not registered; a person's
    launch clears it instead.
    """
    if own is None:
        return record, None
    if restart or person:
        record = record._replace(
            rejected=tuple(r for r in record.rejected if r.version != own.version)
        )
    standing = record.recorded
    own_comes_first = standing is None or (
        not record.pinned
        if newer(own.version, standing.version)
        else person and _gives_way_to(record, standing, own, now)
    )
    if not own_comes_first:
        if person and standing is not None:
            record = record._replace(recorded=as_a_person_has_it(standing, own))
        return record, None
    rejection = rejection_of(record, own, now)
    if rejection is not None:
        return record, rejection
    return record._replace(recorded=own, pinned=""), None


def _gives_way_to(record: Record, standing: Build, own: Build, now: float) -> bool:
    """Whether what a person has at hand comes before a recorded build that is not older."""
    if record.pinned:
        return False
    if rejection_of(record, standing, now) is not None:
        return True
    if same(own.version, standing.version):
        return not own.same_as(standing)
    return own.place == standing.place


def rejection_of(record: Record, build: Build, now: float) -> Rejection | None:
    """Give why this very build was rejected, if it was and that still counts.

    Of what came up and died each time it counts for as long as there is another build.
    """
    for rejection in record.rejected:
        if rejection.is_of(build) and (rejection.loops or rejection.counts(now)):
            return rejection
    return None


def as_a_person_has_it(build: Build, own: Build) -> Build:
    """Give the build with the environment and the settings that the caller has now.

    What decides which code it is stays its own, unless that is the caller's build too.
    """
    if build.same_as(own):
        environment = own.environment
    else:
        kept = [(name, text) for name, text in build.environment if name in CODE]
        others = [(name, text) for name, text in own.environment if name not in CODE]
        environment = tuple(sorted(kept + others))
    if dict(environment) == dict(build.environment):
        return build
    return build._replace(
        environment=environment, registered_at=own.registered_at, registered_by=own.registered_by
    )


def differing(build: Build, own: Build) -> list[str]:
    """Give the names of the variables that a person's restart would change, never their values."""
    before, after = dict(build.environment), dict(as_a_person_has_it(build, own).environment)
    return sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )


def marked_good(record: Record, build: Build, now: float) -> Record:
    """Give the record after this build was verified.

    A build that was nobody's choice until it came up takes the place of what could not.
    """
    before, chosen = record.good, record.recorded
    earlier = record.earlier if before is None or before.same_as(build) else before
    if chosen is None or rejection_of(record, chosen, now) is not None:
        chosen = build
    return record._replace(
        recorded=chosen,
        good=build,
        earlier=earlier,
        rejected=tuple(r for r in record.rejected if r.soon_dead or not r.is_of(build)),
    )


def rejected(record: Record, build: Build, reason: str, late: bool, now: float) -> Record:
    """Give the record after this build failed: set back to one that did not, the reason kept.

    A rejection may hit the last good build too, whose first failure only counts; it never empties
    the record. A build registered since stays recorded.
    """
    before = [r for r in record.rejected if r.is_of(build) and not r.soon_dead]
    tries = min(1 + max((r.tries for r in before), default=0), len(PAUSES_S))
    at = now - PAUSES_S[0] if tries == 1 and build.same_as(record.good) else now
    entry = Rejection(
        build.version, build.app, build.fingerprint, reason, at, late,
        environment_digest(build), tries,
    )  # fmt: skip
    others = tuple(r for r in record.rejected if r not in before)
    record = record._replace(rejected=(*others, entry)[-KEEP_REJECTIONS:])
    return set_back(record, build, now)


def set_back(record: Record, build: Build, now: float) -> Record:
    """Give the record with another build recorded than this rejected one, if any is left."""
    if not build.same_as(record.recorded):
        return record
    left = candidates(record._replace(recorded=None), None, now)
    return record._replace(recorded=left[0], pinned="") if left else record


def needed(record: Record, wanted: str, restart: bool) -> str:
    """Give the lowest version that satisfies a run that wanted `wanted`; "" is any."""
    if restart or not wanted:
        return wanted
    recorded = record.recorded
    if recorded is not None and same(recorded.version, wanted):
        mended = not any(r.stands and r.is_of(recorded) for r in record.rejected)
        return wanted if mended else ""
    if any(r.stands and r.version == wanted for r in record.rejected):
        return ""
    return lower(wanted, recorded.version) if recorded is not None else wanted
