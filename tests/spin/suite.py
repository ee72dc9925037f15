"""Names every configuration that is searched to its end, with every fault that must be found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ENSURE, RESTART, STOP = 0, 1, 2
IMPORT_FAILS, APP_FAILS, HANGS, MISLABELLED = 1, 2, 3, 4
NOBODY = 15

PROTOCOL, LOCK = "protocol.pml", "lock.pml"

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
    office: int = 1,
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
        "OFFICE": office,
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
        here("ensure, stop, nobody in office, 2/1/1", E2, S, faults=(2, 1, 1), office=0),
        here("ensure, restart, stop, 1/1/1", E2, R2, S, faults=(1, 1, 1)),
        here("3 ensures, nobody in office, 1/1/1", E2, E2, E2, faults=(1, 1, 1), office=0),
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
