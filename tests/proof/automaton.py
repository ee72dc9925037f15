"""Turns a shipped driver into an automaton, built lazily by replaying it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from incumbent.lifecycle.drivers import driver as driver_module
from incumbent.lifecycle.drivers.ports import RECYCLE
from incumbent.lifecycle.drivers.spawner import Spawner
from incumbent.lifecycle.drivers.stopper import Stopper
from incumbent.lifecycle.drivers.worker import WorkerDriver
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import MACHINES, Row

from .frames import FORGOTTEN, fingerprint
from .verbs import Call, Verbs

_NO_LAUNCH = Generation("", 0)
# After these verbs a driver has done with what it last saw: the next look replaces it.
_SEEN_IS_OVER = frozenset(
    {"acquire", "ask", "kill", "lock_is_free", "mark_good", "pause", "probe", "reject"}
    | {"spawn", "watch", "end_judged"}
)

_OPENING = (states.STARTING, states.VERIFIED)
# Everywhere else these are set anew before they are read.
_OUT = frozenset(
    {states.DRAINING, states.DRAINED, states.APP_DOWN, states.PASSING_SOCKET, states.CLOSING}
)
_CARED_FOR = frozenset({states.SPAWNING, states.AWAITING_CHILD, states.AWAITING_SUCCESSOR})
_NEEDED_IN = {
    "target": frozenset({states.HANDING_OFF}),
    "why": frozenset({states.LOCKING, states.HANDING_OFF, states.WARMING_UP, states.SPAWNING})
    | _OUT,
}
# The same for what a worker's launch attempts keep.
_ATTEMPTS_NEEDED_IN = frozenset({states.HANDING_OFF, states.WARMING_UP}) | _OUT | _CARED_FOR
_JUDGING = frozenset({"mark_good", "reject", "candidates", "release"})
# Between these and the next state it was just set.
_KEEPING = {"why": ("hold_lock_wait",)}


class Local(NamedTuple):
    """One state of one driver: what it asks of the world next, and what the world may know."""

    program: tuple[Any, ...]
    call: Call
    state: str
    recycle: bool
    good_next: bool
    final: Any  # for a run that is over: (event, exit code or the health it was verified by, Run)


_ENGINES: dict[tuple[str, str], list[Any]] = {}  # to be used again: making one costs most


class Automata:
    """Every driver of one exploration; a local state is a number."""

    def __init__(self, materialise: Callable[[Call, Any], Any]) -> None:
        self._materialise = materialise
        self.locals: list[Local] = []
        self.calls: list[Call] = []
        self.states: list[str] = []
        self._history: list[tuple[int, Any] | None] = []
        self._known: dict[Any, int] = {}
        self._begun: dict[Any, int] = {}
        self._moves: dict[tuple[int, Any], int] = {}
        self.rows: dict[tuple[int, Any], tuple[Row, ...]] = {}
        self.taken: set[tuple[str, Row]] = set()
        self._replay_of: dict[int, tuple[Any, Any]] = {}

    def begin(self, program: tuple[Any, ...]) -> int:
        """Give the first local state of a program."""
        lid = self._begun.get(program)
        if lid is None:
            coroutine, driver = self._start(program)
            call = coroutine.send(None)
            lid = self._begun[program] = self._number(program, coroutine, driver, call, None)
        return lid

    def advance(self, lid: int, result: Any) -> int:
        """Give the local state after the world answered."""
        key = (lid, result)
        after = self._moves.get(key)
        if after is None:
            after = self._moves[key] = self._advance(lid, result)
        return after

    def _advance(self, lid: int, result: Any) -> int:
        program = self.locals[lid].program
        coroutine, driver = self._live(lid)
        call: Call | None = None
        rows = []
        try:
            now: Call = coroutine.send(self._materialise(self.calls[lid], result))
            while now[0] == "note" and not self._is_a_point(program, now[1]):
                rows.append(now[1])
                self.taken.add((self._machine(program), now[1]))
                now = coroutine.send(None)
            call = now
        except StopIteration:
            pass
        self.rows[lid, result] = tuple(rows)
        if call is not None and call[0] == "note":
            self.taken.add((self._machine(program), call[1]))
        return self._number(program, coroutine, driver, call, (lid, result))

    def _is_a_point(self, program: tuple[Any, ...], row: Row) -> bool:
        """Whether others may act between this row and what came before: requests are let in."""
        return program[0] == "worker" and (row.source, row.dest) == _OPENING

    @staticmethod
    def _machine(program: tuple[Any, ...]) -> str:
        return "spawner" if program[0] in ("ensure", "restart") else program[0]

    def _number(
        self,
        program: tuple[Any, ...],
        coroutine: Any,
        driver: Any,
        call: Call | None,
        came: tuple[int, Any] | None,
    ) -> int:
        if call is None:
            seen = getattr(driver, "seen", None)
            health = seen.health if isinstance(seen, ProbeResult) else None
            told = (health.pid, health.version, health.state) if health else None
            final = (
                driver.last_event,
                driver.exit_code if isinstance(driver, WorkerDriver) else told,
                getattr(driver, "begun", None),
            )
            call = ("over",)
            print_ = (driver.state, final)
        else:
            final = None
            self._forget(driver, call)
            print_ = fingerprint(coroutine, driver)
        key = (program, call, print_)
        lid = self._known.get(key)
        if lid is None:
            lid = self._known[key] = len(self.locals)
            why = getattr(driver, "why", None)
            recycle = isinstance(why, str) and why == RECYCLE
            attempts = getattr(driver, "attempts", None)
            good = False
            if attempts is not None and attempts.failed is not FORGOTTEN:
                good = attempts.falls_back
            self.locals.append(Local(program, call, driver.state, recycle, good, final))
            self.calls.append(call)
            self.states.append(driver.state)
            self._history.append(came)
            if final is None:
                self._replay_of[lid] = (coroutine, driver)
                return lid
        self._give_back(program, driver, coroutine)
        return lid

    @staticmethod
    def _forget(driver: Any, call: Call) -> None:
        """Blank what is only for people, or replaced before it is read; reading it is an error."""
        driver.detail = ""
        if call[0] != "note" and not driver.engine.final:
            driver.last_event = ""
        held = vars(driver)
        if isinstance(driver, Spawner) and not driver.restart:
            driver.begun = driver.begun._replace(noted=_NO_LAUNCH)  # an ensure compares none
        if "error" in held:
            driver.error = ""
        if "found" in held:
            driver.found = False
        if "seen" in held and call[0] in _SEEN_IS_OVER:
            driver.seen = FORGOTTEN
        where = driver.state
        attempts = held.get("attempts")
        if attempts is not None:
            attempts.detail = ""
            if call[0] not in _JUDGING:
                attempts.outcome = FORGOTTEN
            if isinstance(driver, WorkerDriver) and where not in _ATTEMPTS_NEEDED_IN:
                attempts.count = attempts.failed = attempts.order = FORGOTTEN
        for name, needed_in in _NEEDED_IN.items():
            just_set = call[0] in _KEEPING.get(name, ())
            if name in held and where not in needed_in and not just_set:
                setattr(driver, name, FORGOTTEN)

    def _live(self, lid: int) -> tuple[Any, Any]:
        """Give a driver suspended in this local state, by replay where none is kept."""
        kept = self._replay_of.pop(lid, None)
        if kept is not None:
            return kept
        results = []
        at = lid
        while (came := self._history[at]) is not None:
            at, result = came
            results.append((at, result))
        coroutine, driver = self._start(self.locals[lid].program)
        call = coroutine.send(None)
        self._forget(driver, call)
        for at, result in reversed(results):
            call = coroutine.send(self._materialise(self.calls[at], result))
            for _ in self.rows[at, result]:
                call = coroutine.send(None)
            self._forget(driver, call)
        return coroutine, driver

    def _start(self, program: tuple[Any, ...]) -> tuple[Any, Any]:
        names = vars(driver_module)
        shipped, names["Engine"] = names["Engine"], self._engine
        try:
            driver = _made(program)
        finally:
            names["Engine"] = shipped
        return driver.run(), driver

    def _engine(self, machine: str, initial: str) -> Any:
        pool = _ENGINES.setdefault((machine, initial), [])
        if pool:
            return pool.pop()
        from incumbent.lifecycle.machine.engine import Engine

        return Engine(machine, initial)

    def _give_back(self, program: tuple[Any, ...], driver: Any, coroutine: Any) -> None:
        """Use the engine again: making one costs more than a whole replay."""
        coroutine.close()
        engine = driver.engine
        initial = states.STANDBY if program[0] == "worker" and program[1] else states.IDLE
        engine.begin(initial)
        _ENGINES.setdefault((engine.machine, initial), []).append(engine)

    def end(self) -> None:
        """Give back the engines of the drivers that are kept suspended."""
        while self._replay_of:
            lid, (coroutine, driver) = self._replay_of.popitem()
            self._give_back(self.locals[lid].program, driver, coroutine)

    def path(self, lid: int) -> list[tuple[Call, Any]]:
        """Give what one driver asked and was answered on the way to a local state."""
        steps = []
        while (came := self._history[lid]) is not None:
            lid, result = came
            steps.append((self.calls[lid], result))
        return steps[::-1]


def _made(program: tuple[Any, ...]) -> Any:
    verbs = Verbs()
    if program[0] == "worker":
        return WorkerDriver(verbs, *program[1:])
    if program[0] == "stop":
        return Stopper(verbs, *program[1:])
    restart = program[0] == "restart"
    return Spawner(verbs, restart, *program[1:])


def every_row() -> set[tuple[str, Row]]:
    """Give each row of each table, with its machine."""
    return {(machine, row) for machine, (rows, _, _) in MACHINES.items() for row in rows}
