"""Names the bounded worlds that are searched to their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .world import (
    DIES_SOON,
    HANGS,
    HANGS_EARLY,
    MISLABELLED,
    NO_IMPORT,
    NO_RESUME,
    NO_START,
    NO_WAIT,
    Configuration,
)

E1, E2, E3 = ("ensure", "1"), ("ensure", "2"), ("ensure", "3")
R1, R2, R3 = ("restart", "1"), ("restart", "2"), ("restart", "3")
STOP = ("stop", "1")
E1_THERE, R1_THERE = ("ensure", "1", 1), ("restart", "1", 1)
STOP_THERE = ("stop", "1", 2)
FORCED_RESTART, FORCED_STOP = ("restart", "1", 0, True), ("stop", "1", 0, True)

WELL = ("worker_fits", "child_ready")
STOPPED = (*WELL, "port_dark", "child_stopped", "launches_spent")

_BROKEN = {
    "fails to import": NO_IMPORT,
    "app fails": NO_START,
    "hangs": HANGS,
    "hangs in its import": HANGS_EARLY,
    "is mislabelled": MISLABELLED,
}


def _at_1(name: str, *launchers: tuple[Any, ...], **more: Any) -> Configuration:
    """Give a world in which version 1 serves and is the last good one."""
    usual: dict[str, Any] = {"workers": 3, "serving": "1", "recorded": "1", "good": "1"}
    return Configuration(name, launchers, **(usual | more))


def _dark(name: str, *launchers: tuple[Any, ...], **more: Any) -> Configuration:
    """Give a world in which nobody serves; version 1 was good, unless `more` says otherwise."""
    usual: dict[str, Any] = {"workers": 3, "recorded": "1", "good": "1"}
    return Configuration(name, launchers, **(usual | more))


def _both() -> list[Configuration]:
    """Give every world that is searched for each strategy."""
    found = [
        _at_1("a worker hangs, a forced restart", FORCED_RESTART, hung=2, denials=1, deadlines=1),
        _at_1(
            "a worker hangs, a forced restart, an ensure", FORCED_RESTART, E1, hung=1, overruns=1
        ),
        _at_1("a worker hangs, 2 forced restarts", FORCED_RESTART, FORCED_RESTART, hung=1),
        _at_1("a worker hangs, a forced stop", FORCED_STOP, E1, hung=1, deadlines=1, denials=1),
        _at_1("a worker hangs, a forced stop, 1 overrun", FORCED_STOP, E1, hung=1, overruns=1),
        _at_1("idle workers stop, ensure and restart", E1, R1, idles=2, kills=1, liveness=True),
        _at_1("an idle worker stops, a newer ensure, a stop", E2, STOP, idles=1, kills=1),
        _at_1("an ensure elsewhere", ("ensure", "1", 1), outcomes=WELL, recycles=0, liveness=True),
        _at_1("a newer ensure elsewhere", ("ensure", "2", 1), E1, kills=1, liveness=True),
        _at_1("a restart elsewhere, 1 kill", ("restart", "2", 1), kills=1),
        _at_1("2 restarts at 2 addresses", R2, ("restart", "2", 1), workers=4),
        _at_1("a restart moves, an ensure at home", ("restart", "1", 1), E1, workers=4),
        _at_1("a restart moves, a stop at home", ("restart", "1", 1), STOP, kills=1),
        _at_1("a restart elsewhere, 1 early deadline", ("restart", "2", 1), deadlines=1),
        _at_1(
            "a restart moves, then 1 kill, 1 overrun",
            *(("restart", "1", 1), E1, E1),
            workers=5,
            kills=1,
            overruns=1,
        ),
        _at_1("out of reach", ("ensure", "1", 2), ("restart", "1", 2), STOP_THERE),
        _at_1("a newer build dies soon", E2, R2, broken=(("2", DIES_SOON),), workers=4),
        _at_1("workers settle, 1 kill", E2, STOP, settles=True, kills=1),
        _at_1("a standby that dies waiting", E2, R2, broken=(("2", NO_WAIT),), liveness=True),
        _at_1("a restart, the record lost", R1, E1, lost_records=1),
        _at_1("restarts of 2 versions", R2, R3, workers=4, outcomes=WELL, liveness=True),
        _at_1("1 ensure, 1 kill, 1 overrun", E2, kills=1, overruns=1, liveness=True, outcomes=WELL),
        _at_1("2 ensures, no fault", E2, E2, liveness=True, outcomes=WELL, recycles=1),
        _at_1("2 ensures, 1 kill, 1 overrun", E2, E2, kills=1, overruns=1, liveness=True),
        _at_1("2 ensures, 1 kill, 2 overruns", E2, E2, kills=1, overruns=2),
        _at_1("3 ensures, 1 kill", E2, E2, E2, kills=1),
        _at_1("ensure and restart, 1 kill", E2, R2, kills=1, liveness=True),
        _at_1("ensure and restart, 1 overrun, 1 early deadline", E2, R2, overruns=1, deadlines=1),
        _at_1("1 restart, 1 early deadline", R2, deadlines=1),
        _at_1("2 restarts, 1 kill", R2, R2, kills=1, outcomes=WELL, generations=3),
        _at_1("restart and stop, 1 kill", R2, STOP, kills=1, liveness=True),
        _at_1("restart against recycle against stop", R2, E2, STOP),
        _at_1("installs of 2 versions", E1, E2, E2, outcomes=WELL, recycles=1, liveness=True),
        _at_1("installs of 3 versions", E2, E3, workers=4, outcomes=WELL, recycles=2),
        _at_1("a pinned version", E2, R2, pinned="1", outcomes=WELL, recycles=0, liveness=True),
        _at_1("a worker under a manager", E2, R2, managed=True, kills=1, liveness=True),
        _at_1("2 ensures, SIGTERM", E2, E2, signals=1),
        _at_1("ensure and restart, 1 lost answer", E2, R2, losses=1),
        _at_1("ensure and stop, a foreign server", E2, STOP, foreigners=1, kills=1),
        _at_1("ensure and stop, the lock denied", E2, STOP, denials=1, kills=1),
    ]
    for words, how in _BROKEN.items():
        broken = (("2", how),)
        found.append(
            _at_1(f"a build that {words}", E2, R2, broken=broken, workers=4, liveness=True)
        )
    found.append(
        _at_1("a build whose app fails, 1 kill", E2, E2, broken=(("2", NO_START),), kills=1)
    )
    never_good = {"good": "", "broken": (("2", NO_IMPORT),), "workers": 4}
    found.append(_at_1("nothing good is known", E2, R2, **never_good))
    pinned = {"serving": "2", "good": "2", "recorded": "1", "pinned": "1", "recycles": 0}
    found.append(
        _at_1("pinned to an older version", E2, R2, outcomes=WELL, liveness=True, **pinned)
    )
    both = (("2", NO_START), ("1", NO_RESUME))
    found.append(_at_1("a build and its predecessor's app fail", E2, broken=both, workers=4))
    broken = (("2", NO_START),)
    found.append(_at_1("a build fails, 1 early deadline", E2, broken=broken, deadlines=1))
    return found


def _cold() -> list[Configuration]:
    """Give the worlds without a predecessor, where no strategy matters."""
    found = [
        _dark("cold: 1 ensure", E1, liveness=True, outcomes=WELL),
        _dark("cold: 3 ensures, 1 kill, 1 overrun", E2, E2, E2, kills=1, overruns=1, liveness=True),
        _dark("cold: 2 ensures, 2 kills, 2 overruns", E2, E2, kills=2, overruns=2, workers=4),
        _dark("cold: the very first ensures", E1, E1, recorded="", good="", kills=1, liveness=True),
        _dark("cold: ensure and stop, 1 kill, 1 overrun", E2, STOP, kills=1, overruns=1),
        _dark("cold: ensure, stop, SIGTERM", E2, STOP, signals=1, deadlines=1),
        _dark("cold: a restart, 1 ensure", R1, E1, liveness=True),
        _dark("cold: ensures at 2 addresses, 1 kill, 1 overrun", E1, E1_THERE, kills=1, overruns=1),
        _dark("cold: an ensure here, a stop there", E1, ("stop", "1", 1), kills=1, overruns=1),
        _dark("cold: ensures in 2 namespaces", E1, ("ensure", "1", 2), kills=1),
        _dark(
            "cold: 2 addresses, an early deadline", E1, ("stop", "1", 1), overruns=1, deadlines=1
        ),
        _dark("cold: a launch elsewhere, an early deadline", E1, E1_THERE, overruns=1, deadlines=1),
        _dark("cold: a build dies soon", E2, E2, broken=(("2", DIES_SOON),), workers=4, kills=1),
        _dark("cold: workers settle, 2 kills", E1, E1, settles=True, workers=4, kills=2),
        _dark("cold: stop with nothing there", STOP, denials=1, foreigners=1, deadlines=1),
    ]
    for words, how in _BROKEN.items():
        broken = (("2", how),)
        found += [
            _dark(f"cold: a build that {words}", E2, R2, broken=broken, workers=4, kills=1),
            _dark(f"cold: the first build {words}", E2, E2, recorded="", good="", broken=broken),
        ]
    return found


def _repeated() -> list[Configuration]:
    """Give the worlds in which events come one after the other, for ever."""
    found = [
        _at_1("a newer build dies soon", E1, E2, broken=(("2", DIES_SOON),)),
        _dark("what is good dies soon", E1, E2, recorded="2", good="2", broken=(("2", DIES_SOON),)),
        _dark("the only build dies soon", E1, broken=(("1", DIES_SOON),)),
        _at_1("all is well", E1, E2),
    ]
    for words, how in _BROKEN.items():
        found.append(_at_1(f"a newer build {words}", E1, E2, broken=(("2", how),)))
        found.append(_dark(f"what is good {words}", E1, E2, recorded="2", good="2",
                           broken=(("2", how),)))  # fmt: skip
    return [c._replace(name=f"repeated: {c.name}", settles=True, repeats=True) for c in found]


def _all() -> tuple[Configuration, ...]:
    found = _cold()
    for strategy in ("seamless", "rebind"):
        for c in (*_both(), *_repeated()):
            name = f"{strategy}: {c.name}"
            found.append(c._replace(name=name, seamless=strategy == "seamless"))
    return tuple(found)


CONFIGURATIONS = _all()

NAMED = {c.name: c for c in CONFIGURATIONS}

# Seconds that the large ones take; the others take three at most.
COSTS: Mapping[str, float] = {
    "rebind: restart against recycle against stop": 110,
    "rebind: ensure and restart, 1 overrun, 1 early deadline": 60,
    "seamless: restart against recycle against stop": 55,
    "rebind: 3 ensures, 1 kill": 14,
    "seamless: 3 ensures, 1 kill": 11,
    "rebind: installs of 2 versions": 11,
    "rebind: 2 ensures, 1 kill, 2 overruns": 8,
    "seamless: ensure and restart, 1 overrun, 1 early deadline": 8,
    "seamless: installs of 2 versions": 7,
    "rebind: 2 ensures, 1 kill, 1 overrun": 6,
    "seamless: ensure and restart, 1 kill": 5,
}
# Still with three launchers, each row taken, each invariant at stake.
SHORT = frozenset(NAMED) - {
    "rebind: restart against recycle against stop",
    "rebind: ensure and restart, 1 overrun, 1 early deadline",
    "seamless: restart against recycle against stop",
    "rebind: 3 ensures, 1 kill",
    "rebind: installs of 2 versions",
    "rebind: 2 ensures, 1 kill, 2 overruns",
    "rebind: a restart moves, then 1 kill, 1 overrun",
}
