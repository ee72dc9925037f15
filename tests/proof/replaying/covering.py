"""Chooses few schedules that take every row of every table which real processes can be led to."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from incumbent.lifecycle.machine import states

from ..automaton import every_row
from ..configurations import E1, E1_THERE, E2, E3, R1, R1_THERE, R2, R3, STOP
from ..schedules import Line, Simulation, Told
from ..world import (
    HANGS,
    HANGS_EARLY,
    INBOX,
    MISLABELLED,
    NO_IMPORT,
    NO_RESUME,
    NO_START,
    Configuration,
    Move,
)

Key = tuple[str, tuple[str, ...]]

# Steps for which no real process can be held at the right moment, each with its reason.
UNLED: Final[Mapping[str, str]] = {
    "gives up asking": "the answer is lost within one verb, between two system calls",
    "a warming-up that ends beside an ask": "the shipped verb takes the ask first",
    "a drain beside the death of a standby": "the shipped verb may end before it hears of it",
    "dies soon after it was up": "when an app ends its own process is its own",
    "deadline within a watch": "the launcher's wait for a child that is up is one verb",
}
# Rows that no chosen script takes, each with the reason.
UNTAKEN: Final[Mapping[Key, str]] = dict.fromkeys(
    (
        (machine, tuple(row))
        for machine, row in every_row()
        if {states.JUDGING, states.FORCING} & {row.source, row.dest}
    ),
    "it takes a worker that hangs: tests/process/test_force.py",
) | {
    ("spawner", ("launches_spent", "handing-off", "failed")): (
        "two launches, then a joined handover that is overdue: too deep for the search of scripts"
    ),
    ("spawner", ("nothing_to_try", "handing-off", "failed")): (
        "a replay's first worker is good: the record is emptied only where nothing ever was"
    ),
    ("spawner", ("data_held_elsewhere", "spawning", "failed")): ("it takes two network namespaces"),
    ("stop", ("data_held_elsewhere", "locking/holding", "failed")): "as above",
    ("spawner", ("deadline_passed", "spawning", "failed")): (
        "a launch that meets held data on its deadline: too deep for the search of scripts"
    ),
    ("stop", ("deadline_passed", "locking/holding", "failed")): "as above",
    ("spawner", ("moved_already", "locking", "failed")): (
        "another worker elsewhere behind the one that was moved: too deep for the search of scripts"
    ),
    ("spawner", ("moved_already", "handing-off", "failed")): "as above",
    ("worker", ("data_held", "idle", "failed")): (
        "a launched child is fenced before it finds its data served; a `run` by hand is not"
    ),
    ("worker", ("data_held", "idle/adopted", "failed")): (
        "it takes a predecessor of the first edition, which passes no serve lock"
    ),
    ("worker", ("standby_failed", "handing-off/passing-socket", "handing-off/resuming")): (
        "a build that dies by itself between ready and the socket can't be held there"
    ),
    ("worker", ("standby_failed", "handing-off/draining", "verified")): "as above",
    ("worker", ("standby_gone", "handing-off/draining", "verified")): (
        "the shipped drain may end before it hears of the death"
    ),
    ("worker", ("no_record", "spawning", "failed")): (
        "a replay's first worker is good: the record is emptied only where nothing ever was"
    ),
    ("worker", ("record_unusable", "handing-off", "verified")): "as above",
    ("worker", ("left_to_manager", "handing-off", "handing-off/stopping")): (
        "it takes a service manager: tests/process/test_managers.py"
    ),
    ("worker", ("pipe_closed", "idle/standby", "idle/stopped")): (
        "a standby that is importing can't hear its pipe"
    ),
}
STATES = 40_000
SCRIPTS = Path(__file__).with_name("scripts.json")


class Script(NamedTuple):
    """A way through a world: which of the moves that could happen did, again and again."""

    configuration: Configuration
    choices: tuple[int, ...]


def can_be_led(state: Any, move: Move) -> bool:
    """Whether the conductor can lead a real process through this step."""
    if move.what.startswith("awaits standby ") and state[move.actor][INBOX]:
        return False
    if move.what.startswith("watches ") and move.what.endswith(", deadline"):
        return False
    if move.what == "drains" and move.result is False:
        return False
    return move.what not in ("gives up asking", "dies soon after it was up")


def worlds() -> list[Configuration]:
    """Give small worlds in which, together, every row can be taken."""
    at_1 = Configuration("", (), workers=4, serving="1", recorded="1", good="1")
    dark = at_1._replace(serving="")
    found = [
        dark._replace(launchers=(E1,), kills=1, overruns=1),
        dark._replace(launchers=(E1, E1), kills=1),
        dark._replace(launchers=(E1, E1), overruns=1, signals=1),
        dark._replace(launchers=(E2, R2), broken=(("2", NO_START),)),
        dark._replace(launchers=(E2,), broken=(("2", HANGS),), signals=1),
        dark._replace(launchers=(E2,), recorded="", good="", broken=(("2", NO_IMPORT),)),
        dark._replace(launchers=(E2, E2), recorded="", good="", broken=(("2", NO_IMPORT),)),
        dark._replace(launchers=(STOP, E1), foreigners=1, deadlines=1, denials=1),
        dark._replace(launchers=(STOP, E1), losses=1, overruns=1),
        dark._replace(launchers=(E1,), kills=2),
        dark._replace(launchers=(E1, R1), deadlines=1),
        dark._replace(launchers=(E2,), broken=(("2", MISLABELLED),)),
        at_1._replace(launchers=(E2,), broken=(("2", MISLABELLED),)),
        at_1._replace(launchers=(E2,), broken=(("2", NO_START), ("1", NO_RESUME))),
        at_1._replace(launchers=(E2,), seamless=False, kills=2),
        at_1._replace(launchers=(E2,), seamless=False, broken=(("2", NO_START),), overruns=1),
        at_1._replace(launchers=(E2, STOP, STOP), kills=1),
        at_1._replace(launchers=(E1_THERE,)),
        at_1._replace(launchers=(R1_THERE,), kills=1),
        at_1._replace(launchers=(R1_THERE,), losses=1, deadlines=1),
        at_1._replace(launchers=(R1_THERE, R2), workers=5),
        at_1._replace(launchers=(R1_THERE, E1), kills=1),
        at_1._replace(launchers=(("ensure", "2", 1), E1), kills=1),
        dark._replace(launchers=(E1, ("stop", "1", 1)), kills=1, overruns=1),
        dark._replace(launchers=(E1, E1_THERE), kills=1, overruns=1),
        at_1._replace(launchers=(R2, R3)),
        at_1._replace(launchers=(E1,), idles=1),
        at_1._replace(launchers=(E1,), settles=True),
    ]
    for seamless in (True, False):
        here = at_1._replace(seamless=seamless)
        found += [
            here._replace(launchers=(E2,), kills=1, overruns=1),
            here._replace(launchers=(R2, STOP)),
            here._replace(launchers=(R2, E2), kills=1),
            here._replace(launchers=(R2,), signals=1, deadlines=1),
            here._replace(launchers=(E2, E3)),
            here._replace(launchers=(E2, R2), losses=1),
            here._replace(launchers=(STOP, E2), denials=1, deadlines=1),
            here._replace(launchers=(STOP, E2), foreigners=1),
            here._replace(launchers=(STOP,), losses=1, deadlines=1),
        ]
        for how in (NO_IMPORT, NO_START, HANGS, HANGS_EARLY):
            found.append(here._replace(launchers=(E2, R2), broken=(("2", how),)))
    return found


def first_ways(configuration: Configuration, wanted: set[Key]) -> dict[Key, Script]:
    """Give the shortest way to each wanted row of one world, as far as it is searched."""
    world = Told(configuration)
    root = world.initial()
    came: dict[Any, tuple[Any, int] | None] = {root: None}
    frontier, ways = [root], dict[Key, Script]()

    def script(state: Any, last: int) -> Script:
        choices = [last]
        while (step := came[state]) is not None:
            state, number = step
            choices.append(number)
        return Script(configuration, tuple(choices[::-1]))

    while frontier and len(came) < STATES and wanted - ways.keys():
        following: list[Any] = []
        for state in frontier:
            options = [o for o in world.options(state) if o[0].state is not None]
            for number, (move, rows) in enumerate(options):
                if not can_be_led(state, move):
                    continue
                for row in rows:
                    key = (machine_of(world, move.actor), tuple(row))
                    if key in wanted and key not in ways:
                        ways[key] = script(state, number)
                if move.state not in came:
                    came[move.state] = (state, number)
                    following.append(move.state)
        frontier = following
    return ways


def machine_of(world: Told, actor: int) -> str:
    """Give whose table a row of this actor is in."""
    if world.is_worker(actor):
        return "worker"
    return "stop" if world.machine(actor) == "stop" else "spawner"


def follow(simulation: Simulation, script: Script) -> None:
    """Take the steps of a script, then let everybody come to an end in turn."""
    for number in script.choices:
        simulation.take(simulation.options()[number])
    simulation.settle()


def rows_of(lines: Iterable[Line]) -> set[Key]:
    """Give which rows of which tables these lines took."""
    return {(line.machine, tuple(line.row)) for line in lines}


def chosen() -> tuple[tuple[Script, ...], frozenset[Key]]:
    """Give scripts that take together what can be taken, with the rows that none takes."""
    missing: set[Key] = {(machine, tuple(row)) for machine, row in every_row()}
    candidates: list[tuple[Script, set[Key]]] = []
    for world in worlds():
        found = first_ways(world, missing)
        for script in dict.fromkeys(sorted(found.values(), key=lambda s: -len(s.choices))):
            simulation = Simulation(script.configuration)
            follow(simulation, script)
            candidates.append((script, rows_of(simulation.lines)))
        missing -= set().union(set(), *(rows for _, rows in candidates))
    scripts, covered = [], set[Key]()
    while candidates:
        best = max(candidates, key=lambda one: len(one[1] - covered))
        if not best[1] - covered:
            break
        scripts.append(best[0])
        covered |= best[1]
    return tuple(scripts), frozenset(missing)


# The chosen ones are kept in a file: choosing takes half a minute.


def saved() -> list[Script]:
    """Give the scripts that were chosen the last time."""
    said = json.loads(SCRIPTS.read_text())
    return [Script(_configuration(entry["world"]), tuple(entry["choices"])) for entry in said]


def _configuration(said: dict[str, Any]) -> Configuration:
    pairs = {name: tuple(map(tuple, said[name])) for name in ("launchers", "broken")}
    return Configuration(**(said | pairs | {"outcomes": ()}))


def main() -> int:
    """Choose anew, save, say what no script takes."""
    scripts, missing = chosen()
    said = [{"world": s.configuration._asdict(), "choices": s.choices} for s in scripts]
    SCRIPTS.write_text("[\n" + ",\n".join(json.dumps(one) for one in said) + "\n]\n")
    print(f"{len(scripts)} scripts, {sum(len(s.choices) for s in scripts)} steps")
    for machine, row in sorted(missing):
        print(f"none takes {machine}: {row}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
