"""Names every configuration that is searched to its end, with every fault that must be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ENSURE, RESTART, STOP = 0, 1, 2
IMPORT_FAILS, APP_FAILS, HANGS, MISLABELLED = 1, 2, 3, 4
NOBODY = 15

PROTOCOL, LOCK = "protocol.pml", "lock.pml"

# Models that say what the first edition did: searched again once they know the serve lock, the
# numbers of launches, the worker that names itself.
BEHIND = frozenset({PROTOCOL})

Defines = Mapping[str, int]


class Configuration(NamedTuple):
    """One bounded world; `short` says that the short form searches it too."""

    words: str
    model: str
    defines: Defines
    short: bool = False
    cycles: bool = False


class Fault(NamedTuple):
    """One seeded fault with the world in which it must be found."""

    name: str
    words: str
    where: Configuration
    short: bool = False


def world(
    words: str,
    *launchers: tuple[int, int],
    faults: tuple[int, int, int] = (0, 0, 0),
    incumbent: int = 1,
    bad: tuple[int, int] = (0, 0),
    healer: bool = False,
    seamless: bool = True,
    short: bool = False,
    cycles: bool = False,
) -> Configuration:
    """Give a world of launchers as (kind, own version); `faults` are kills, overruns, early
    deadlines; `bad` is a version with how it is broken; `healer` adds an `ensure` at the end."""
    all_launchers = [*launchers, (ENSURE, launchers[-1][1])] if healer else list(launchers)
    defines = {
        "LAUNCHERS": len(all_launchers),
        "HEALER": len(launchers) if healer else NOBODY,
        "INCUMBENT": incumbent,
        "RECORDED": 1,
        "GOOD": 1,
        "BAD": bad[0],
        "HOW": bad[1],
    }
    defines |= dict(zip(("KILLS", "OVERRUNS", "EARLY"), faults, strict=True))
    for number in range(4):
        kind, own = all_launchers[min(number, len(all_launchers) - 1)]
        defines |= {f"KIND{number}": kind, f"OWN{number}": own}
    if seamless:
        defines["SEAMLESS"] = 1
    strategy = "seamless" if seamless else "rebind"
    return Configuration(f"{strategy}: {words}", PROTOCOL, defines, short, cycles)


E2, R2, R3, S = (ENSURE, 2), (RESTART, 2), (RESTART, 3), (STOP, 1)


def _configurations(seamless: bool) -> list[Configuration]:
    def here(words: str, *launchers: tuple[int, int], **options: object) -> Configuration:
        return world(words, *launchers, seamless=seamless, **options)  # type: ignore[arg-type]  # passed on

    found = [
        here("2 ensures, 1 kill, 2 overruns", E2, E2, faults=(1, 2, 0), short=True),
        here("ensure, restart, 1/1/1", E2, R2, faults=(1, 1, 1), short=True),
        here("restart, stop, 1/1/1", R2, S, faults=(1, 1, 1), short=True),
        here("ensure, restart, 2/2/1", E2, R2, faults=(2, 2, 1)),
        here("restart, stop, 2/2/1", R2, S, faults=(2, 2, 1)),
        here("2 restarts, 3 versions, 1/1/1", R2, R3, faults=(1, 1, 1)),
        here("ensure, stop, nobody in incumbent, 2/1/1", E2, S, faults=(2, 1, 1), incumbent=0),
        here("ensure, restart, stop, 1/1/0", E2, R2, S, faults=(1, 1, 0)),
        here("3 ensures, nobody in incumbent, 1/1/1", E2, E2, E2, faults=(1, 1, 1), incumbent=0),
        here("2 ensures, then a healer, 1/1/0", E2, E2, faults=(1, 1, 0), healer=True),
        here("no run without end", E2, R3, faults=(0, 1, 0), cycles=True),
    ]
    names = {
        IMPORT_FAILS: "fails to import",
        APP_FAILS: "fails to start",
        HANGS: "hangs",
        MISLABELLED: "is mislabelled",
    }
    for how, name in names.items():
        words = f"ensure, restart, version 2 {name}, then a healer, 1/1/0"
        found.append(here(words, E2, R2, faults=(1, 1, 0), bad=(2, how), healer=True))
    return found


CONFIGURATIONS = [*_configurations(True), *_configurations(False)]


def lock(words: str, actors: int, kills: int, ageings: int, short: bool = False) -> Configuration:
    """Give a world of contenders for the lock, at system-call granularity."""
    defines = {"ACTORS": actors, "KILLS": kills, "AGEINGS": ageings}
    return Configuration(f"lock: {words}", LOCK, defines, short)


CONFIGURATIONS += [
    lock("2 contenders, 2 kills, 2 leases", 2, 2, 2),
    lock("3 contenders, 1 kill, 1 lease", 3, 1, 1, short=True),
    lock("3 contenders, 2 leases", 3, 0, 2),
]

CALM = world("2 ensures, no fault", E2, E2)
ONE_EACH = world("2 ensures, 1 kill, 1 overrun", E2, E2, faults=(1, 1, 0))
MIXED = world("ensure, restart, 1/1/1", E2, R2, faults=(1, 1, 1))
STOPPED = world("restart, stop, 1/1/1", R2, S, faults=(1, 1, 1))
NO_IMPORT = world(
    "version 2 fails to import", E2, R2, faults=(1, 1, 0), bad=(2, IMPORT_FAILS), healer=True
)
HANGING = world("version 2 hangs", E2, R2, faults=(1, 1, 0), bad=(2, HANGS), healer=True)
MISNAMED = world(
    "version 2 is mislabelled", E2, R2, faults=(1, 1, 0), bad=(2, MISLABELLED), healer=True
)
BROKEN = world("version 2 fails to import", E2, R2, bad=(2, IMPORT_FAILS), seamless=False)
THIEVES = lock("2 contenders, 1 lease", 2, 0, 1)

# `bind taken as proof` is none of them: the fence ends every child that could meet a held port.
FAULTS = (
    Fault("APP_STAYS_UP", "the app outlives the port", CALM, short=True),
    Fault("BLAME_LOST", "exit 75 is a failure", ONE_EACH),
    Fault("BLAME_SIGNAL", "a signal is a failure", ONE_EACH),
    Fault("EXPECTED_VERSION", "mislabelled is well", MISNAMED),
    Fault("GOOD_REJECTED", "the good build is rejected", MIXED),
    Fault("INSTALL_VERSION", "the successor is the dying install's version", CALM),
    Fault("KEEP_ACCEPTING", "no drain", CALM),
    Fault("LOSER_SPAWNS", "the lock's loser spawns", ONE_EACH, short=True),
    Fault("LOWERED", "what a restart expects is lowered", BROKEN),
    Fault("NOT_DECLINED", "a current worker recycles itself", MIXED),
    Fault("NOT_REAPED", "a late child is not reaped", MIXED),
    Fault("NO_FENCE", "no fence", ONE_EACH, short=True),
    Fault("NO_OWN_DEADLINE", "a worker has no deadline of its own", HANGING),
    Fault("NO_SECOND_PROBE", "no second probe under the lock", ONE_EACH, short=True),
    Fault("ORPHAN", "an orphan waits on", ONE_EACH),
    Fault("OTHER_VERSION", "a restart is satisfied by another version", CALM),
    Fault("PID_AFTER_CLOSE", "the PID file is removed after the close", STOPPED),
    Fault("REJECT_UNOWNED", "anyone changes the record", MIXED),
    Fault("RELEASE_ALIVE", "the lock is released with the child alive", MIXED),
    Fault("RELEASE_ANY", "a release without a look at the owner", ONE_EACH),
    Fault("RELEASE_HEALTHY", "the lock is released for any healthy worker", MIXED),
    Fault("RESUME_UP", "a predecessor resumes although its successor was up", CALM),
    Fault("SAME_PID", "a restart is satisfied by the worker it found", MIXED, short=True),
    Fault("SECOND_RECYCLE", "a run recycles twice", ONE_EACH),
    Fault("STATE_BEFORE_LISTEN", "state is touched before the listen", CALM),
    Fault("STEAL_FRESH", "a fresh lock is stolen", ONE_EACH),
    Fault("STOP_UNLOCKED", "a stop believes a dark port", STOPPED),
    Fault("UNLOCKED_HANDOVER", "a handover without the lock", NO_IMPORT),
    Fault("UP_LATE", "healthy before `up` is written", MIXED),
    Fault("CHECK_THEN_UNLINK", "check-then-unlink release", THIEVES),
    Fault("NO_CONFIRM", "a creator does not look again", THIEVES),
    Fault("RELEASE_ANY", "a release unlinks whatever lock stands there", THIEVES),
    Fault("RENAME_VERIFY", "rename-verify-restore steal", THIEVES),
    Fault("STAT_AGAIN", "stat-again steal", THIEVES),
    Fault("STEAL_FRESH", "a fresh lock is stolen", THIEVES, short=True),
    Fault("UNLINK_RACE", "unlink-race steal", THIEVES, short=True),
)
