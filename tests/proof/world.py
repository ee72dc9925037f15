"""An in-memory kernel under the shipped drivers: what each verb does, what each fault does.

A state is a tuple of values: the shared things, then one entry for each launcher, then one for
each worker process. Every verb is one step; a step that only its own actor could notice is done
together with the one before it (`pause`, `refuse`, `can_pass_socket`, `hold_lock_wait`,
`say_ready`, `accept_ask`, `remove_pid`, the import of a worker that holds the port, a note that
opens nothing, and in a world of one address what is seen or freed of the serve lock while the
port says the same). What nobody can read any more is blanked (`blanked`).
"""

# ruff: noqa: ARG002 - every verb has the one signature

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from incumbent.lifecycle import health as h
from incumbent.lifecycle.drivers.ports import (
    ACCEPTED,
    EXIT_LATE,
    EXIT_LOST,
    IDLE,
    JOINED,
    KILLED,
    LOCK_REFUSED,
    MISSED,
    NOT_PROVED,
    REFUSED,
    SETTLED,
    SHUTDOWN,
    UNANSWERED,
    Child,
    ChildExit,
    Launch,
    LockResult,
    Reply,
    Request,
    Run,
    StepResult,
)
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import Health, ProbeResult
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.engine import RefusedError
from incumbent.lifecycle.record import (
    Build,
    Record,
    candidates,
    marked_good,
    registered,
    rejected,
)
from incumbent.lifecycle.soon_dead import UP as WAS_REACHED
from incumbent.lifecycle.soon_dead import LastLaunch, build_key, counted

from .automaton import Automata

# The shared part of a state.
RECORD, LOCK, SERVED, HOLDERS, ACCEPTS, PIDFILE, BUDGET, RECYCLES = range(8)
# The highest number of a launch, who holds the serve lock, the pid and address written into it.
# Where deaths count, with the build of who wrote that, and whether it has settled; then they stay
# after its death. Then the bits of the workers that stand still: they accept, and never answer.
NUMBER_OF_LAUNCH, SERVE, NAMED, STILL, ACTORS = range(8, 13)

# What every actor has: LID its local state, CLAIM its token or 0, OVERRUN whether its lease ran
# out, CHILDREN the pids it has not settled, LAST what became of the child it settled last.
LID, CLAIM, OVERRUN, CHILDREN, LAST = range(5)
# A launcher, on top: the worker that it asked, the number of that ask, the answer, asks spent,
# workers moved, the highest number of a launch when its restart began, the pid that it judged.
ASKED, NUMBER, ANSWER, SPENT, MOVED, BEGUN, JUDGED = range(5, 12)
# A worker, on top.
TOKEN, BUILD, UP, READY, PASSED, GENERATION, APP, INBOX, ORPHAN, LOST, ADDRESS = range(5, 16)
LAUNCHED = 16  # the number of its launch, whatever it says of itself
SETTLES = 17  # whether it has settled

REFUSALS = (RefusedError, AssertionError, KeyError)  # what a driver raises that has no way on

DEAD, GONE, OVER = -1, -2, -3  # in place of a local state
OVER_ENTRY = (OVER,)
GONE_ENTRY = (GONE,)

# What became of a child, for LAST.
NOTHING, ITS_FAULT, BLAMELESS, WAS_UP = range(4)

WAITING, ANSWERED, CUT_OFF, TOLD_JOINED = range(4)

FAILED_TO_LISTEN, BURIED = 1, 2  # for LOST

# Whose budget a fault spends.
KILLS, OVERRUNS, DEADLINES, LOSSES, SIGNALS, DENIALS, FOREIGNERS = range(7)
LOST_RECORDS, STILLS, IDLES = range(7, 10)

FOREIGN_BIT = 1 << 20  # at the first address

LINE = 1000  # more numbers than any world gives; a lost record begins a new line
OTHER_NAMESPACE = 2  # addresses from here on are in another network namespace than those below

OK = "ok"
NO_IMPORT = "does not import"
NO_START = "its app does not start"
HANGS = "hangs"
HANGS_EARLY = "hangs while importing"
MISLABELLED = "another version than recorded"
NO_RESUME = "its app starts only once"
NO_WAIT = "dies while it waits for the socket"
DIES_SOON = "dies soon after it is up"


class Configuration(NamedTuple):
    """One bounded world: who is there at the beginning, and which faults may happen."""

    name: str
    # (ensure, restart or stop; own version; its address; whether it is forced)
    launchers: tuple[tuple[Any, ...], ...]
    workers: int  # how many worker processes may ever be
    seamless: bool = True
    managed: bool = False  # whether a service manager started the one that serves
    serving: str = ""  # the version that serves at the beginning; "" for a dark port
    at: int = 0  # the address at which it serves
    recorded: str = ""
    good: str = ""
    pinned: str = ""
    broken: tuple[tuple[str, str], ...] = ()  # (version, how)
    kills: int = 0
    overruns: int = 0
    deadlines: int = 0
    losses: int = 0
    signals: int = 0
    denials: int = 0
    foreigners: int = 0
    lost_records: int = 0
    hung: int = 0  # how often a worker may stand still from then on
    idles: int = 0  # how often a worker that serves may have been unused for too long
    settles: bool = False  # whether a worker that serves settles, and one that dies before counts
    # Whether events come again and again, one after the other: I16 and I17.
    repeats: bool = False
    outcomes: tuple[str, ...] = ()  # the last events with which a run without faults may end
    recycles: int | None = None  # L3: how many may happen in all
    generations: int | None = None  # how many workers may begin to serve in all
    liveness: bool = False
    limit: int = 3_000_000


class Move(NamedTuple):
    """One step: by whom, what, with which answer, whether it is a fault, to which state."""

    actor: int
    what: str
    result: Any
    fault: bool
    state: tuple[Any, ...] | None  # None: beyond the bound on processes
    waits: bool = False  # its actor looked at its deadline on the way


def budget_of(c: Configuration) -> tuple[int, ...]:
    """Give how many of each fault a configuration allows, in the order of KILLS, OVERRUNS, …."""
    budget = (c.kills, c.overruns, c.deadlines, c.losses, c.signals, c.denials, c.foreigners)
    return (*budget, c.lost_records, c.hung, c.idles)


def generation(number: int) -> Generation:
    """Give the generation that a world's number stands for."""
    return Generation(f"line {number // LINE}", number % LINE)


def build_of(version: str, seamless: bool = True) -> Build:
    """Give the build of one version."""
    strategies = ("seamless", "rebind") if seamless else ("rebind",)
    return Build(version, "app", "python", (), "", strategies)


class World:
    """The rules; the verbs are methods named after those of the drivers' system."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = c = configuration
        self.launchers = len(c.launchers)
        self.first_worker = ACTORS + self.launchers
        self.automata = Automata(self.materialise)
        self.broken = dict(c.broken)
        self.numbered = any(launcher[0] == "restart" for launcher in c.launchers)
        self.deaths_count = c.settles or DIES_SOON in self.broken.values()
        self.one_address = not c.at and not any(any(launcher[2:3]) for launcher in c.launchers)
        self.builds: list[Build] = []
        self._build_numbers: dict[Build, int] = {}
        self.records: list[Record] = []
        self._record_numbers: dict[Record, int] = {}
        self._changes: dict[Any, Any] = {}
        self._wrong_change: Any = None
        self.found: tuple[str, str] | None = None
        self.ignored: frozenset[str] = frozenset()
        self.at_stake: set[str] = set()
        self.own_deadlines: set[str] = set()
        self.free_deadlines = False
        self._verbs = {
            name.removeprefix("do_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("do_")
        }
        self._calls = self.automata.calls
        self._states = self.automata.states
        self._same = self._equal_launchers()

    def calmed(self, configuration: Configuration) -> World:
        """Give the world of another configuration whose values have the same numbers."""
        other = type(self)(configuration)
        other.automata, other._calls, other._states = self.automata, self._calls, self._states
        other.builds, other._build_numbers = self.builds, self._build_numbers
        other.records, other._record_numbers = self.records, self._record_numbers
        other.ignored, other.at_stake = self.ignored, self.at_stake
        other.own_deadlines, other._same = self.own_deadlines, []
        return other

    # How a world begins.

    def initial(self) -> tuple[Any, ...]:
        """Give the first state: launchers that have not begun, a worker that serves or none."""
        c = self.configuration
        good = build_of(c.good) if c.good else None
        recorded = build_of(c.recorded) if c.recorded else None
        record = self.number_of_record(Record("", recorded, good, (), c.pinned))
        state: list[Any] = [record, (), 0, 0, 0, 0, budget_of(c), 0, 0, 0, (), 0]
        state += [self.new_launcher(launcher[0], *launcher[3:]) for launcher in c.launchers]
        state += [()] * c.workers
        if c.serving:
            self._put_serving(state, c.serving)
        return tuple(state)

    def new_launcher(self, machine: str, *forced: bool) -> tuple[Any, ...]:
        """Give a launcher that has not begun."""
        lid = self.automata.begin((machine, *forced))
        return (lid, 0, 0, 0, NOTHING, 0, 0, WAITING, 0, 0, 0, 0)

    def _put_serving(self, state: list[Any], version: str) -> None:
        lid = self.automata.begin(("worker", False, version, self.configuration.managed))
        answers = {
            "listen": ("step", "listen_ok"),
            "poll_ask": None,
            "load": ("step", "imported"),
            "start_app": ("step", "app_up"),
        }
        while self._calls[lid][0] != "next_ask":
            lid = self.automata.advance(lid, answers.get(self._calls[lid][0]))
        build = self.number_of_build(build_of(version))
        at = self.configuration.at
        state[SERVED], state[HOLDERS], state[ACCEPTS], state[PIDFILE] = 1, 1, 1, 1
        state[NUMBER_OF_LAUNCH], state[SERVE], state[NAMED] = 1, 1, (1, at)
        if self.deaths_count:
            state[NAMED] = (1, at, build, False)
        entry = (lid, 0, 0, 0, NOTHING, 0, build, 1, 0, 0, 1, 1, (), 1, 0, at, 1, 0)
        state[self.first_worker] = entry

    def _equal_launchers(self) -> list[list[int]]:
        groups: dict[Any, list[int]] = {}
        for index, launcher in enumerate(self.configuration.launchers):
            groups.setdefault(launcher, []).append(ACTORS + index)
        return [group for group in groups.values() if len(group) > 1]

    def canonical(self, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the state in which equal launchers stand in order."""
        for group in self._same:
            entries = [state[index] for index in group]
            ordered = sorted(entries)
            if entries != ordered:
                s = list(state)
                for index, entry in zip(group, ordered, strict=True):
                    s[index] = entry
                state = tuple(s)
        return state

    def blanked(self, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the state without what nobody can read any more."""
        if state[NAMED] and not state[SERVE] and not self.deaths_count:
            # Whoever takes the lock names itself at once.
            state = (*state[:NAMED], (), *state[NAMED + 1 :])
        return self._without_numbers(state)

    def _without_numbers(self, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give the state without the numbers of launches, once no restart compares them."""
        if not state[NUMBER_OF_LAUNCH] % LINE:
            return state
        for index, launcher in enumerate(self.configuration.launchers, ACTORS):
            if launcher[0] == "restart" and state[index][LID] >= 0:
                return state
        s = list(state)
        for actor in range(ACTORS, len(s)):
            entry = s[actor]
            if entry and entry[LID] >= 0:
                if self._calls[entry[LID]][0] == "spawn":
                    return state  # a number on its way
                if actor >= self.first_worker:
                    line = entry[GENERATION] // LINE * LINE, entry[LAUNCHED] // LINE * LINE
                    its = entry[APP:LAUNCHED], entry[SETTLES]
                    s[actor] = (*entry[:GENERATION], line[0], *its[0], line[1], its[1])
        s[NUMBER_OF_LAUNCH] = s[NUMBER_OF_LAUNCH] // LINE * LINE
        return tuple(s)

    # Numbers for values, so that a state stays small.

    def number_of_record(self, record: Record) -> int:
        """Give the number of a record."""
        number = self._record_numbers.get(record)
        if number is None:
            number = self._record_numbers[record] = len(self.records)
            self.records.append(record)
        return number

    def number_of_build(self, build: Build) -> int:
        """Give the number of a build."""
        number = self._build_numbers.get(build)
        if number is None:
            number = self._build_numbers[build] = len(self.builds)
            self.builds.append(build)
        return number

    def materialise(self, call: tuple[Any, ...], result: Any) -> Any:
        """Give the value that a driver gets for an answer of the world."""
        if not isinstance(result, tuple):
            return result
        kind = result[0]
        if kind == "seen":
            return self._seen(result)
        if kind == "step":
            return StepResult(result[1])
        if kind == "claim":
            return LockResult(result[1], "denied" if result[1] == LOCK_REFUSED else "")
        if kind == "reply":
            return Reply(result[1])
        if kind == "record":
            record = self.judged(self.records[result[1]])
            return record._replace(generation=generation(result[2]))
        if kind == "run":
            return Run(generation(result[1]), result[2])
        if kind == "launch":
            return Launch(self.builds_of(result[1]), generation(result[2]))
        if kind == "builds":
            return self.builds_of(result[1])
        if kind == "child":
            return Child(result[1], call[1])
        if kind == "ask":
            return Request(result[1], result[2])
        assert kind == "ended", kind
        _, code, up, ready, late, seen = result
        return ChildExit(code, up, ready, late, "", self._seen(seen) if seen else None)

    def judged(self, record: Record) -> Record:
        """Give the record as a driver reads it."""
        return record

    @staticmethod
    def _seen(result: tuple[Any, ...]) -> ProbeResult:
        if len(result) == 2:
            return ProbeResult(result[1])
        _, kind, pid, version, state, number, address = result
        health = Health(
            pid=pid,
            version=version,
            state=state,
            generation=generation(number),
            instance=str(pid),
            port=address,
        )
        return ProbeResult(kind, health)

    # Steps.

    def moves(self, state: tuple[Any, ...]) -> Iterator[Move]:
        """Give everything that can happen next."""
        for move in self._moves(state):
            if move.state is not None:
                after = self.blanked(move.state)
                if after is not move.state:
                    move = move._replace(state=after)
            yield move

    def _moves(self, state: tuple[Any, ...]) -> Iterator[Move]:
        for actor in range(ACTORS, len(state)):
            entry = state[actor]
            still = self.is_worker(actor) and state[STILL] & self.bit(actor)
            if entry and entry[LID] >= 0 and not still:
                call = self._calls[entry[LID]]
                yield from self._verbs[call[0]](state, actor, entry, call)
        yield from self.faults(state)

    def bad(self, invariant: str, what: str) -> None:
        """Take down a broken invariant; the first one counts."""
        if self.found is None and invariant not in self.ignored:
            self.found = (invariant, what)

    def went_on(
        self, s: list[Any], actor: int, me: list[Any], what: str, result: Any, fault: bool = False
    ) -> Iterator[Move]:
        """Give the state after an answer, and after what its actor does with nobody looking."""
        first = result
        waits = False
        while True:
            try:
                lid = me[LID] = self.automata.advance(me[LID], result)
            except REFUSALS as error:
                self.bad("T", f"{type(error).__name__}: {error}")
                yield Move(actor, what, first, fault, tuple(s), True)
                return
            call = self._calls[lid]
            verb = call[0]
            if verb == "pause":
                if s[BUDGET][DEADLINES] or self.free_deadlines:
                    other, its = list(s), list(me)
                    if not self.free_deadlines:
                        other[BUDGET] = self.spent(s, DEADLINES)
                    yield from self.went_on(
                        other, actor, its, f"{what}, deadline", False, not self.free_deadlines
                    )
                    if not self.is_worker(actor):
                        self.at_stake.add("L1")
                        if self._calls[its[LID]][0] not in ("over", "release"):
                            self.bad("L1", "a run went on after its deadline")
                result = True
                waits = True
            elif verb == "say_ready":
                me[READY] = 1
                result = None
            elif verb in ("refuse", "hold_lock_wait"):
                result = None
            elif verb == "remove_pid":
                if s[PIDFILE] == self.pid(actor):
                    s[PIDFILE] = 0
                result = None
            elif verb == "write_pid" and (me[READY] or self._states[lid] != states.NAMED):
                self.check_writes(s, actor, me, "writes the PID file")
                s[PIDFILE] = self.pid(actor)
                result = None
            elif verb == "take_data" and s[SERVE] & self.bit(actor):
                result = ("step", "data_taken")  # it came with the socket
            elif verb == "name_holder":
                self.check_writes(s, actor, me, "names itself")
                s[NAMED] = self.name_of(actor, me, False)
                result = None
            elif verb == "look_elsewhere" and self.one_address and self.is_idle_look(lid):
                result = self.elsewhere(s, 0)
            elif verb == "free_data" and self.one_address and not me[APP]:
                self.leaves_data(s, actor)
                result = None
            elif verb == "settle":
                s[NAMED] = self.name_of(actor, me, True)
                me[SETTLES] = 1
                result = None
            elif verb == "load" and self._states[lid] == states.STARTING:
                if (event := self.loading(me)) is None:
                    break
                if event != "imported":  # nobody is left to answer health
                    s[ACCEPTS] &= ~self.bit(actor)
                me[READY] = int(event == "imported")
                result = ("step", event)
            elif verb == "can_pass_socket":
                result = self.configuration.seamless and "seamless" in call[1].strategies
            elif verb == "accept_ask":
                self.answer(s, actor, call[1], call[2])
                result = None
            else:
                break
        if verb == "over":
            self.ended(s, actor, me)
        else:
            s[actor] = tuple(me)
        yield Move(actor, what, first, fault, tuple(s), waits)

    @staticmethod
    def spent(s: Any, which: int) -> tuple[int, ...]:
        """Give the budget with one fault less."""
        budget = list(s[BUDGET])
        budget[which] -= 1
        return tuple(budget)

    def is_idle_look(self, lid: int) -> bool:
        """Whether a look at the serve lock can tell this driver nothing at one address.

        Who is at its own address is seen by the probe alone; only who holds the spawn lock asks
        whether the serve lock is free.
        """
        return self._states[lid] not in (states.SPAWNING, states.MOVING, states.HOLDING)

    def simple(
        self, state: tuple[Any, ...], actor: int, entry: tuple[Any, ...], what: str, result: Any
    ) -> Iterator[Move]:
        """Give the move of a verb that changes nothing of the world."""
        return self.went_on(list(state), actor, list(entry), what, result)

    # Who is who.

    def bit(self, actor: int) -> int:
        """Give the bit of a worker in the sets of pids."""
        return 1 << (actor - self.first_worker)

    def slot(self, pid: int) -> int:
        """Give where the worker with this pid stands in a state."""
        return self.first_worker + pid - 1

    def pid(self, actor: int) -> int:
        """Give a worker's pid."""
        return actor - self.first_worker + 1

    def is_worker(self, actor: int) -> bool:
        """Whether this actor is a worker process."""
        return actor >= self.first_worker

    def accepting(self, s: Any, here: int) -> int:
        """Give which of these workers accepts; 0 when none does."""
        mask = s[ACCEPTS] & here
        return self.first_worker + mask.bit_length() - 1 if mask else 0

    def alive(self, s: Any, actor: int) -> bool:
        """Whether the process lives."""
        return bool(s[actor]) and s[actor][LID] >= 0

    def at(self, s: Any, address: int) -> int:
        """Give the bits of the workers at an address."""
        mask = 0
        for actor in range(self.first_worker, len(s)):
            entry = s[actor]
            if entry and entry[LID] >= 0 and entry[ADDRESS] == address:
                mask |= self.bit(actor)
        return mask

    def look(self, s: Any, address: int) -> tuple[Any, ...]:
        """Give what a probe of an address sees."""
        here = self.at(s, address)
        foreign = s[HOLDERS] & FOREIGN_BIT and not address
        if not (s[HOLDERS] & here or foreign):
            return ("seen", h.DARK)
        if foreign:
            return ("seen", h.FOREIGN)
        actor = self.accepting(s, here & ~s[STILL])
        if not actor:
            return ("seen", h.SILENT)
        entry = s[actor]
        state = self._states[entry[LID]]
        if self._calls[entry[LID]][0] == "note":
            state = self._calls[entry[LID]][1].source
        version = self.builds[entry[BUILD]].version
        kind = self.kind_of(state)
        return ("seen", kind, self.pid(actor), version, state, entry[GENERATION], address)

    def elsewhere(self, s: Any, address: int) -> tuple[Any, ...]:
        """Give what the serve lock says to a launcher at this address: the lock is the fact."""
        if not s[SERVE]:
            return ("seen", h.DATA_FREE)
        if not s[NAMED] or s[NAMED][1] == address:
            return ("seen", h.DATA_HELD)
        there = s[NAMED][1]
        if (there >= OTHER_NAMESPACE) != (address >= OTHER_NAMESPACE):
            return ("seen", h.OUT_OF_REACH)
        seen = self.look(s, there)
        return seen if len(seen) > 2 else ("seen", h.DATA_HELD)

    def address(self, s: Any, actor: int) -> int:
        """Give where a launcher looks, or a worker serves."""
        if self.is_worker(actor):
            return int(s[actor][ADDRESS])
        launcher = self.configuration.launchers[actor - ACTORS]
        return int(launcher[2]) if len(launcher) > 2 else 0

    @staticmethod
    def kind_of(state: str) -> str:
        """Give what `result_of` makes of a state."""
        health = Health(pid=1, version="1", state=state, instance="1")
        return h.result_of(health).kind

    # The port's rules; they are held against the real kernel.

    def listened(self, s: list[Any], actor: int) -> bool:
        """Listen on the address; False when anybody holds it."""
        here = self.at(s, s[actor][ADDRESS]) | (0 if s[actor][ADDRESS] else FOREIGN_BIT)
        if s[HOLDERS] & here:
            return False
        s[HOLDERS] |= self.bit(actor)
        return True

    def shared(self, s: list[Any], child: int) -> None:
        """Give one more process the listening socket."""
        s[HOLDERS] |= self.bit(child)

    def closed(self, s: list[Any], actor: int) -> None:
        """Close what a process has of the listening socket; its connections are reset."""
        s[HOLDERS] &= ~self.bit(actor)
        s[SERVE] &= ~self.bit(actor)
        s[ACCEPTS] &= ~self.bit(actor)
        s[STILL] &= ~self.bit(actor)
        self.cut_off(s, actor)

    # Life and death.

    def die(self, s: list[Any], actor: int, code: int, cause: int) -> None:
        """End a process: its sockets and pipes close, its files stay."""
        me = s[actor]
        for other in range(self.first_worker, len(s)):
            entry = s[other]
            if entry and entry[LID] >= 0 and me[CHILDREN] & self.bit(other) and not entry[ORPHAN]:
                s[other] = (*entry[:ORPHAN], 1, *entry[ORPHAN + 1 :])
            elif entry and entry[LID] == DEAD and me[CHILDREN] & self.bit(other):
                s[other] = GONE_ENTRY
        if not self.is_worker(actor):
            s[actor] = OVER_ENTRY
            return
        bit = self.bit(actor)
        if self.deaths_count and not me[UP] and s[NAMED][:1] == (self.pid(actor),):
            s[NAMED] = ()  # one that was never up does not count
        self.closed(s, actor)
        awaited = any(
            other != actor and self.alive(s, other) and s[other][CHILDREN] & bit
            for other in range(ACTORS, len(s))
        )
        s[actor] = (DEAD, code, me[UP], cause) if awaited else GONE_ENTRY

    def cut_off(self, s: list[Any], actor: int) -> None:
        """Reset the connections of those who wait for an answer of this worker."""
        pid = self.pid(actor)
        for index in range(ACTORS, self.first_worker):
            entry = s[index]
            if entry[LID] >= 0 and entry[ASKED] == pid and entry[ANSWER] == WAITING:
                s[index] = (*entry[:ANSWER], CUT_OFF, *entry[ANSWER + 1 :])

    def answer(self, s: list[Any], actor: int, number: int, joined: bool) -> None:
        """Let the 202 out to the one who asked under this number; 0 for all."""
        pid = self.pid(actor)
        for index in range(ACTORS, self.first_worker):
            entry = s[index]
            waits = entry[LID] >= 0 and entry[ASKED] == pid and entry[ANSWER] == WAITING
            if waits and number in (0, entry[NUMBER]):
                told = TOLD_JOINED if joined else ANSWERED
                s[index] = (*entry[:ANSWER], told, *entry[ANSWER + 1 :])

    def ended(self, s: list[Any], actor: int, me: list[Any]) -> None:
        """End a run: the checks on its end, then what its process does on the way out."""
        final = self.automata.locals[me[LID]].final
        if me[CLAIM] and s[LOCK][:1] == (me[CLAIM],):
            self.bad("V1", "a run ended while it held the lock")
            s[LOCK] = ()
        for child in range(self.first_worker, len(s)):
            if me[CHILDREN] & self.bit(child) and self.alive(s, child):
                self.bad("V2", "a run ended with its child neither settled nor dead")
        s[actor] = tuple(me)
        if self.is_worker(actor):
            code = final[1]
            cause = BLAMELESS if code in (0, EXIT_LOST) else ITS_FAULT
            if (s[HOLDERS] | s[SERVE]) & self.bit(actor) or (me[APP] and code == 0):
                self.bad("I2", "a process ended in order without closing its app and its port")
            self.die(s, actor, code, cause)
        else:
            self.check_end(s, actor, final)
            self.die(s, actor, 0, BLAMELESS)

    def check_end(self, s: list[Any], actor: int, final: Any) -> None:
        """Hold a launcher's verdict against the world."""
        event, told, run = final
        c = self.configuration
        machine = self.machine(actor)
        state = self._states[s[actor][LID]]
        untouched = s[BUDGET] == budget_of(c) and not self.free_deadlines
        if untouched and c.outcomes:
            self.at_stake.add("V5")
            if event not in c.outcomes:
                self.bad("V5", f"without a fault, a {machine} run ended {event}")
        if state != states.VERIFIED:
            return
        if machine == "stop":
            if s[BUDGET][OVERRUNS] == c.overruns:
                self.at_stake.add("I13")
                if s[SERVE] or s[HOLDERS] & self.at(s, self.address(s, actor)):
                    self.bad("I13", "a stop says done while a worker has the port or the data")
            return
        pid, version, said = told
        self.at_stake.add("V3")
        worker = s[self.slot(pid)]
        if said not in states.SERVING_STATES and event != "child_ready":
            self.bad("V3", f"verified by a worker in {said}")
        if worker and worker[LID] >= 0 and self.builds[worker[BUILD]].version != version:
            self.bad("V3", "verified by a version that the worker is not")
        if self.broken.get(version, OK) not in (OK, NO_RESUME, NO_WAIT, DIES_SOON):
            self.bad("V3", f"verified by a build that {self.broken[version]}")
        record = self.records[s[RECORD]]
        need = run.wanted
        if machine == "restart":
            if worker and worker[LID] >= 0:
                self.at_stake.add("I12")
                if worker[LAUNCHED] <= s[actor][BEGUN]:
                    self.bad("I12", "a restart was verified by a launch numbered before it began")
        elif need:
            if need in [r.version for r in record.rejected if r.stands]:
                need = ""  # content with any worker
            elif record.recorded:
                need = min(need, record.recorded.version)
        if (event != "child_ready" or machine == "restart") and need and version < need:
            self.bad("V3", f"verified by version {version}, wanted {need}")

    def machine(self, actor: int) -> str:
        """Give which run a launcher does."""
        return str(self.configuration.launchers[actor - ACTORS][0])

    # What can be checked only where it happens.

    def check_accepts(self, s: list[Any], actor: int) -> None:
        """I1 and I3, when a process begins to accept."""
        if s[actor] and self.is_worker(actor) and s[actor][LID] >= 0 and s[actor][LOST]:
            self.bad("I3", "a process whose listen failed serves")
        if not s[HOLDERS] & self.bit(actor):
            self.bad("I2", "a process accepts without holding the port")
        if s[ACCEPTS] & ~self.bit(actor):
            self.bad("I1", "two processes accept")

    def check_named(self, s: list[Any], actor: int) -> None:
        """I10, when a process begins to serve."""
        self.at_stake.add("I10")
        if s[NAMED][:1] != (self.pid(actor),):
            self.bad("I10", "a worker serves that the serve lock does not name")

    def check_writes(self, s: Any, actor: int, me: Any, what: str) -> None:
        """I2 and I3, when a process writes."""
        self.at_stake.update(("I2", "I9"))
        if me[LOST]:
            self.bad("I3", f"a process whose listen failed {what}")
        if not s[SERVE] & self.bit(actor):
            self.bad("I9", f"a process {what} without holding the serve lock")
        if not s[HOLDERS] & self.bit(actor):
            self.bad("I2", f"a process {what} without holding the port")

    def holds(self, s: Any, entry: Any) -> bool:
        """Whether this actor's claim is the lock that stands there."""
        return bool(entry[CLAIM]) and s[LOCK][:1] == (entry[CLAIM],)

    # Faults.

    def faults(self, state: tuple[Any, ...]) -> Iterator[Move]:
        """Give every fault that the budget still allows, and what time alone brings."""
        budget = state[BUDGET]
        for actor in range(self.first_worker, len(state)):
            entry = state[actor]
            if entry and entry[LID] >= 0:
                yield from self.own_deadline(state, actor, entry)
                if budget[SIGNALS] and (SHUTDOWN, 0) not in entry[INBOX]:
                    s = list(state)
                    s[BUDGET] = self.spent(s, SIGNALS)
                    inbox = (*entry[INBOX], (SHUTDOWN, 0))
                    s[actor] = (*entry[:INBOX], inbox, *entry[INBOX + 1 :])
                    yield Move(actor, "gets SIGTERM", None, True, tuple(s))
        if budget[KILLS]:
            for actor in range(ACTORS, len(state)):
                if self.alive(state, actor):
                    if self._calls[state[actor][LID]][0] == "begin":
                        continue  # a launcher killed before it did anything is no launcher
                    s = list(state)
                    s[BUDGET] = self.spent(s, KILLS)
                    self.die(s, actor, -9, BLAMELESS)
                    yield Move(actor, "is killed", None, True, tuple(s))
        lock = state[LOCK]
        if budget[OVERRUNS] and lock and not lock[1]:
            for actor in range(ACTORS, len(state)):
                entry = state[actor]
                if self.alive(state, actor) and entry[CLAIM] == lock[0]:
                    s = list(state)
                    s[BUDGET] = self.spent(s, OVERRUNS)
                    s[LOCK] = (lock[0], 1)
                    s[actor] = (*entry[:OVERRUN], 1, *entry[OVERRUN + 1 :])
                    yield Move(actor, "overruns its lease", None, True, tuple(s))
        if budget[LOST_RECORDS]:
            s = list(state)
            s[BUDGET] = self.spent(s, LOST_RECORDS)
            s[RECORD] = self.number_of_record(Record(""))
            s[NUMBER_OF_LAUNCH] = (s[NUMBER_OF_LAUNCH] // LINE + 1) * LINE
            yield Move(0, "the content of launch.json is lost", None, True, tuple(s))
        yield from self.hangs_and_wakes(state)
        if budget[FOREIGNERS] and not state[HOLDERS] & (FOREIGN_BIT | self.at(state, 0)):
            s = list(state)
            s[BUDGET] = self.spent(s, FOREIGNERS)
            s[HOLDERS] |= FOREIGN_BIT
            yield Move(0, "a foreign server takes the port", None, True, tuple(s))

    def hangs_and_wakes(self, state: tuple[Any, ...]) -> Iterator[Move]:
        """Let a worker stand still; from then on it goes on, or ends itself, at any moment."""
        for actor in range(self.first_worker, len(state)):
            if not self.alive(state, actor):
                continue
            if state[STILL] & self.bit(actor):
                s = list(state)
                s[STILL] &= ~self.bit(actor)
                yield Move(actor, "goes on", None, False, tuple(s))
                s = list(state)
                self.die(s, actor, EXIT_LOST, BLAMELESS)
                yield Move(actor, "ends itself: it stood still", None, False, tuple(s))
            elif state[BUDGET][STILLS] and state[ACCEPTS] & self.bit(actor):
                s = list(state)
                s[BUDGET] = self.spent(s, STILLS)
                s[STILL] |= self.bit(actor)
                yield Move(actor, "stands still", None, True, tuple(s))

    def hangs(self, entry: Any) -> bool:
        """Whether this worker does nothing more but wait for its own end."""
        how = self.broken.get(self.builds[entry[BUILD]].version)
        verb = self._calls[entry[LID]][0]
        return (how == HANGS and verb == "start_app") or (how == HANGS_EARLY and verb == "load")

    def own_deadline(
        self, state: tuple[Any, ...], actor: int, entry: tuple[Any, ...]
    ) -> Iterator[Move]:
        """Rule 4: a worker that is not up in time ends itself."""
        hangs = self.hangs(entry)
        slow = state[BUDGET][DEADLINES] and self._calls[entry[LID]][0] in ("load", "start_app")
        if not (hangs or slow):
            return
        self.own_deadlines.add(self._states[entry[LID]])
        s = list(state)
        if not hangs:
            s[BUDGET] = self.spent(s, DEADLINES)
        if s[PIDFILE] == self.pid(actor):
            s[PIDFILE] = 0
        self.die(s, actor, EXIT_LATE, ITS_FAULT)
        yield Move(actor, "ends itself: not up in time", None, not hangs, tuple(s))

    # The launcher's verbs.

    def do_begin(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        own = build_of(self.configuration.launchers[actor - ACTORS][1])
        key = ("begin", state[RECORD], own, call[1])
        number = self._changes.get(key)
        if number is None:
            after, _ = registered(self.records[state[RECORD]], own, call[1], 0.0)
            number = self._changes[key] = self.number_of_record(after)
        s = list(state)
        s[RECORD] = number
        recorded = self.records[number].recorded
        noted = self.noted(s) if call[1] else 0
        run = ("run", noted, recorded.version if recorded else "")
        me = list(entry)
        me[BEGUN] = s[NUMBER_OF_LAUNCH] if call[1] else 0
        yield from self.went_on(s, actor, me, "begins", run)

    def noted(self, s: Any) -> int:
        """Rule 27: the file tells the highest number, health only that of who answers."""
        return int(s[NUMBER_OF_LAUNCH])

    def do_probe(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        seen = self.seen_by(actor, self.look(state, self.address(state, actor)))
        yield from self.simple(state, actor, entry, "probes", seen)
        if state[BUDGET][LOSSES] and seen[1] not in (h.SILENT, h.DARK):
            s = list(state)
            s[BUDGET] = self.spent(s, LOSSES)
            lost = ("seen", h.SILENT)
            yield from self.went_on(s, actor, list(entry), "probes, no answer", lost, True)

    def seen_by(self, actor: int, seen: tuple[Any, ...]) -> tuple[Any, ...]:
        """Give what a launcher sees, without the number of a launch that only a restart reads."""
        if len(seen) == 2 or self.machine(actor) == "restart":
            return seen
        return (*seen[:5], 0, seen[6])

    def do_look_elsewhere(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        there = self.seen_by(actor, self.elsewhere(state, self.address(state, actor)))
        yield from self.simple(state, actor, entry, "looks at the serve lock", there)

    def do_judge_silence(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        """Patience is longer than whatever else makes a worker silent: only a hang is judged."""
        me = list(entry)
        me[JUDGED] = self.holder_that_hangs(state, actor)
        yield from self.went_on(list(state), actor, me, "judges the silence", bool(me[JUDGED]))

    def holder_that_hangs(self, s: Any, actor: int) -> int:
        """Give the pid of the worker at this launcher's address that stands still; 0 for none."""
        here = self.at(s, self.address(s, actor)) & s[HOLDERS] & s[SERVE] & s[STILL]
        return int(here).bit_length()

    def do_end_judged(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        """Rule 31: under the lock the process that was judged must still hold, and be silent."""
        s, me = list(state), list(entry)
        pid = self.to_end(s, actor, entry)
        me[JUDGED] = 0
        if pid:
            self.at_stake.add("I14")
            if pid != entry[JUDGED]:
                self.bad("I14", "a forced run kills another process than it judged")
            if not entry[CLAIM]:
                self.bad("I14", "a forced run kills a worker without the spawn lock")
            self.die(s, self.slot(pid), -9, BLAMELESS)
        event = KILLED if pid else NOT_PROVED
        yield from self.went_on(s, actor, me, "ends the worker that hangs", ("step", event))

    def to_end(self, s: Any, actor: int, entry: Any) -> int:
        """Give the pid of whom a forced run kills; 0 for nobody."""
        hangs = self.holder_that_hangs(s, actor)
        return int(entry[JUDGED]) if hangs == entry[JUDGED] else 0

    def do_ask(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        _, what, instance, address = call
        if entry[ASKED]:
            yield from self._asking(state, actor, entry, what)
            return
        name = f"asks {instance} to {what}"
        seen = self.look(state, address)
        if len(seen) == 2:
            kind = {h.DARK: MISSED, h.FOREIGN: REFUSED}.get(seen[1], UNANSWERED)
            yield from self.simple(state, actor, entry, name, ("reply", kind))
            return
        target = self.slot(seen[2])
        its = state[target]
        if str(self.pid(target)) != instance:
            yield from self.simple(state, actor, entry, name, ("reply", MISSED))
            return
        where = seen[4]
        if what != SHUTDOWN and where not in states.SERVING_STATES:
            chosen = JOINED if its[CHILDREN] else ACCEPTED
            kind = chosen if where in states.LEAVING_STATES else REFUSED
            me = list(entry)
            self.spend(me, actor, kind, what)
            yield from self.went_on(list(state), actor, me, name, ("reply", kind))
            return
        number = 1 + max([0, *(n for _, n in its[INBOX]), *self.numbers(state, target)])
        if what == SHUTDOWN and self.machine(actor) != "stop" and not entry[CLAIM]:
            self.bad("I15", "a run moves a worker without the spawn lock")
        s = list(state)
        s[target] = (*its[:INBOX], (*its[INBOX], (what, number)), *its[INBOX + 1 :])
        if where not in states.SERVING_STATES:
            s[target] = (*its[:INBOX], (*its[INBOX], (what, 0)), *its[INBOX + 1 :])
            yield from self.went_on(s, actor, list(entry), name, ("reply", ACCEPTED))
            return
        me = list(entry)
        me[ASKED], me[NUMBER], me[ANSWER] = self.pid(target), number, WAITING
        s[actor] = tuple(me)
        yield Move(actor, name, "waits for the answer", False, tuple(s))

    def numbers(self, s: Any, target: int) -> list[int]:
        """Give the numbers of asks that are not answered yet."""
        pid = self.pid(target)
        return [
            s[i][NUMBER]
            for i in range(ACTORS, self.first_worker)
            if s[i][LID] >= 0 and s[i][ASKED] == pid
        ]

    def spend(self, me: list[Any], actor: int, kind: str, what: str) -> None:
        """I7: count what a run asked successfully, I15: whom it moved."""
        if kind == ACCEPTED and what == SHUTDOWN and self.machine(actor) != "stop":
            self.at_stake.add("I15")
            me[MOVED] += 1
            if me[MOVED] > 1 or self.machine(actor) == "ensure":
                self.bad("I15", "a run moved a worker that it should not have")
        elif kind == ACCEPTED and self.machine(actor) != "stop":
            me[SPENT] += 1
            if me[SPENT] > 1:
                self.bad("I7", "a run recycled twice")

    def _asking(self, state: Any, actor: int, entry: Any, what: str) -> Iterator[Move]:
        me = list(entry)
        me[ASKED] = me[NUMBER] = me[ANSWER] = 0
        if entry[ANSWER] == TOLD_JOINED:
            yield from self.went_on(list(state), actor, me, "hears", ("reply", JOINED))
        elif entry[ANSWER] == ANSWERED:
            self.spend(me, actor, ACCEPTED, what)
            yield from self.went_on(list(state), actor, me, "hears", ("reply", ACCEPTED))
        elif entry[ANSWER] == CUT_OFF:
            yield from self.went_on(list(state), actor, me, "is cut off", ("reply", UNANSWERED))
        elif state[BUDGET][LOSSES]:
            s = list(state)
            s[BUDGET] = self.spent(s, LOSSES)
            target = self.slot(entry[ASKED])
            its = s[target]
            inbox = tuple((w, 0 if n == entry[NUMBER] else n) for w, n in its[INBOX])
            s[target] = (*its[:INBOX], inbox, *its[INBOX + 1 :])
            yield from self.went_on(s, actor, me, "gives up asking", ("reply", UNANSWERED), True)

    # The lock and the record.

    def new_token(self, s: Any) -> int:
        """Give the least token that nobody knows."""
        known = {s[LOCK][0]} if s[LOCK] else set()
        for index in range(ACTORS, len(s)):
            entry = s[index]
            if entry and entry[LID] >= 0:
                known.add(entry[CLAIM])
                if index >= self.first_worker:
                    known.add(entry[TOKEN])
        token = 1
        while token in known:
            token += 1
        return token

    def is_stale(self, s: Any) -> bool:
        """Whether the lock may be stolen: it aged, or its owner is dead."""
        token, aged = s[LOCK]
        return bool(aged) or not any(
            self.alive(s, index) and s[index][CLAIM] == token for index in range(ACTORS, len(s))
        )

    def do_acquire(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        if state[BUDGET][DENIALS]:
            s = list(state)
            s[BUDGET] = self.spent(s, DENIALS)
            refused = ("claim", LOCK_REFUSED)
            yield from self.went_on(s, actor, list(entry), "can't create the lock", refused, True)
        if state[LOCK] and not self.is_stale(state):
            self.at_stake.add("I4")
            yield from self.simple(
                state, actor, entry, "tries for the lock", ("claim", "lock_held")
            )
            return
        event = "lock_stale_stolen" if state[LOCK] else "lock_acquired"
        s, me = list(state), list(entry)
        me[CLAIM] = self.new_token(state)
        me[OVERRUN] = 0
        for other in range(ACTORS, len(s)):
            if (
                other != actor
                and self.alive(s, other)
                and s[other][CLAIM]
                and not s[other][OVERRUN]
            ):
                self.bad("I4", "two holders that have not overrun their lease")
        s[LOCK] = (me[CLAIM], 0)
        yield from self.went_on(s, actor, me, "tries for the lock", ("claim", event))

    def do_lock_is_free(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        free = not state[LOCK] or self.is_stale(state)
        yield from self.simple(state, actor, entry, "looks at the lock", free)

    def do_release(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s, me = list(state), list(entry)
        for child in range(self.first_worker, len(s)):
            if me[CHILDREN] & self.bit(child) and self.alive(s, child) and self.holds(s, me):
                self.bad("V2", "the lock was released while the child was not settled")
        if self.holds(s, me):
            self.at_stake.add("V1")
            if self._states[entry[LID]] == states.AWAITING_SUCCESSOR:
                self.at_stake.add("V10")
                if s[HOLDERS] & self.bit(actor):
                    self.bad("V10", "a predecessor released the lock before it closed the port")
            if entry[LAST] == WAS_UP:
                self.bad("V4", "the lock was released over a build that was up, not called good")
            s[LOCK] = ()
        robbed = entry[CLAIM] and not self.holds(state, entry)
        if not self.is_worker(actor) and self.machine(actor) == "stop" and not robbed:
            self.bury_the_unborn(s)
        me[CLAIM] = me[OVERRUN] = me[LAST] = 0
        yield from self.went_on(s, actor, me, "releases the lock", None)

    def bury_the_unborn(self, s: list[Any]) -> None:
        """V9: what was spawned before a stop was verified stays away."""
        if s[HOLDERS] or s[SERVE]:
            return
        for actor in range(self.first_worker, len(s)):
            if self.alive(s, actor) and s[actor][TOKEN]:
                self.at_stake.add("V9")
                s[actor] = (*s[actor][:LOST], BURIED, *s[actor][LOST + 1 :])

    def do_record(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        yield from self.simple(state, actor, entry, "reads the record", self.record_now(state))

    @staticmethod
    def record_now(s: Any) -> tuple[Any, ...]:
        """Give the record with its line; its number would tell states apart for nothing."""
        return ("record", s[RECORD], s[NUMBER_OF_LAUNCH] // LINE * LINE)

    def builds_of(self, numbers: tuple[int, ...]) -> tuple[Build, ...]:
        """Give builds by their numbers."""
        return tuple(self.builds[number] for number in numbers)

    def candidates(self, s: Any, actor: int) -> tuple[int, ...]:
        """Give the numbers of what this actor may launch now, by the shipped function."""
        own = "" if self.is_worker(actor) else self.configuration.launchers[actor - ACTORS][1]
        key = ("candidates", s[RECORD], own)
        found = self._changes.get(key)
        if found is None:
            builds = candidates(self.records[s[RECORD]], build_of(own) if own else None, 0.0)
            found = self._changes[key] = tuple(self.number_of_build(build) for build in builds)
        return tuple(found)

    def do_candidates(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        builds = ("builds", self.candidates(state, actor))
        yield from self.simple(state, actor, entry, "reads what may be launched", builds)

    NEXT = 1  # rule 26: the number rises where the record is read to spawn from it

    def do_number_launch(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s = list(state)
        self.count_death(s, actor)
        if self.numbered:
            s[NUMBER_OF_LAUNCH] += self.NEXT
        number = s[NUMBER_OF_LAUNCH] if self.numbered else 0
        launch = ("launch", self.candidates(s, actor), number)
        yield from self.went_on(s, actor, list(entry), "numbers a launch", launch)

    def count_death(self, s: list[Any], actor: int) -> None:
        """Rule 35: who launches looks at the end of the last worker, by the shipped function."""
        if not self.deaths_count or s[SERVE] or not s[NAMED]:
            return
        _, _, build, settled = s[NAMED]
        s[NAMED] = ()
        own = "" if self.is_worker(actor) else self.configuration.launchers[actor - ACTORS][1]
        key = ("counted", s[RECORD], build, settled, own)
        number = self._changes.get(key)
        if number is None:
            before = self.records[s[RECORD]]._replace(generation=Generation("", 1), looked_at=0)
            last = LastLaunch(Generation("", 1), build_key(self.builds[build]), self.mark(settled))
            its = build_of(own) if own else None
            after = counted(before, lambda: its, last, lambda: "", 0.0)
            self.check_counted(before, after, build)
            after = after._replace(generation=Generation(), looked_at=0)
            number = self._changes[key] = self.number_of_record(after)
        s[RECORD] = number

    @staticmethod
    def mark(settled: bool) -> str:
        """Give what the serve lock says became of a worker that is dead."""
        return SETTLED if settled else WAS_REACHED

    def check_counted(self, before: Record, after: Record, build: int) -> None:
        """V4, where a death is counted: the record is not emptied, nobody else is set back."""
        self.at_stake.add("V4")
        if before.recorded is not None and after.recorded is None:
            self.bad("V4", "the record was emptied")
        if before.recorded != after.recorded and not self.builds[build].same_as(before.recorded):
            self.bad("V4", "another build was set back than the one that died")

    def do_mark_good(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        build = call[1]
        if entry[LAST] != WAS_UP:
            self.bad("V4", f"version {build.version} was called good and was never up")
        yield from self._change(state, actor, entry, f"marks {build.version} good", ("good", build))

    def do_reject(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        _, build, late = call
        if entry[LAST] != ITS_FAULT:
            self.bad("V4", f"version {build.version} was rejected and was not at fault")
        name = f"rejects {build.version}"
        yield from self._change(state, actor, entry, name, ("reject", build, late))

    def _change(
        self, state: Any, actor: int, entry: Any, what: str, change: tuple[Any, ...]
    ) -> Iterator[Move]:
        ours = self.may_change(state, entry)
        s, me = list(state), list(entry)
        me[LAST] = NOTHING
        if change[0] == "reject" and self.deaths_count and ours and not s[SERVE]:
            s[NAMED] = ()  # whose end was judged counts no more
        if ours:
            if not self.holds(state, entry):
                self.bad("I4", "the record was changed by one who lost the lock")
            s[RECORD] = self.changed(state[RECORD], change)
        yield from self.went_on(s, actor, me, what, ours)

    def may_change(self, s: Any, entry: Any) -> bool:
        """Rule 8: only the holder changes the record, checked under the guard."""
        return self.holds(s, entry)

    def changed(self, number: int, change: tuple[Any, ...]) -> int:
        """Give the record after a change, by the shipped functions."""
        key = (number, change)
        after = self._changes.get(key)
        if after is None or self._wrong_change == key:
            self.at_stake.add("V4")
            before = self.records[number]
            if change[0] == "good":
                record = marked_good(before, change[1], 0.0)
            else:
                record = rejected(before, change[1], "failed", change[2], 0.0)
                if before.recorded is not None and record.recorded is None:
                    self.bad("V4", "the record was emptied")
                standing = before.recorded
                lost = standing != record.recorded
                if standing and standing.version != change[1].version and lost:
                    self.bad("V4", "a build registered meanwhile was lost")
            after = self._changes[key] = self.number_of_record(record)
            if self.found is not None:
                self._wrong_change = key
        return int(after)

    # Children.

    def do_spawn(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        _, build, its_generation, standby = call
        self.check_spawn(state, actor, entry, build, standby)
        free = next((i for i in range(self.first_worker, len(state)) if not state[i]), 0)
        what = f"spawns {'standby' if standby else 'worker'} {build.version}"
        if not free:
            yield Move(actor, what, "beyond the bound", False, None)
            return
        s, me = list(state), list(entry)
        program = ("worker", standby, build.version)
        number = self.number_of_build(build)
        lid = self.automata.begin(program)
        token = 0 if standby else entry[CLAIM]
        at = self.address(state, actor)
        launched = int(its_generation.line.removeprefix("line ")) * LINE + its_generation.number
        self.check_number(s, launched)
        said = self.given(launched)
        entry = (lid, 0, 0, 0, NOTHING, token, number, 0, 0, 0, said, 0, (), 0, 0, at, launched, 0)
        s[free] = entry
        me[CHILDREN] |= self.bit(free)
        yield from self.went_on(s, actor, me, what, ("child", self.pid(free)))

    def given(self, launched: int) -> int:
        """Rule 26: a child is given the number of its launch."""
        return launched

    def check_number(self, s: Any, launched: int) -> None:
        """I11: numbers are unique within a line, and never above the file's highest."""
        if not launched % LINE:
            return
        self.at_stake.add("I11")
        if launched > s[NUMBER_OF_LAUNCH]:
            self.bad("I11", "a launch has a number above the highest of the file")
        for actor in range(self.first_worker, len(s)):
            if self.alive(s, actor) and launched in (s[actor][GENERATION], s[actor][LAUNCHED]):
                self.bad("I11", "two launches have one number")

    def check_spawn(self, s: Any, actor: int, entry: Any, build: Build, standby: bool) -> None:
        """I5, I8 and what promise 4 says of versions."""
        if not entry[CLAIM]:
            self.bad("I5", "a process that holds no lock spawned")
        elif not entry[OVERRUN]:
            for child in range(self.first_worker, len(s)):
                if entry[CHILDREN] & self.bit(child) and self.alive(s, child):
                    self.bad("I5", "a holder has two unsettled children")
            here = self.at(s, self.address(s, actor))
            if s[HOLDERS] & here and not standby:
                self.bad("I8", "a spawn into a live port")
            if s[SERVE] and not standby:
                self.bad("I8", "a spawn onto data that somebody serves")
        local = self.automata.locals[entry[LID]]
        if self.is_worker(actor) and local.recycle and not local.good_next:
            own = self.builds[entry[BUILD]].version
            self.at_stake.add("V6")
            if build.version < own:
                self.bad("V6", f"a recycle replaced version {own} by {build.version}")

    def settled(self, s: list[Any], me: list[Any], child: int, last: int) -> None:
        """Let a parent forget its child."""
        me[CHILDREN] &= ~self.bit(child)
        me[LAST] = last
        if s[child][LID] == DEAD:
            s[child] = GONE_ENTRY
        elif s[child][LID] >= 0:
            s[child] = (*s[child][:ORPHAN], 1, *s[child][ORPHAN + 1 :])

    def do_watch(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        child = self.slot(call[1])
        its = state[child]
        dead = its[LID] == DEAD
        what = f"watches {call[1]}"
        if its[2 if dead else UP]:
            yield from self._watch_after_up(state, actor, entry, child, what)
            return
        if dead:
            code, cause = its[1], its[3]
            s, me = list(state), list(entry)
            self.settled(s, me, child, cause)
            ended = ("ended", code, False, False, False, ())
            yield from self.went_on(s, actor, me, what, ended)
            return
        yield from self._late(state, actor, entry, child, what)

    def _late(self, state: Any, actor: int, entry: Any, child: int, what: str) -> Iterator[Move]:
        hangs = self.hangs(state[child])
        if hangs or state[BUDGET][DEADLINES]:
            s = list(state)
            if not hangs:
                s[BUDGET] = self.spent(s, DEADLINES)
            late = ("ended", None, False, False, True, ())
            yield from self.went_on(s, actor, list(entry), f"{what}: late", late, not hangs)

    def _watch_after_up(
        self, state: Any, actor: int, entry: Any, child: int, what: str
    ) -> Iterator[Move]:
        s, me = list(state), list(entry)
        if self.is_worker(actor):
            self.settled(s, me, child, WAS_UP)
            ended: tuple[Any, ...] = ("ended", None, True, False, False, ())
            yield from self.went_on(s, actor, me, what, ended)
            return
        seen = self.seen_by(actor, self.look(state, self.address(state, actor)))
        pid = self.pid(child)
        dead = state[child][LID] == DEAD
        if seen[1] in (h.WORKER_SERVING, h.WORKER_LEAVING):
            self.settled(s, me, child, WAS_UP)
            ended = ("ended", 0, True, False, False, ())
            if seen[2] == pid:
                ended = ("ended", None, True, False, False, seen)
            yield from self.went_on(s, actor, me, what, ended)
        elif dead:
            self.settled(s, me, child, WAS_UP)
            ended = ("ended", state[child][1], True, False, False, ())
            yield from self.went_on(s, actor, me, what, ended)
        elif state[BUDGET][DEADLINES] or self.free_deadlines:
            if not self.free_deadlines:
                s[BUDGET] = self.spent(s, DEADLINES)
            self.settled(s, me, child, WAS_UP)
            ended = ("ended", 0, True, False, False, ())
            fault = not self.free_deadlines
            yield from self.went_on(s, actor, me, f"{what}, deadline", ended, fault)

    def do_kill(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        child = self.slot(call[1])
        self.at_stake.update(("I5", "V2"))
        s = list(state)
        if s[child][LID] >= 0:
            self.die(s, child, -9, ITS_FAULT)
        _, code, up, cause = s[child]
        if self._states[entry[LID]] not in (states.DRAINING, states.PASSING_SOCKET):
            cause = ITS_FAULT  # it was late, whatever ended it just now
        me = list(entry)
        self.settled(s, me, child, WAS_UP if up else cause)
        ended = ("ended", code, bool(up), False, True, ())
        yield from self.went_on(s, actor, me, f"kills {call[1]}", ended)

    def do_warm_up(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        if entry[INBOX]:
            yield from self._take(state, actor, entry)
        child = self.slot(call[1])
        its = state[child]
        what = f"awaits standby {call[1]}"
        if its[LID] == DEAD:
            s, me = list(state), list(entry)
            code, cause = its[1], its[3]
            self.settled(s, me, child, cause)
            yield from self.went_on(s, actor, me, what, ("ended", code, False, False, False, ()))
        elif its[READY]:
            ready = ("ended", None, False, True, False, ())
            yield from self.simple(state, actor, entry, what, ready)
        else:
            yield from self._late(state, actor, entry, child, what)

    # The worker's way up.

    def do_listen(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s, me = list(state), list(entry)
        me[TOKEN] = me[LOST] = 0
        alone = self.data_is_free(s)
        if not self.fence(s, entry):
            me[LOST] = FAILED_TO_LISTEN
            yield from self.went_on(s, actor, me, "listens", ("step", "token_gone"))
        elif not self.listened(s, actor):
            self.at_stake.update(("I1", "I3"))
            me[LOST] = FAILED_TO_LISTEN
            yield from self.went_on(s, actor, me, "listens", ("step", "listen_lost"))
        elif not alone:
            s[HOLDERS] &= ~self.bit(actor)
            me[LOST] = FAILED_TO_LISTEN
            yield from self.went_on(s, actor, me, "listens", ("step", "data_held"))
        else:
            s[SERVE] |= self.bit(actor)
            if entry[LOST] == BURIED:
                self.bad("V9", "a worker came up that was spawned before a stop was verified")
            s[SERVED] += 1
            self.check_generations(s)
            yield from self.went_on(s, actor, me, "listens", ("step", "listen_ok"))

    def data_is_free(self, s: Any) -> bool:
        """Rule 17: nobody else runs the app on this data dir."""
        return not s[SERVE]

    def do_take_data(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s = list(state)
        held = bool(s[SERVE] & ~self.bit(actor)) and not s[SERVE] & self.bit(actor)
        if not held:
            s[SERVE] |= self.bit(actor)
        event = "data_held" if held else "data_taken"
        yield from self.went_on(s, actor, list(entry), "takes the serve lock", ("step", event))

    def do_free_data(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        if entry[APP]:
            self.bad("I9", "the serve lock was let go under the app")
        s = list(state)
        self.leaves_data(s, actor)
        yield from self.went_on(s, actor, list(entry), "lets the serve lock go", None)

    def leaves_data(self, s: list[Any], actor: int) -> None:
        """Let the serve lock go in order: the end of who is named there counts for nothing."""
        s[SERVE] &= ~self.bit(actor)
        if self.deaths_count and s[NAMED][:1] == (self.pid(actor),):
            s[NAMED] = ()

    def name_of(self, actor: int, me: Any, settled: bool) -> tuple[Any, ...]:
        """Give what a worker writes into the serve lock."""
        if not self.deaths_count:
            return (self.pid(actor), me[ADDRESS])
        return (self.pid(actor), me[ADDRESS], me[BUILD], settled or bool(me[SETTLES]))

    def fence(self, s: Any, entry: Any) -> bool:
        """Rule 6: the lock still carries the parent's token."""
        carried: tuple[Any, ...] = s[LOCK][:1]
        return carried == (entry[TOKEN],)

    def check_generations(self, s: list[Any]) -> None:
        """Fifteen restarts that meet are one or two generations."""
        most = self.configuration.generations
        if most is not None and s[SERVED] == most:
            self.at_stake.add("V7")
        if most is not None and s[SERVED] > most:
            self.bad("V7", f"more than {most} workers began to serve")

    def do_write_pid(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s, me = list(state), list(entry)
        self.check_writes(s, actor, me, "writes the PID file")
        s[PIDFILE] = self.pid(actor)
        self.check_accepts(s, actor)  # from here on health is answered
        s[ACCEPTS] |= self.bit(actor)
        yield from self.went_on(s, actor, me, "writes the PID file", None)

    def loading(self, entry: Any) -> str | None:
        """Give what becomes of importing this build; None when it never ends."""
        how = self.broken.get(self.builds[entry[BUILD]].version, OK)
        if how == HANGS_EARLY:
            return None
        return {NO_IMPORT: "app_failed", MISLABELLED: "wrong_version"}.get(how, "imported")

    def do_load(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        event = self.loading(entry)
        if event is not None:
            yield from self.simple(state, actor, entry, "imports the app", ("step", event))

    def do_start_app(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        where = self._states[entry[LID]]
        self.check_writes(state, actor, entry, "starts the app")
        if where == states.STARTING and not entry[READY]:
            self.bad("T", "an app is started that was never imported")
        for other in range(self.first_worker, len(state)):
            if other != actor and self.alive(state, other) and state[other][APP]:
                self.bad("I1", "two processes run the app")
        how = self.broken.get(self.builds[entry[BUILD]].version, OK)
        if how == HANGS:
            return
        failed = how == NO_START or (how == NO_RESUME and where == states.RESUMING_PID_WRITTEN)
        me = list(entry)
        me[APP] = 0 if failed else 1
        event = "app_failed" if failed else "app_up"
        yield from self.went_on(list(state), actor, me, "starts the app", ("step", event))

    def do_say_up(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        me = list(entry)
        me[UP], me[READY] = 1, 0
        yield from self.went_on(list(state), actor, me, "says up", None)

    def do_note(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s, me = list(state), list(entry)
        row = call[1]
        if row.source in states.COMING_UP_STATES:
            self.at_stake.add("V8")
            if not entry[UP] and not entry[ORPHAN]:
                self.bad("V8", "the first healthy answer came before `up`")
            self.check_accepts(s, actor)
            s[ACCEPTS] |= self.bit(actor)
            self.check_named(s, actor)
        yield from self.went_on(s, actor, me, f"is {row.dest} ({row.event})", None)

    def do_await_socket(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s, me = list(state), list(entry)
        if entry[PASSED]:
            me[PASSED] = 0
            s[SERVED] += 1
            self.check_generations(s)
            yield from self.went_on(
                s, actor, me, "receives the socket", ("step", "socket_received")
            )
            return
        if self.broken.get(self.builds[entry[BUILD]].version) == NO_WAIT:
            s = list(state)
            self.die(s, actor, 1, ITS_FAULT)
            yield Move(actor, "dies while it waits", None, False, tuple(s))
            return
        if entry[ORPHAN]:
            yield from self.simple(state, actor, entry, "reads", ("step", "pipe_closed"))
        if entry[INBOX]:
            yield from self.simple(state, actor, entry, "hears", ("step", "stop_asked"))

    # Serving.

    def _take(self, state: Any, actor: int, entry: Any) -> Iterator[Move]:
        (what, number), *rest = entry[INBOX]
        me = list(entry)
        me[INBOX] = tuple(rest)
        yield from self.went_on(
            list(state), actor, me, f"takes the ask to {what}", ("ask", what, number)
        )

    def do_next_ask(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        if entry[INBOX]:
            yield from self._take(state, actor, entry)
        elif state[BUDGET][IDLES]:
            s = list(state)
            s[BUDGET] = self.spent(s, IDLES)
            told = ("ask", IDLE, 0)
            yield from self.went_on(s, actor, list(entry), "is unused for too long", told, True)
        if not self.deaths_count or entry[SETTLES] or entry[INBOX]:
            return
        if self.broken.get(self.builds[entry[BUILD]].version) == DIES_SOON:
            s = list(state)
            self.die(s, actor, 1, ITS_FAULT)
            yield Move(actor, "dies soon after it was up", None, False, tuple(s))
        else:
            told = ("ask", SETTLED, 0)
            yield from self.went_on(list(state), actor, list(entry), "has served long", told)

    def do_poll_ask(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        if entry[INBOX]:
            yield from self._take(state, actor, entry)
        else:
            yield from self.simple(state, actor, entry, "finds no ask", None)

    # Leaving.

    def do_drain(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s, me = list(state), list(entry)
        s[ACCEPTS] &= ~self.bit(actor)
        self.answer(s, actor, 0, bool(entry[CHILDREN]))
        me[INBOX] = tuple((what, 0) for what, _ in me[INBOX])
        gone = call[1] is not None and state[self.slot(call[1])][LID] == DEAD
        yield from self.went_on(s, actor, me, "drains", not gone)

    def do_stop_app(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        me = list(entry)
        me[APP] = 0
        yield from self.went_on(list(state), actor, me, "takes the app down", None)

    def do_close(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s = list(state)
        bit = self.bit(actor)
        if s[HOLDERS] & bit:
            self.at_stake.add("I6")
            if s[PIDFILE] == self.pid(actor):
                self.bad("I6", "the PID file names a living process without the port")
            if entry[APP]:
                self.bad("I2", "the port was closed under the app")
        elif s[SERVE] & bit and entry[APP]:
            self.bad("I9", "the serve lock was let go under the app")
        if s[SERVE] & bit:
            self.leaves_data(s, actor)
        self.closed(s, actor)
        self.count_recycle(s, entry)
        yield from self.went_on(s, actor, list(entry), "closes the port", None)

    def count_recycle(self, s: list[Any], entry: Any) -> None:
        """L3, where a recycle can't be taken back."""
        local = self.automata.locals[entry[LID]]
        most = self.configuration.recycles
        if (
            most is not None
            and local.recycle
            and local.state in (states.PASSING_SOCKET, states.CLOSING)
        ):
            s[RECYCLES] += 1
            if s[RECYCLES] == most:
                self.at_stake.add("L3")
            if s[RECYCLES] > most:
                self.bad("L3", f"more than {most} recycles")

    def do_pass_socket(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        child = self.slot(call[1])
        s = list(state)
        alive = self.alive(s, child)
        if alive:
            if s[ACCEPTS] & self.bit(actor) or entry[APP]:
                self.bad("I1", "the socket was passed by one who still serves")
            if s[PIDFILE] == self.pid(actor):
                self.bad("I6", "the PID file names one who gave the port away")
            s[child] = (*s[child][:PASSED], 1, *s[child][PASSED + 1 :])
            self.shared(s, child)
            s[SERVE] |= self.bit(child)
            self.count_recycle(s, entry)
        yield from self.went_on(s, actor, list(entry), f"passes the socket to {call[1]}", alive)

    def do_accept_again(self, state: Any, actor: int, entry: Any, call: Any) -> Iterator[Move]:
        s = list(state)
        self.check_accepts(s, actor)
        self.check_named(s, actor)
        s[ACCEPTS] |= self.bit(actor)
        yield from self.went_on(s, actor, list(entry), "accepts again", None)
