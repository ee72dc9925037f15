"""Runs the shipped lock over an in-memory disk, one system call at a time, in every order.

What `lifecycle/lock/spawn_lock.py` asks of its files is split as the kernel splits it: a file is
created before it is written, opened before it is read. Inodes that nobody has open are handed out
again at once. Time passes at any moment: too long for a torn file, nearly a lease, longer than a
lease. A stalled process is one whose turn comes late; a crashed one closes its files, which stay.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
import types
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

from incumbent.lifecycle.lock.spawn_lock import (
    HELD,
    TORN_S,
    Found,
    Handle,
    Owner,
    SpawnLock,
    owner_in,
)
from incumbent.lifecycle.settings import LEASE_S

TORN_STEP_S = TORN_S + 1
HALF_STEP_S = LEASE_S - 1
LEASE_STEP_S = LEASE_S + 40

# A state: the time, which inode stands at the lock's path, who has the guard, which faults are
# left, every inode that exists, then the actors.
NOW, PATH, GUARD, BUDGET, INODES, ACTORS = range(6)
CRASHES, TORN_STEPS, HALF_STEPS, LEASE_STEPS = range(4)
# An actor: its local state, its temporary file, the file that it set aside, what it has open, the
# inode that it holds the lock by, until when its lease lasts, the inode that it saw to be stale
# since it has the guard.
LID, TEMP, ASIDE, OPEN, HOLDS, UNTIL, STALE = range(7)
DEAD, DONE = -1, -2
NOBODY = -1

NO_LEASE = -1000.0

State = tuple[Any, ...]


class Bounds(NamedTuple):
    """One bounded world of contenders for the lock."""

    name: str
    contenders: int
    tries: int = 1
    changes: bool = False  # whether a holder changes the record before it releases
    left_behind: bool = False  # whether the lock of a dead owner lies there at the beginning
    crashes: int = 0
    torn_steps: int = 0
    half_steps: int = 0
    lease_steps: int = 0
    limit: int = 3_000_000


CONFIGURATIONS = (
    Bounds("lock-2", 2, tries=2, changes=True, crashes=1, torn_steps=1, lease_steps=1),
    Bounds("lock-2-slow", 2, tries=2, torn_steps=1, lease_steps=2),
    Bounds("lock-3", 3, torn_steps=1, lease_steps=1),
    Bounds("lock-3-left", 3, left_behind=True, lease_steps=1),
    Bounds("lock-3-crash", 3, crashes=1),
    Bounds("lock-2-half", 2, tries=2, half_steps=1),
)


@types.coroutine
def _called(*call: object) -> Generator[tuple[object, ...], Any, Any]:
    return (yield call)


class StepFiles:
    """The lock's files, every system call handed to whoever runs the coroutine."""

    async def create(self, content: bytes) -> Handle | None:
        inode = await _called("create")
        if inode is None:
            return None
        mtime = await _called("write", inode, content)
        return Handle(inode, (1, inode), mtime)

    async def guard(self, wait: bool) -> bool:
        return bool(await _called("flock", wait))

    async def unguard(self) -> None:
        await _called("unlock")

    async def look(self) -> Found | None:
        inode = await _called("open")
        if inode is None:
            return None
        mtime, age, content = await _called("read", inode)
        return Found((1, inode), mtime, age, content)

    async def prepare(self, content: bytes) -> Handle:
        inode = await _called("open_temp")
        mtime = await _called("write", inode, content)
        return Handle(inode, (1, inode), mtime)

    async def install(self, fresh: Handle, keep_old: bool) -> None:  # noqa: ARG002 - a protocol's signature
        await _called("rename")

    async def drop(self, fresh: Handle) -> None:
        await _called("drop")
        await _called("close", fresh.fd)

    async def age(self, mtime: float) -> None:
        await _called("age", mtime)

    async def unlink(self) -> None:
        await _called("unlink")

    async def close(self, handle: Handle) -> None:
        await _called("close", handle.fd)

    async def owner_is_dead(self, owner: Owner) -> bool:
        return bool(await _called("is_dead", owner.pid))

    # Calls that the shipped lock does not make, for faults that would.

    async def set_aside(self) -> Found | None:
        """Rename the lock file away and read it."""
        inode = await _called("rename_away")
        if inode is None:
            return None
        mtime, age, content = await _called("read", inode)
        return Found((1, inode), mtime, age, content)

    async def put_back(self) -> None:
        """Rename the file that was set aside over the lock."""
        await _called("rename_back")

    async def forget(self) -> None:
        """Remove the file that was set aside."""
        await _called("unlink_away")


def content_of(actor: int) -> bytes:
    """Give the lock file that this actor writes."""
    said = {"token": f"token {actor}", "pid": actor + 1, "start": "1", "host": "h", "boot": "b"}
    return json.dumps(said | {"version": "1"}).encode()


def actor_in(content: bytes) -> int | None:
    """Give which actor wrote this lock file; None for a torn one."""
    owner = owner_in(content)
    return None if owner is None else owner.pid - 1


async def contend(lock: SpawnLock, tries: int, changes: bool) -> None:
    """Try for the lock, hold it, change the record under it, give it back."""
    for _ in range(tries):
        if await lock.acquire() != HELD:
            break
    else:
        return
    assert lock.handle is not None
    await _called("holds", lock.handle.fd, lock.handle.mtime)
    if changes:
        ours = await lock.guarded()
        await _called("changes", ours)
        await lock.unguard()
    await _called("lets_go")
    await lock.release()


def begin(bounds: Bounds, actor: int) -> tuple[Any, SpawnLock]:
    """Give a contender that has not begun."""
    lock = SpawnLock(StepFiles(), f"token {actor}", content_of(actor))
    return contend(lock, bounds.tries, bounds.changes), lock


class Disk:
    """The kernel's rules, over states that are values; `found` keeps the first broken invariant."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.found: tuple[str, str] | None = None
        self.ignored: frozenset[str] = frozenset()

    def initial(self, lids: list[int]) -> State:
        """Give the first state; a lock that was left behind is that of an actor who is dead."""
        bounds = self.bounds
        budget = (bounds.crashes, bounds.torn_steps, bounds.half_steps, bounds.lease_steps)
        actors = tuple((lid, *UNBORN) for lid in lids)
        inodes: tuple[Any, ...] = ()
        path = 0
        if bounds.left_behind:
            actors += ((DEAD, *UNBORN),)
            path, inodes = 1, ((1, 0.0, content_of(len(lids))),)
        return (0.0, path, NOBODY, budget, inodes, actors)

    def bad(self, invariant: str, what: str) -> None:
        """Take down a broken invariant; the first one counts."""
        if self.found is None and invariant not in self.ignored:
            self.found = (invariant, what)

    # What a call does. Each gives the answers that it may have, none when it blocks.

    def perform(self, state: State, actor: int, call: tuple[Any, ...]) -> tuple[Any, State] | None:
        """Give the answer of one system call with the state after it; None while it blocks."""
        s, me = list(state), list(state[ACTORS][actor])
        answer = getattr(self, f"_{call[0]}")(s, actor, me, *call[1:])
        if answer is _BLOCKED:
            return None
        s[ACTORS] = (*s[ACTORS][:actor], tuple(me), *s[ACTORS][actor + 1 :])
        self._free(s)
        return answer, tuple(s)

    def _create(self, s: list[Any], _: int, me: list[Any]) -> Any:
        if s[PATH]:
            return None
        s[PATH] = self._new(s)
        me[OPEN] = (*me[OPEN], s[PATH])
        return s[PATH]

    def _open_temp(self, s: list[Any], _: int, me: list[Any]) -> Any:
        me[TEMP] = self._new(s)
        me[OPEN] = (*me[OPEN], me[TEMP])
        return me[TEMP]

    def _write(self, s: list[Any], _: int, __: list[Any], inode: int, content: bytes) -> Any:
        s[INODES] = tuple(
            (i, s[NOW], content) if i == inode else (i, m, c) for i, m, c in s[INODES]
        )
        return s[NOW]

    def _open(self, s: list[Any], _: int, me: list[Any]) -> Any:
        if not s[PATH]:
            return None
        me[OPEN] = (*me[OPEN], s[PATH])
        return s[PATH]

    def _read(self, s: list[Any], actor: int, me: list[Any], inode: int) -> Any:
        _, mtime, content = self._inode(s, inode)
        me[OPEN] = _without(me[OPEN], inode)
        if s[GUARD] == actor:
            me[STALE] = inode if self._is_stale(s, mtime, content) else 0
        return mtime, s[NOW] - mtime, content

    def _close(self, _: list[Any], __: int, me: list[Any], inode: int) -> Any:
        me[OPEN] = _without(me[OPEN], inode)

    def _age(self, s: list[Any], actor: int, _: list[Any], mtime: float) -> Any:
        if s[GUARD] != actor:
            self.bad("I4r", f"{actor} ages a lock outside the guard")
        s[INODES] = tuple((i, mtime if i == s[PATH] else m, c) for i, m, c in s[INODES])

    def _drop(self, _: list[Any], __: int, me: list[Any]) -> Any:
        me[TEMP] = 0

    def _flock(self, s: list[Any], actor: int, _: list[Any], wait: bool) -> Any:
        if s[GUARD] == NOBODY:
            s[GUARD] = actor
            return True
        return _BLOCKED if wait else False

    def _unlock(self, s: list[Any], actor: int, me: list[Any]) -> Any:
        if s[GUARD] == actor:
            s[GUARD] = NOBODY
        me[STALE] = 0

    def _unlink(self, s: list[Any], actor: int, me: list[Any]) -> Any:
        self._removed(s, actor, me)
        s[PATH] = 0

    def _rename(self, s: list[Any], actor: int, me: list[Any]) -> Any:
        self._removed(s, actor, me)
        s[PATH], me[TEMP] = me[TEMP], 0

    def _rename_away(self, s: list[Any], _: int, me: list[Any]) -> Any:
        if not s[PATH]:
            return None
        me[ASIDE], s[PATH] = s[PATH], 0
        me[OPEN] = (*me[OPEN], me[ASIDE])
        return me[ASIDE]

    def _rename_back(self, s: list[Any], actor: int, me: list[Any]) -> Any:
        self._removed(s, actor, me)
        s[PATH], me[ASIDE] = me[ASIDE], 0

    def _unlink_away(self, _: list[Any], __: int, me: list[Any]) -> Any:
        me[ASIDE] = 0

    def _is_dead(self, s: list[Any], _: int, __: list[Any], pid: int) -> Any:
        return s[ACTORS][pid - 1][LID] == DEAD

    def _holds(self, s: list[Any], actor: int, me: list[Any], inode: int, mtime: float) -> Any:
        me[HOLDS], me[UNTIL] = inode, mtime + LEASE_S
        holders = [
            other
            for other, its in enumerate(s[ACTORS])
            if (other != actor and its[HOLDS] and its[LID] >= 0 and its[UNTIL] >= s[NOW])
        ]
        if holders and me[UNTIL] >= s[NOW]:
            self.bad("I4", f"{holders[0]} and {actor} hold the lock, neither overran its lease")

    def _changes(self, s: list[Any], actor: int, _: list[Any], ours: bool) -> Any:
        if ours and not (s[PATH] and actor_in(self._inode(s, s[PATH])[2]) == actor):
            self.bad("I4", f"{actor} changes the record and has lost the lock")
        if ours and s[GUARD] != actor:
            self.bad("I4", f"{actor} changes the record outside the guard")

    def _lets_go(self, _: list[Any], __: int, me: list[Any]) -> Any:
        me[HOLDS], me[UNTIL] = 0, NO_LEASE

    # What must be true of a removal.

    def _removed(self, s: list[Any], actor: int, me: list[Any]) -> None:
        """I4r: no lock is removed but by its owner or, when stale, under the guard.

        A file that was torn when it was judged may be whole by now: its creator holds nothing
        before it has looked at it once more under the guard.
        """
        if not s[PATH] or s[PATH] == me[STALE]:
            return
        _, mtime, content = self._inode(s, s[PATH])
        owner = actor_in(content)
        if s[GUARD] == actor and self._is_stale(s, mtime, content):
            return
        if owner != actor:
            whose = "a torn lock" if owner is None else f"the lock of {owner}"
            self.bad("I4r", f"{actor} removes {whose}, not proved stale under the guard")

    def _is_stale(self, s: list[Any], mtime: float, content: bytes) -> bool:
        owner = actor_in(content)
        age = s[NOW] - mtime
        if owner is None:
            return bool(age > TORN_S)
        return bool(age > LEASE_S) or s[ACTORS][owner][LID] == DEAD

    # Inodes.

    def _new(self, s: list[Any]) -> int:
        taken = {inode for inode, _, _ in s[INODES]}
        inode = next(number for number in range(1, len(taken) + 2) if number not in taken)
        s[INODES] = tuple(sorted((*s[INODES], (inode, s[NOW], b""))))
        return inode

    @staticmethod
    def _inode(s: Any, inode: int) -> tuple[int, float, bytes]:
        found: tuple[int, float, bytes] = next(entry for entry in s[INODES] if entry[0] == inode)
        return found

    @staticmethod
    def _free(s: list[Any]) -> None:
        used = {s[PATH]}
        for actor in s[ACTORS]:
            used |= {actor[TEMP], actor[ASIDE], *actor[OPEN]}
        if any(entry[0] not in used for entry in s[INODES]):
            s[INODES] = tuple(entry for entry in s[INODES] if entry[0] in used)

    # Faults.

    def time_passes(self, state: State) -> Iterator[tuple[str, State]]:
        """Give what the clock may do."""
        steps = (
            (TORN_STEPS, TORN_STEP_S),
            (HALF_STEPS, HALF_STEP_S),
            (LEASE_STEPS, LEASE_STEP_S),
        )
        for which, seconds in steps:
            if state[BUDGET][which]:
                s = list(state)
                s[NOW] += seconds
                s[BUDGET] = _spent(s[BUDGET], which)
                yield f"{seconds:g} s pass", tuple(s)

    def crash(self, state: State, actor: int) -> State:
        """Give the state after the death of an actor; its files stay, its descriptors close."""
        s = list(state)
        s[BUDGET] = _spent(s[BUDGET], CRASHES)
        return self.ended(tuple(s), actor, DEAD)

    def ended(self, state: State, actor: int, how: int) -> State:
        """Give the state after the end of an actor's process."""
        s, its = list(state), state[ACTORS][actor]
        if s[GUARD] == actor:
            if how == DONE:
                self.bad("L1", f"{actor} is done and keeps the guard")
            s[GUARD] = NOBODY
        entry = (how, its[TEMP], its[ASIDE], (), 0, NO_LEASE, 0)
        s[ACTORS] = (*s[ACTORS][:actor], entry, *s[ACTORS][actor + 1 :])
        self._free(s)
        return tuple(s)


_BLOCKED = object()
UNBORN = (0, 0, (), 0, NO_LEASE, 0)


def _spent(budget: tuple[int, ...], which: int) -> tuple[int, ...]:
    return tuple(left - (index == which) for index, left in enumerate(budget))


def _without(numbers: tuple[int, ...], number: int) -> tuple[int, ...]:
    kept = list(numbers)
    kept.remove(number)
    return tuple(kept)


class Automaton:
    """The shipped lock as an automaton, built lazily by replaying it."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.calls: list[tuple[Any, ...] | None] = []
        self._history: list[tuple[int, tuple[Any, ...]]] = []
        self._known: dict[Any, int] = {}
        self._moves: dict[tuple[int, Any], int] = {}

    def begin(self, actor: int) -> int:
        """Give the first local state of a contender."""
        return self._number(actor, ())

    def advance(self, lid: int, answer: Any) -> int:
        """Give the local state after an answer."""
        after = self._moves.get((lid, answer))
        if after is None:
            actor, answers = self._history[lid]
            after = self._moves[lid, answer] = self._number(actor, (*answers, answer))
        return after

    def _number(self, actor: int, answers: tuple[Any, ...]) -> int:
        coroutine, lock = begin(self._bounds, actor)
        call = sent(coroutine, None)
        for answer in answers:
            call = sent(coroutine, answer)
        print_ = (actor, call, _fingerprint(coroutine, lock) if call else None)
        lid = self._known.get(print_)
        if lid is None:
            lid = self._known[print_] = len(self.calls)
            self.calls.append(call)
            self._history.append((actor, answers))
        if call is not None:
            abandon(coroutine)
        return lid


def sent(coroutine: Any, answer: Any) -> tuple[Any, ...] | None:
    try:
        call: tuple[Any, ...] = coroutine.send(answer)
    except StopIteration:
        return None
    return call


class _AbandonedError(Exception):
    """Ends a coroutine; not GeneratorExit, which forbids the calls of a `finally`."""


def abandon(coroutine: Any) -> None:
    """End a suspended contender without a word to the world."""
    while True:
        try:
            coroutine.throw(_AbandonedError)
        except (_AbandonedError, StopIteration):
            return


def _fingerprint(coroutine: Any, lock: SpawnLock) -> tuple[Any, ...]:
    """Give what a suspended contender will do next, as a value."""
    frames = []
    while isinstance(coroutine, types.CoroutineType):
        frame = coroutine.cr_frame
        assert frame is not None
        held = tuple((name, _frozen(value)) for name, value in sorted(frame.f_locals.items()))
        frames.append((frame.f_code.co_qualname, frame.f_lasti, held))
        coroutine = coroutine.cr_await
    return (*frames, _frozen(lock.handle))


def _frozen(value: Any) -> Any:
    """Give a hashable twin of a value; an unknown type is an error, never a guess."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    if isinstance(value, tuple):
        return tuple(_frozen(one) for one in value)
    if isinstance(value, Found):
        return ("Found", value.identity, value.mtime, value.age, value.content)
    if isinstance(value, Handle):
        return ("Handle", value.fd, value.identity, value.mtime)
    if isinstance(value, Owner):
        return ("Owner", value.token)
    if isinstance(value, SpawnLock | StepFiles):
        return type(value).__name__
    if type(value).__name__ == "range_iterator":
        return ("left", value.__length_hint__())
    raise TypeError(f"no rule to freeze a {type(value).__qualname__}")


class Report(NamedTuple):
    """What one exploration saw; `story` is the shortest way to the broken invariant."""

    configuration: str
    states: int
    depth: int
    exhausted: bool
    seconds: float
    invariant: str
    what: str
    story: tuple[str, ...]


def explore(bounds: Bounds, ignored: frozenset[str] = frozenset()) -> Report:
    """Visit every state breadth first, until an invariant is broken or nothing is left."""
    began = time.perf_counter()
    disk, automaton = Disk(bounds), Automaton(bounds)
    disk.ignored = ignored
    root = disk.initial([automaton.begin(actor) for actor in range(bounds.contenders)])
    came: dict[State, tuple[State, str] | None] = {root: None}
    frontier, depth = [root], 0

    def report(exhausted: bool, story: tuple[str, ...] = ()) -> Report:
        invariant, what = disk.found or ("", "")
        seconds = round(time.perf_counter() - began, 2)
        name = bounds.name
        return Report(name, len(came), depth, exhausted, seconds, invariant, what, story)

    while frontier:
        following: list[State] = []
        for state in frontier:
            moved = False
            for what, after in _moves(disk, automaton, state):
                moved = True
                if disk.found is not None:
                    return report(False, (*_story(came, state), what))
                if after not in came:
                    came[after] = (state, what)
                    following.append(after)
            if not moved:
                _check_end(disk, state)
                if disk.found is not None:
                    return report(False, _story(came, state))
        frontier = following
        depth += bool(frontier)
        if len(came) > bounds.limit:
            return report(False)
    return report(True)


def _moves(disk: Disk, automaton: Automaton, state: State) -> Iterator[tuple[str, State]]:
    actors = state[ACTORS]
    for actor, entry in enumerate(actors):
        if entry[LID] < 0:
            continue
        call = automaton.calls[entry[LID]]
        if call is None:
            raise AssertionError("a contender is done and was not ended")
        went = disk.perform(state, actor, call)
        if went is not None:
            answer, after = went
            lid = automaton.advance(entry[LID], answer)
            entries = after[ACTORS]
            moved = (lid, *entries[actor][1:])
            after = (*after[:ACTORS], (*entries[:actor], moved, *entries[actor + 1 :]))
            if automaton.calls[lid] is None:
                after = disk.ended(after, actor, DONE)
            yield f"{actor}: {call[0]}", after
        if state[BUDGET][CRASHES]:
            yield f"{actor} crashes", disk.crash(state, actor)
    yield from disk.time_passes(state)


def _check_end(disk: Disk, state: State) -> None:
    """L1 and L2: everybody is done, and whoever comes next can have the lock."""
    if any(entry[LID] >= 0 for entry in state[ACTORS]):
        disk.bad("L1", "nobody can go on")
        return
    if state[PATH] and not any(entry[LID] == DEAD for entry in state[ACTORS]):
        disk.bad("L2", "the lock is left behind by one who lives")
    newcomer = Disk(disk.bounds)
    its = (0, *UNBORN)
    later: State = (state[NOW] + (TORN_STEP_S if state[PATH] else 0), *state[1:])
    later = (*later[:ACTORS], (*later[ACTORS], its))
    actor = len(later[ACTORS]) - 1
    coroutine, lock = begin(disk.bounds, actor)
    call = sent(coroutine, None)
    while call is not None and call[0] != "holds":
        went = newcomer.perform(later, actor, call)
        if went is None:
            break
        answer, later = went
        call = sent(coroutine, answer)
    if lock.handle is None:
        disk.bad("L2", "whoever comes next can't have the lock of the dead")
    if call is not None:
        abandon(coroutine)


def _story(came: dict[State, tuple[State, str] | None], state: State) -> tuple[str, ...]:
    story: list[str] = []
    while (step := came[state]) is not None:
        state, what = step
        story.append(what)
    return tuple(story[::-1])


def main(arguments: list[str], say: Callable[[str], None] = print) -> int:
    """Explore the lock's configurations and tell what was seen."""
    parser = argparse.ArgumentParser(prog="tests.proof.lock_world", description=__doc__)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--ignore", action="append", default=[])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    gc.disable()
    sound = True
    for bounds in CONFIGURATIONS:
        if given.only and bounds.name not in given.only:
            continue
        report = explore(bounds, frozenset(given.ignore))
        sound = sound and report.exhausted
        if given.json:
            say(json.dumps(report._asdict()))
            continue
        say(f"{report.configuration:12} {report.states:9,} states, {report.depth} deep, "
            f"{'exhausted' if report.exhausted else report.invariant or 'LIMIT HIT'}, "
            f"{report.seconds:g} s {report.what}")  # fmt: skip
        for line in report.story:
            say(f"    {line}")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
