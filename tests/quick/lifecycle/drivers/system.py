"""A system that answers each verb of the drivers' ports from a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from incumbent.lifecycle.drivers.ports import (
    Child,
    ChildExit,
    Launch,
    LockResult,
    Reply,
    Request,
    Run,
    StepResult,
    Target,
)
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import DATA_FREE, ProbeResult
from incumbent.lifecycle.lock.spawn_lock import ACQUIRED
from incumbent.lifecycle.machine.tables import Row
from incumbent.lifecycle.record import Build, Record, candidates

ENOUGH = 120  # calls: no story is so long unless it goes round in a circle
LINE = "line"
NOTED = Generation(LINE, 100)
GOT = LockResult(ACQUIRED)
KILLED_AS_LATE = ChildExit(-9, late=True)

Answers = Mapping[str, Sequence[object]]  # of each verb, in their order; the last again and again
T = TypeVar("T")

USUAL: Answers = {
    "pause": [True],
    "acquire": [GOT],
    "lock_is_free": [True],
    "record": [None],
    "mark_good": [True],
    "reject": [True],
    "kill": [KILLED_AS_LATE],
    "begin": [Run(NOTED, "2")],
    "look_elsewhere": [ProbeResult(DATA_FREE)],
    "judge_silence": [False],
    "listen": [StepResult("listen_ok")],
    "take_data": [StepResult("data_taken")],
    "load": [StepResult("imported")],
    "start_app": [StepResult("app_up")],
    "await_socket": [StepResult("socket_received")],
    "poll_ask": [None],
    "can_pass_socket": [True],
    "drain": [True],
    "pass_socket": [True],
}


class EnoughError(Exception):
    """The story goes on and on; as an answer, it ends here."""


class System:
    """Answers for a launcher and for a worker; `calls` keeps every verb, `told` every row."""

    def __init__(self, answers: Answers) -> None:
        self._answers = {verb: list(its) for verb, its in {**USUAL, **answers}.items()}
        self.calls: list[tuple[Any, ...]] = []  # each a verb, then what it was given
        self.rows: list[Row] = []
        self.told: list[tuple[str, str]] = []
        self._pids = 50

    @property
    def room(self) -> System:
        """Give the system, which is every room of its own."""
        return self

    lock = store = children = address = app = parent = requests = room

    @property
    def verbs(self) -> list[str]:
        return [call[0] for call in self.calls]

    @property
    def spawned(self) -> list[str]:
        return [call[1].version for call in self.calls if call[0] == "spawn"]

    def comes(self, first: str, then: str) -> bool:
        """Whether `first` was called, and before the first `then`."""
        verbs = self.verbs
        return first in verbs and verbs.index(first) < [*verbs, then].index(then)

    def _said(self, verb: str, *given: object) -> None:
        self.calls.append((verb, *given))
        if len(self.calls) > ENOUGH:
            raise EnoughError

    def _next(self, verb: str) -> object:
        its = self._answers[verb]
        answer = its.pop(0) if len(its) > 1 else its[0]
        if answer is EnoughError:
            raise EnoughError
        return answer

    def _maybe(self, kind: type[T], verb: str, *given: object) -> T | None:
        self._said(verb, *given)
        answer = self._next(verb)
        assert answer is None or isinstance(answer, kind), f"{verb} answers {answer!r}"
        return answer

    def _answer(self, kind: type[T], verb: str, *given: object) -> T:
        answer = self._maybe(kind, verb, *given)
        assert answer is not None, f"{verb} has no answer"
        return answer

    def _choices(self) -> tuple[Build, ...] | None:
        recorded = self._next("record")
        assert recorded is None or isinstance(recorded, Record)
        return None if recorded is None else candidates(recorded, None, 0.0)

    # Of all.

    async def note(self, row: Row, detail: str) -> None:
        self.rows.append(row)
        self.told.append((row.event, detail))

    async def pause(self) -> bool:
        return self._answer(bool, "pause")

    # The lock.

    async def acquire(self) -> LockResult:
        return self._answer(LockResult, "acquire")

    async def lock_is_free(self) -> bool:
        return self._answer(bool, "lock_is_free")

    async def release(self) -> None:
        self._said("release")

    # The record.

    async def record(self) -> Record | None:
        return self._maybe(Record, "record")

    async def mark_good(self, build: Build) -> bool:
        return self._answer(bool, "mark_good", build)

    async def reject(self, build: Build, reason: str, late: bool) -> bool:
        return self._answer(bool, "reject", build, reason, late)

    async def candidates(self) -> tuple[Build, ...]:
        self._said("candidates")
        return self._choices() or ()

    async def number_launch(self) -> Launch | None:
        self._said("number_launch")
        return Launch(self._choices() or (), Generation(LINE, NOTED.number + 1))

    # The children.

    async def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        self._said("spawn", build, generation, standby)
        self._pids += 1
        return Child(self._pids, build)

    async def watch(self, child: Child) -> ChildExit:
        return self._answer(ChildExit, "watch", child)

    async def kill(self, child: Child) -> ChildExit:
        return self._answer(ChildExit, "kill", child)

    async def can_pass_socket(self, build: Build) -> bool:
        return self._answer(bool, "can_pass_socket", build)

    async def warm_up(self, child: Child) -> ChildExit | Request:
        self._said("warm_up", child)
        answer = self._next("warm_up")
        assert isinstance(answer, ChildExit | Request), f"warm_up answers {answer!r}"
        return answer

    async def drain(self, child: Child | None) -> bool:
        return self._answer(bool, "drain", child)

    async def pass_socket(self, child: Child) -> bool:
        return self._answer(bool, "pass_socket", child)

    # A launcher's own.

    async def begin(self, restart: bool) -> Run:
        return self._answer(Run, "begin", restart)

    async def probe(self) -> ProbeResult:
        return self._answer(ProbeResult, "probe")

    async def look_elsewhere(self) -> ProbeResult:
        return self._answer(ProbeResult, "look_elsewhere")

    async def ask(self, what: str, target: Target) -> Reply:
        return self._answer(Reply, "ask", what, target)

    async def judge_silence(self) -> bool:
        return self._answer(bool, "judge_silence")

    async def end_judged(self) -> StepResult:
        return self._answer(StepResult, "end_judged")

    # A worker's own.

    async def listen(self) -> StepResult:
        return self._answer(StepResult, "listen")

    async def take_data(self) -> StepResult:
        return self._answer(StepResult, "take_data")

    async def name_holder(self) -> None:
        self._said("name_holder")

    async def settle(self) -> None:
        self._said("settle")

    async def free_data(self) -> None:
        self._said("free_data")

    async def close(self) -> None:
        self._said("close")

    async def write_pid(self) -> None:
        self._said("write_pid")

    async def remove_pid(self) -> None:
        self._said("remove_pid")

    async def load(self) -> StepResult:
        return self._answer(StepResult, "load")

    async def start_app(self) -> StepResult:
        return self._answer(StepResult, "start_app")

    async def stop_app(self) -> None:
        self._said("stop_app")

    async def accept_again(self) -> None:
        self._said("accept_again")

    async def say_ready(self) -> None:
        self._said("say_ready")

    async def say_up(self) -> None:
        self._said("say_up")

    async def await_socket(self) -> StepResult:
        return self._answer(StepResult, "await_socket")

    async def next_ask(self) -> Request:
        return self._answer(Request, "next_ask")

    async def poll_ask(self) -> Request | None:
        return self._maybe(Request, "poll_ask")

    async def accept_ask(self, ask: Request, joined: bool = False) -> None:
        self._said("accept_ask", ask, joined)

    async def refuse(self, reason: str) -> None:
        self._said("refuse", reason)

    async def hold_lock_wait(self) -> None:
        self._said("hold_lock_wait")
