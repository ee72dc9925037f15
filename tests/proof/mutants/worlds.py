"""Names of the explorer's configurations, as faults ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..world import Configuration


def cold(*names: str) -> tuple[str, ...]:
    """Give worlds without a predecessor."""
    return tuple(f"cold: {name}" for name in names)


def seamless(*names: str) -> tuple[str, ...]:
    """Give worlds whose predecessors pass the listening socket."""
    return tuple(f"seamless: {name}" for name in names)


def rebind(*names: str) -> tuple[str, ...]:
    """Give worlds whose predecessors free the port."""
    return tuple(f"rebind: {name}" for name in names)


def repeated(*names: str) -> tuple[str, ...]:
    """Give worlds in which events come one after the other, for ever."""
    return tuple(f"seamless: repeated: {name}" for name in names)


TWO_FAIL = "kill: two builds fail, one after the other"
NEWER_RESTART = "kill: a recycle, then a restart to a newer version"
BROKEN_TWICE = "kill: a build that fails is asked for twice"
ORPHAN_HANGS = "kill: who spawned a build that hangs is killed"
STOPPED_ONCE = "kill: a stop right behind a launch"
GOOD_IS_LATE = "kill: the good build is late"
BOTH_ADDRESSES = "kill: ensures at 2 addresses"
MOVED_TWICE = "kill: a restart moves, its lease runs out"

COLD = cold(
    "3 ensures, 1 kill, 1 overrun",
    "ensure and stop, 1 kill, 1 overrun",
    "a build that app fails",
    "a build that hangs",
)


def extra() -> tuple[Configuration, ...]:
    """Give worlds that the explorer's own run does not need, each made for one fault."""
    from ..configurations import E1, E1_THERE, E2, E3, R1_THERE, R3, STOP, WELL
    from ..world import HANGS, NO_IMPORT, NO_START, Configuration

    broken = (("2", NO_START), ("3", NO_START))
    made = Configuration("", (), workers=4, recorded="1", good="1", outcomes=WELL)
    return (
        made._replace(name=TWO_FAIL, launchers=(E2, E3), workers=5, broken=broken, liveness=True),
        made._replace(name=GOOD_IS_LATE, launchers=(E1,), deadlines=1),
        made._replace(
            name=BROKEN_TWICE,
            launchers=(E2, E2),
            serving="1",
            broken=(("2", NO_IMPORT),),
            recycles=0,
        ),
        made._replace(
            name=ORPHAN_HANGS, launchers=(E2,), broken=(("2", HANGS),), kills=1, liveness=True
        ),
        made._replace(name=STOPPED_ONCE, launchers=(E1, STOP), generations=1, outcomes=()),
        made._replace(
            name=MOVED_TWICE, launchers=(R1_THERE, E1), serving="1", overruns=1, outcomes=()
        ),
        made._replace(name=BOTH_ADDRESSES, launchers=(E1, E1_THERE), workers=3),
        made._replace(name=NEWER_RESTART, launchers=(E2, R3), serving="1", liveness=True),
    )


def names() -> set[str]:
    """Give the name of every world of the explorer that a fault may ask for."""
    from ..configurations import CONFIGURATIONS

    return {configuration.name for configuration in (*CONFIGURATIONS, *extra())}
