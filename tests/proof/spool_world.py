"""Runs the shipped spool with hooks and workers that die, in orders that chance draws.

What is shipped: how a hook keeps, claims and queues (`lifecycle/client/spool.py`), how the worker
drains (`server/spool/`), how the app commits (`server/recorder.py`). What is of this file: the
clock, the order of steps, who dies when. The worker's event loop is real and goes one turn at a
time; its files are real, in a folder of their own; it may die before or after each change of a
name. Hooks of one session fire one after the other.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

from incumbent.lifecycle.client import spool as spool_module
from incumbent.lifecycle.client.deliver import DELIVERED, FAILED, REFUSED
from incumbent.lifecycle.client.spool import Claim, Spool, session_key
from incumbent.server.recorder import Events
from incumbent.server.spool import drain as drain_module
from incumbent.server.spool.drain import Drain
from incumbent.server.spool.kept_events import KeptEvents

from .lock_world import Report

KILLS, FAILS, REFUSES = "kills", "fails", "refuses"
LONG_S = 40.0  # longer than a claim holds
STEPS = 5000  # no run takes so many, unless it goes round in circles
TURNS = 200  # of a loop, until it must have done something or wait

Choose = Callable[[int], int]


class Bounds(NamedTuple):
    """How much happens in one run."""

    name: str
    sessions: int = 2
    events: int = 3  # of each session
    worker_deaths: int = 1
    hook_deaths: int = 1
    handovers: int = 1
    back: int = 1  # how often the wall clock goes back
    poison: str = ""  # what the first session's first event does to the app
    runs: int = 2000


CONFIGURATIONS = (
    Bounds("spool-plain", hook_deaths=0, worker_deaths=0),
    Bounds("spool-deaths", worker_deaths=2, hook_deaths=2),
    Bounds("spool-kills", poison=KILLS),
    Bounds("spool-fails", poison=FAILS),
    Bounds("spool-refuses", poison=REFUSES),
)


class BrokenError(Exception):
    """An invariant does not hold."""


class DiedError(BaseException):
    """The worker is dead: nothing of it happens any more."""


class TurningLoop(asyncio.SelectorEventLoop):
    """An event loop that goes one turn at a time, on the world's clock, with no threads."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now
        self.scheduled = 0

    def call_soon(  # type: ignore[override]  # typeshed ties the arguments to the callback
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        self.scheduled += 1
        return super().call_soon(callback, *args, context=context)

    def time(self) -> float:
        return self._now()

    def run_in_executor(  # type: ignore[override]  # as above
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        del executor
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def turn(self) -> bool:
        """Take one turn; give whether it led to another."""
        self.call_soon(self.stop)
        before = self.scheduled
        self.run_forever()
        return self.scheduled > before


class Event(NamedTuple):
    """One event; `kind` says what it does to the app."""

    session: str
    n: int
    kind: str = ""

    @property
    def body(self) -> bytes:
        identity = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.session} {self.n}"))
        return json.dumps(
            {"id": identity, "event": self.kind or "E", "payload": self._asdict()}
        ).encode()


class World:
    """One run: the folder, the store, the clock, whoever lives."""

    def __init__(self, bounds: Bounds, choose: Choose, folder: str) -> None:
        self.bounds, self.choose = bounds, choose
        self.folder = os.path.join(folder, "spool")
        self.events = Events(os.path.join(folder, "events.db"))
        self.now, self.back = 1000.0, 0.0
        self.worker: Worker | None = None
        self.acts = 0
        self.dying_at = -1  # after so many further changes of a name by the worker; -1 for never
        self.given: set[Event] = set()  # kept or taken: what must not be lost
        self.failures: dict[Event, int] = {}
        self.left = {"worker": bounds.worker_deaths, "hook": bounds.hook_deaths,
                     "handover": bounds.handovers, "back": bounds.back}  # fmt: skip
        self.outside = 0  # deaths of a worker that were no event's fault
        self.hooks: list[Session] = [Session(self, f"s{n}") for n in range(bounds.sessions)]
        self.story: list[str] = []

    def kind_of(self, session: str, n: int) -> str:
        return self.bounds.poison if (session, n) == ("s0", 0) else ""

    def say(self, words: str) -> None:
        self.story.append(words)

    # The app.

    def taken(self, body: bytes) -> str:
        """Let the app have an event; give what it answers."""
        said = json.loads(body)
        event = Event(**said["payload"])
        self.acts += 1
        if event.kind == KILLS:
            self.say(f"{event.session}.{event.n} kills the worker")
            self.kill_worker()
            raise DiedError
        if event.kind == FAILS and self.failures.setdefault(event, 0) < 2:
            self.failures[event] += 1
            return FAILED
        if event.kind == REFUSES:
            return REFUSED
        self.events.add(said["id"], "E", json.dumps(said["payload"]))
        self.say(f"{event.session}.{event.n} takes effect")
        return DELIVERED

    # The worker.

    def kill_worker(self) -> None:
        if self.worker is not None:
            self.worker.is_dead = True

    def launch(self) -> None:
        if self.worker is None:
            self.say("a worker is up")
            self.worker = Worker(self)

    def bury(self) -> None:
        worker = self.worker
        if worker is not None and worker.is_dead:
            self.say("the worker is dead")
            self.worker = None
            worker.close()

    def changing(self, change: Callable[..., None], *paths: str) -> None:
        """Change a name, for whoever acts; a worker may die before or after it."""
        worker = self.worker
        if worker is None or not worker.is_acting:
            return change(*paths)
        if worker.is_dead:
            raise DiedError
        self.acts += 1
        if self.dying_at > 0:
            self.dying_at -= 1
        if self.dying_at == 0:
            before = self.choose(2)
            if not before:
                change(*paths)
            self.dying_at = -1
            when = "before" if before else "after"
            self.say(f"it dies {when} a change of {os.path.basename(paths[0])}")
            self.outside += 1
            worker.is_dead = True
            raise DiedError
        return change(*paths)

    # The run.

    def run(self) -> None:
        for _ in range(STEPS):
            options = self.options()
            if not options:
                break
            options[self.choose(len(options))]()
            self.bury()
            self.check_order()
        else:
            raise BrokenError("the run goes round in circles")
        self.check_all()

    def options(self) -> list[Callable[[], None]]:
        steps: list[Callable[[], None]] = [hook.step for hook in self.hooks if not hook.is_done]
        left = self.left
        over = not steps
        if self.worker is None:
            if over and Spool(self.folder).waiting():
                steps.append(self.launch)
        elif not self.worker.is_idle:
            steps.append(self.worker.step)
        elif not over or Spool(self.folder).waiting():
            steps.append(self.pass_time)
        if over:
            return steps
        if self.worker is not None and self.dying_at < 0 and left["worker"]:
            steps.append(self.doom)
        if self.worker is not None and left["handover"]:
            steps.append(self.hand_over)
        if left["hook"] and any(hook.is_under_way for hook in self.hooks):
            steps.append(self.kill_hook)
        if left["back"]:
            steps.append(self.turn_back)
        return steps

    def pass_time(self) -> None:
        self.now += (1.0, LONG_S)[self.choose(2)]
        assert self.worker is not None
        self.worker.tick()

    def doom(self) -> None:
        self.left["worker"] -= 1
        self.dying_at = 1 + self.choose(4)

    def hand_over(self) -> None:
        self.left["handover"] -= 1
        self.say("a handover")
        assert self.worker is not None
        self.worker.stop()
        if self.worker.is_dead:
            return
        self.worker.close()
        self.worker = None
        self.launch()

    def kill_hook(self) -> None:
        self.left["hook"] -= 1
        hooks = [hook for hook in self.hooks if hook.is_under_way]
        hooks[self.choose(len(hooks))].die()

    def turn_back(self) -> None:
        self.left["back"] -= 1
        self.back += 5000.0
        self.say("the wall clock goes back")

    # I18.

    def effects(self) -> list[Event]:
        page = json.loads(self.events.after(0, 1000))
        return [Event(**event["payload"]) for event in page["events"]]

    def check_order(self) -> None:
        effects = self.effects()
        if len(set(effects)) != len(effects):
            raise BrokenError(f"I18 an event took effect twice: {effects}")
        for session in {event.session for event in effects}:
            order = [event.n for event in effects if event.session == session]
            if order != sorted(order):
                raise BrokenError(f"I18 {session} is out of order: {order}")

    def check_all(self) -> None:
        effects = set(self.effects())
        bodies = {path: Path(path).read_bytes() for path, _ in Spool(self.folder).aside()}
        aside = {Event(**json.loads(body)["payload"]) for body in bodies.values()}
        if lost := self.given - effects - aside:
            raise BrokenError(f"I18 lost: {sorted(lost)}")
        for event in aside:
            if self.outside:  # a worker that dies by chance may do so while the app has an event
                continue
            if event in effects:
                raise BrokenError(f"I18 {event} took effect and is set aside")
            if not event.kind:
                raise BrokenError(f"{event} is set aside, by no fault of its own")
        for event in self.given:
            if event.kind in (KILLS, REFUSES) and event not in aside:
                raise BrokenError(f"{event} is not set aside")


class Worker:
    """One worker's process: its loop, with the drain on it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.is_dead = self.is_acting = False
        self.is_idle = False
        self._loop = TurningLoop(lambda: world.now)
        self._loop.set_exception_handler(lambda *_: None)  # of tasks that died with it
        self._kept = KeptEvents(Spool(world.folder))
        self._drain = self._during(lambda: Drain(self._kept, self._give, lambda _: None))
        self._loop.call_soon(self._drain.start)

    def step(self) -> None:
        """Let the loop turn until something has changed, or it waits."""
        before = self._world.acts
        for _ in range(TURNS):
            busy = self._during(self._loop.turn)
            if self.is_dead or self._world.acts != before:
                return
            if not busy and not self._during(self._loop.turn):
                self.is_idle = True
                return

    def tick(self) -> None:
        self._during(self._drain.tick)
        self.is_idle = False

    def stop(self) -> None:
        stopping = self._during(lambda: self._loop.create_task(self._drain.stop(1.0)))
        for _ in range(TURNS):
            if stopping.done() or self.is_dead:
                return
            self._during(self._loop.turn)
            self._world.now += 0.05 * self._world.choose(2)
        raise BrokenError("the drain does not stop")

    def take(self, body: bytes) -> str:
        """Take an event from its hook, over the wire."""
        try:
            return self._world.taken(body)
        except DiedError:
            return ""

    def close(self) -> None:
        """End the process: its loop, what it has open."""
        self.is_dead = True
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        for _ in range(20):
            self._during(self._loop.turn)
        self._kept.end()  # as the kernel does
        self._loop.close()

    async def _give(self, body: bytes) -> tuple[str, str]:
        await asyncio.sleep(0)
        if self.is_dead:
            raise DiedError
        word = self._world.taken(body)
        await asyncio.sleep(0)
        return word, "its kind"

    def _during(self, act: Callable[[], Any]) -> Any:
        self.is_acting = True
        try:
            return act()
        finally:
            self.is_acting = False


class Session:
    """The hooks of one session, one after the other; each step is one look or one change."""

    def __init__(self, world: World, session: str) -> None:
        self._world, self.session = world, session
        self._n = 0
        self._claim: Claim | None = None
        self._hook: Iterator[None] | None = None

    @property
    def is_done(self) -> bool:
        return self._n >= self._world.bounds.events

    @property
    def is_under_way(self) -> bool:
        return self._hook is not None

    def step(self) -> None:
        if self._hook is None:
            event = Event(self.session, self._n, self._world.kind_of(self.session, self._n))
            self._hook = self._fire(event)
        if next(self._hook, "done") == "done":
            self._end()

    def die(self) -> None:
        self._world.say(f"the hook of {self.session}.{self._n} dies")
        self._end()

    def _end(self) -> None:
        if self._claim is not None:
            self._claim.let_go()
        self._claim = self._hook = None
        self._n += 1

    def _fire(self, event: Event) -> Iterator[None]:
        """Do what a hook does from its first question on: `cli/hook.py`, `cli/by_spool.py`."""
        world, spool, key = self._world, Spool(self._world.folder), session_key(self.session)
        has_worker = world.worker is not None
        yield
        if has_worker and not spool.holds_up(key):
            yield
            if self._delivers(event):
                return
        self._claim = spool.keep(event.body, key)
        world.given.add(event)
        world.say(f"{event.session}.{event.n} is kept")
        yield
        for _ in range(2):
            if world.worker is None:
                world.launch()
                yield
            if not spool.is_first(self._claim.path):
                return
            yield
            if self._delivers(event):
                yield
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self._claim.path)
                return
            yield

    def _delivers(self, event: Event) -> bool:
        """Post the event; False where it has to be kept."""
        world = self._world
        if world.worker is None:
            return False
        word = world.worker.take(event.body)
        if word == REFUSED:
            world.given.add(event)
            claim = self._claim or Spool(world.folder).keep(event.body, session_key(self.session))
            self._claim = claim
            with contextlib.suppress(FileNotFoundError):  # the worker had it, after a long wait
                Spool(world.folder).set_aside(os.path.basename(claim.path), "its kind")
            return True
        if word == DELIVERED:
            world.given.add(event)
        return word == DELIVERED


def _wall(world: World) -> int:
    return int((world.now - world.back + 1e6) * 1e9)


def run(bounds: Bounds, choose: Choose) -> World:
    """Run once; raises BrokenError."""
    place = "/dev/shm" if os.path.isdir("/dev/shm") else None
    folder = tempfile.mkdtemp(prefix="incumbent-spool-", dir=place)
    rename, unlink = os.rename, os.unlink
    try:
        world = World(bounds, choose, folder)
        clock = SimpleNamespace(monotonic=lambda: world.now)
        with (
            mock.patch.object(os, "rename", lambda *paths: world.changing(rename, *paths)),
            mock.patch.object(os, "unlink", lambda path: world.changing(unlink, path)),
            mock.patch.object(drain_module, "time", clock),
            mock.patch.object(spool_module, "time_ns", side_effect=lambda: _wall(world)),
        ):
            try:
                world.run()
            except BrokenError as error:
                error.add_note("\n".join(world.story))
                raise
            finally:
                if world.worker is not None:
                    world.worker.close()
                world.events.close()
        return world
    finally:
        shutil.rmtree(folder)


def explore(bounds: Bounds, ignored: frozenset[str] = frozenset()) -> Report:
    """Run as often as the bounds say, each time in another order, until I18 is broken."""
    began = time.monotonic()
    steps = longest = runs = 0
    what = ""
    story: tuple[str, ...] = ()
    for seed in range(0 if "I18" in ignored else bounds.runs):
        runs += 1
        try:
            taken = len(run(bounds, random.Random(seed).randrange).story)
        except BrokenError as error:
            what, story = str(error), tuple(error.__notes__[0].splitlines())
            break
        steps, longest = steps + taken, max(longest, taken)
    return Report(
        bounds.name,
        steps,
        len(story) or longest,
        runs == bounds.runs,
        round(time.monotonic() - began, 2),
        "I18" if what else "",
        what,
        story,
    )
