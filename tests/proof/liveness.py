"""Judges the whole graph of an exploration: what can go on for ever, and where things can end."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from incumbent.lifecycle.machine import states

from .world import ACCEPTS, ACTORS, BUDGET, BUILD, LID, OVER_ENTRY, RECORD, RECYCLES, SERVED, World

if TYPE_CHECKING:
    from .explorer import Explorer

HEALERS = 3  # worker processes on top of the bound, for the event after the last fault


class Liveness:
    """L1 and L2 over the edges that no fault makes."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._ends = [number for number, _ in explorer._ends]

    def check(self) -> None:
        """Look for endless runs, for states without a way to an end, for ends that stay broken."""
        explorer = self._explorer
        report = explorer.report
        endless = self.endless()
        if endless is not None:
            explorer.accuse(endless, "L1", "runs go on for ever without a look at their deadline")
            return
        stuck = self.stuck()
        if stuck is not None:
            explorer.accuse(stuck, "L2", "no continuation without a fault comes to an end")
            return
        report.at_stake.add("L1")
        ends = explorer._ends
        for version in sorted({launcher[1] for launcher in explorer.configuration.launchers}):
            if not self._heal(version, ends):
                return
        explorer.world.at_stake.add("L2")

    def _reverse(self, waiting: bool) -> tuple[array[int], array[int]]:
        """Give the edges by their destination; without `waiting`, those of waits left out."""
        explorer = self._explorer
        size = len(explorer._parents)
        first = array("q", bytes(8 * (size + 1)))
        triples = (explorer._edges_from, explorer._edges_to, explorer._waits)
        for _, its, waits in zip(*triples, strict=True):
            if its >= 0 and (waiting or not waits):
                first[its + 1] += 1
        for number in range(size):
            first[number + 1] += first[number]
        at = array("q", first)
        sources = array("q", bytes(8 * first[size]))
        for number, its, waits in zip(*triples, strict=True):
            if its >= 0 and (waiting or not waits):
                sources[at[its]] = number
                at[its] += 1
        return first, sources

    def endless(self) -> int | None:
        """Give a state on a way that never waits and never ends, if there is one."""
        explorer = self._explorer
        first, sources = self._reverse(waiting=False)
        ways = array("q", bytes(8 * len(explorer._parents)))
        for number in sources:
            ways[number] += 1
        over = [number for number, count in enumerate(ways) if not count]
        left = len(ways) - len(over)
        while over:
            number = over.pop()
            for source in sources[first[number] : first[number + 1]]:
                ways[source] -= 1
                if not ways[source]:
                    over.append(source)
                    left -= 1
        return next((number for number, count in enumerate(ways) if count), None) if left else None

    def stuck(self) -> int | None:
        """Give a state from which no end can be reached, if there is one."""
        explorer = self._explorer
        first, sources = self._reverse(waiting=True)
        known = bytearray(len(explorer._parents))
        reached = list(self._ends)
        triples = (explorer._edges_from, explorer._edges_to)
        reached += [n for n, its in zip(*triples, strict=True) if its < 0]  # beyond the bound
        for number in reached:
            known[number] = 1
        while reached:
            number = reached.pop()
            for source in sources[first[number] : first[number + 1]]:
                if not known[source]:
                    known[source] = 1
                    reached.append(source)
        stuck = known.find(0)
        return stuck if stuck >= 0 else None

    def _heal(self, version: str, ends: list[tuple[int, tuple[Any, ...]]]) -> bool:
        """Let one more `ensure` meet every end; it must come to a current worker."""
        explorer = self._explorer
        c = explorer.configuration
        first_worker = ACTORS + len(c.launchers)
        calm = c._replace(
            launchers=(("ensure", version),) * len(c.launchers),
            kills=0,
            overruns=0,
            deadlines=0,
            losses=0,
            signals=0,
            denials=0,
            foreigners=0,
            lost_records=0,
            recycles=None,
            generations=None,
            outcomes=("worker_fits", "child_ready"),
            liveness=True,
        )
        roots: dict[tuple[Any, ...], int] = {}
        for number, state in ends:
            s = list(state)
            s[BUDGET] = (0,) * len(s[BUDGET])
            s[RECYCLES] = 0
            s[ACTORS:first_worker] = [OVER_ENTRY] * len(c.launchers)
            s[ACTORS] = explorer.world.new_launcher("ensure")
            roots.setdefault((*s, *[()] * HEALERS), number)
        return explorer.heal(calm, roots, version)


def settled_well(world: World, state: tuple[Any, ...]) -> str:
    """Give what is wrong with an end after the last event, or nothing."""
    if any(state[index] != OVER_ENTRY for index in range(ACTORS, world.first_worker)):
        return "a run waits for ever"
    actor = world.accepting(state, state[ACCEPTS])
    if not actor or not state[SERVED]:
        return "no worker answers"
    if world._states[state[actor][LID]] != states.VERIFIED:
        return f"the worker stays {world._states[state[actor][LID]]}"
    version = world.builds[state[actor][BUILD]].version
    recorded = world.records[state[RECORD]].recorded
    if recorded is None or version < recorded.version:
        return f"the worker of version {version} stays although another is recorded"
    return ""
