"""Gives kept events to the app, each session in its order, several sessions at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from incumbent.lifecycle.client.deliver import DELIVERED, FAILED, REFUSED, UNDELIVERED
from incumbent.lifecycle.client.spool import NO_SESSION

from .kept_events import RUN, SUSPECT, KeptEvents, Name, Taken, pause_after

LANES = 16  # sessions at once: one that hangs takes up one of them for as long as it may hang
CLAIM_S = 30.0  # longer than a hook lives by default: one that is stopped holds up nobody for ever
LOOK_AGAIN_S = 0.05  # for a hook that has a claim
BUSY_S = 1.0  # for a hook of 0.1 that drains
TROUBLE_S = 5.0  # for a disk that is full, or not ours to write
LOOK_SHARE = 10  # of the time, looks into a long spool take one part in so many
LOOK_LIMIT_S = 1.0

_LOOK = ""  # under which the time of the next look stands among those of sessions

Give = Callable[[bytes], Coroutine[Any, Any, tuple[str, str]]]
T = TypeVar("T")


class Drain:
    """The kept events of one data dir on their way to the app of this process.

    `give` posts one event to the app and gives what became of it; `say` tells people.
    """

    def __init__(self, kept: KeptEvents, give: Give, say: Callable[[list[str]], None]) -> None:
        self._kept, self._give, self._say = kept, give, say
        self._news = asyncio.Event()
        self._stopping = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._is_recovered = False
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._ready: dict[str, list[Name]] = {}
        self._calls: set[asyncio.Task[tuple[str, str]]] = set()
        self._is_alone = False  # a suspect is in hand, and nothing beside it
        self._until: dict[str, float] = {}  # when a session, or a single event, may go on
        self._claimed: dict[str, float] = {}  # since when, by stem
        self._old: dict[str, str] = {}  # the sessions of events of 0.1, by stem
        self._held: set[str] = set()  # what had to wait when we looked last
        self._stamps = -1, -1

    def start(self) -> None:
        """Begin, or go on after a stop; the app is up."""
        self._stopping.clear()
        self._running = asyncio.ensure_future(self._run(self._running))

    def tick(self) -> None:
        """Look once a second whether something was kept.

        A change that comes right after a look may leave the folder's time as that look saw it: so
        each change is followed by one look more.
        """
        last, stamp = self._stamps[1], self._kept.stamp()
        if stamp != last or last != self._stamps[0]:
            self._news.set()
        self._stamps = last, stamp

    @property
    def is_at_work(self) -> bool:
        """Whether an event is on its way now."""
        return bool(self._lanes)

    async def stop(self, seconds: float) -> bool:
        """Give the app no more; finish what it has within `seconds`; False when that was cut off.

        What the app had not answered then waits for the next drain.
        """
        self._stopping.set()
        self._news.set()
        if self._running is None:
            return True
        done, _ = await asyncio.wait({self._running}, timeout=seconds)
        if done:
            return True
        for call in self._calls:
            call.cancel()
        await asyncio.wait({self._running})
        return False

    async def _run(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        self._thread = ThreadPoolExecutor(1, "spool")
        try:
            while not self._stopping.is_set():
                self._news.clear()
                took = await self._look()
                await self._wait(took * LOOK_SHARE)
            while self._lanes:
                await asyncio.wait(self._lanes.values())
        finally:
            self._kept.end()
            self._thread.shutdown()

    async def _look(self) -> float:
        """Begin what can be begun; give for how many seconds it was looked for."""
        now = time.monotonic()
        self._until = {key: until for key, until in self._until.items() if until > now}
        if self._kept.is_empty():
            self._kept.end()
            return 0.0
        try:
            if not await self._files(self._kept.begin):
                self._until[_LOOK] = now + BUSY_S
                return 0.0
            if not self._is_recovered:
                self._say(await self._files(self._kept.recover))
                self._is_recovered = True
            names = await self._files(self._kept.waiting)
        except (OSError, RuntimeError) as error:
            self._say([f"can't look into the spool: {error}"])
            self._until[_LOOK] = now + TROUBLE_S
            return 0.0
        took = time.monotonic() - now
        self._ready = self._that_can_go(names)
        self._fill()
        return took

    async def _wait(self, seconds: float) -> None:
        """Wait until there is something to look for, `seconds` at least."""
        now = time.monotonic()
        until = min(self._until.values(), default=None)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), until and max(until - now, 0.0))
        left = now + min(seconds, LOOK_LIMIT_S) - time.monotonic()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), max(left, 0.0))

    def _that_can_go(self, names: list[Name]) -> dict[str, list[Name]]:
        """Give what may be given now, by session, each in its order; those of 0.1 under ""."""
        stems = {name.stem for name in names}
        self._old = {stem: of for stem, of in self._old.items() if stem in stems}
        self._claimed = {stem: since for stem, since in self._claimed.items() if stem in stems}
        lanes: dict[str, list[Name]] = {}
        held: set[str] = set()  # what has to wait for its time
        behind_old: set[str] = set()
        cut: set[str] = set()  # lanes that end before a suspect: what is behind it waits, too
        old_is_fresh = False
        for name in names:
            key = _key(name.stem, name.session or self._old.get(name.stem, ""))
            if key in held or name.session in cut or (name.session and key in behind_old):
                continue
            if key in self._until:
                held.add(key)
            elif name.mark == SUSPECT and name.session in lanes:
                cut.add(name.session)
            else:
                lanes.setdefault(name.session, []).append(name)
                if not name.session:
                    behind_old.add(key)
                    old_is_fresh = old_is_fresh or not name.tries
        self._held = held
        if old_is_fresh:
            lanes = {"": lanes[""]}
        return {session: own for session, own in lanes.items() if session not in self._lanes}

    def _fill(self) -> None:
        """Begin as many sessions as there is room for; a suspect has the app alone."""
        suspects = []
        for session, names in list(self._ready.items()):
            if self._stopping.is_set() or self._is_alone or len(self._lanes) >= LANES:
                return
            if names[0].mark == SUSPECT:
                suspects.append(session)
            else:
                self._begin(session, self._ready.pop(session))
        if suspects and not self._lanes:
            self._is_alone = True
            self._begin(suspects[0], self._ready.pop(suspects[0])[:1])

    def _begin(self, session: str, names: list[Name]) -> None:
        lane = self._lanes[session] = asyncio.ensure_future(self._lane(names))

        def ended(_: asyncio.Task[None]) -> None:
            del self._lanes[session]
            self._is_alone = False
            self._fill()
            if not (self._ready and self._lanes):
                self._news.set()

        lane.add_done_callback(ended)

    async def _lane(self, names: list[Name]) -> None:
        """Give these events to the app one after the other, as far as none has to wait."""
        held = set(self._held)
        run: list[Name] = []
        try:
            while names and not self._stopping.is_set() and names[0].session not in held:
                run, names = names[:RUN], names[RUN:]
                taken, claimed, sentences = await self._files(
                    self._kept.take, run, self._claims_that_hold_no_more()
                )
                self._say(sentences)
                for event in taken:
                    await self._one(event, held)
                for name in claimed:
                    self._claimed.setdefault(name.stem, time.monotonic())
                    self._put_off(_key(name.stem, name.session), LOOK_AGAIN_S, held)
                if taken and taken[-1].name.stem != run[-1].stem:
                    return  # the rest was too long for one run, or is somebody else's
        except (OSError, RuntimeError) as error:
            self._say([f"can't change the spool: {error}"])
            for name in {*run, *names}:
                self._put_off(_key(name.stem, name.session), TROUBLE_S, held)

    async def _one(self, event: Taken, held: set[str]) -> None:
        """Give one event to the app, unless its session waits; add that to `held` if it must."""
        key = _key(event.name.stem, event.session)
        if not event.name.session:
            self._old[event.name.stem] = event.session
        if self._stopping.is_set() or key in held:
            await self._files(self._kept.give_back, event)
            return
        call = asyncio.ensure_future(self._give(event.body))
        self._calls.add(call)
        await asyncio.wait({call})
        self._calls.discard(call)
        error = None if call.cancelled() else call.exception()
        if error is not None:
            self._say([f"a kept event can't be given to the app now: {error!r}"])
        word, why = (UNDELIVERED, "") if error or call.cancelled() else call.result()
        if word == DELIVERED:
            await self._files(self._kept.remove, event)
        elif word == REFUSED:
            self._say([await self._files(self._kept.refuse, event, why)])
        elif word == FAILED:
            tries, sentence = await self._files(self._kept.fail, event, why)
            self._say([sentence])
            if tries:
                self._put_off(key, pause_after(tries), held)
        else:
            await self._files(self._kept.give_back, event)
            self._put_off(key, TROUBLE_S, held)

    def _put_off(self, key: str, seconds: float, held: set[str]) -> None:
        held.add(key)
        self._until[key] = time.monotonic() + seconds

    def _claims_that_hold_no_more(self) -> set[str]:
        now = time.monotonic()
        return {stem for stem, since in self._claimed.items() if now - since >= CLAIM_S}

    async def _files(self, act: Callable[..., T], *what: Any) -> T:
        """Do what may block, beside the loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, act, *what)


def _key(stem: str, session: str) -> str:
    """Give what waits when this event has to: its session, or without one the event alone."""
    return stem if session in ("", NO_SESSION) else session
