"""Gives the shipped drivers a system whose every verb is a point of interleaving."""

from __future__ import annotations

import types
from collections.abc import Generator
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
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.machine.tables import Row
from incumbent.lifecycle.record import Build, Record

Call = tuple[Any, ...]  # (verb, *arguments)
T = TypeVar("T")


@types.coroutine
def _said(*call: object) -> Generator[Call, object, None]:
    yield call


@types.coroutine
def _maybe(kind: type[T], *call: object) -> Generator[Call, object, T | None]:
    answer = yield call
    if answer is None or isinstance(answer, kind):
        return answer
    raise TypeError(f"the world answers {call[0]} with {answer!r}")


@types.coroutine
def _asked(kind: type[T], *call: object) -> Generator[Call, object, T]:
    answer = yield call
    if isinstance(answer, kind):
        return answer
    raise TypeError(f"the world answers {call[0]} with {answer!r}")


class Verbs:
    """Every room of a launcher and of a worker: each verb only tells what is asked of the world."""

    @property
    def room(self) -> Verbs:
        return self

    lock = store = children = address = app = parent = requests = room

    async def note(self, row: Row, detail: str) -> None:  # noqa: ARG002 - a protocol's signature
        await _said("note", row)

    async def acquire(self) -> LockResult:
        return await _asked(LockResult, "acquire")

    async def lock_is_free(self) -> bool:
        return await _asked(bool, "lock_is_free")

    async def release(self) -> None:
        await _said("release")

    async def record(self) -> Record | None:
        return await _maybe(Record, "record")

    async def mark_good(self, build: Build) -> bool:
        return await _asked(bool, "mark_good", build)

    async def reject(self, build: Build, reason: str, late: bool) -> bool:  # noqa: ARG002 - same
        return await _asked(bool, "reject", build, late)

    async def candidates(self) -> tuple[Build, ...]:
        return await _asked(tuple, "candidates")

    async def number_launch(self) -> Launch | None:
        return await _maybe(Launch, "number_launch")

    async def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        return await _asked(Child, "spawn", build, generation, standby)

    async def watch(self, child: Child) -> ChildExit:
        return await _asked(ChildExit, "watch", child.pid)

    async def kill(self, child: Child) -> ChildExit:
        return await _asked(ChildExit, "kill", child.pid)

    async def pause(self) -> bool:
        return await _asked(bool, "pause")

    async def begin(self, restart: bool) -> Run:
        return await _asked(Run, "begin", restart)

    async def probe(self) -> ProbeResult:
        return await _asked(ProbeResult, "probe")

    async def look_elsewhere(self) -> ProbeResult:
        return await _asked(ProbeResult, "look_elsewhere")

    async def ask(self, what: str, target: Target) -> Reply:
        return await _asked(Reply, "ask", what, target.instance, target.port)

    async def judge_silence(self) -> bool:
        return await _asked(bool, "judge_silence")

    async def end_judged(self) -> StepResult:
        return await _asked(StepResult, "end_judged")

    async def listen(self) -> StepResult:
        return await _asked(StepResult, "listen")

    async def take_data(self) -> StepResult:
        return await _asked(StepResult, "take_data")

    async def name_holder(self) -> None:
        await _said("name_holder")

    async def settle(self) -> None:
        await _said("settle")

    async def free_data(self) -> None:
        await _said("free_data")

    async def close(self) -> None:
        await _said("close")

    async def write_pid(self) -> None:
        await _said("write_pid")

    async def remove_pid(self) -> None:
        await _said("remove_pid")

    async def load(self) -> StepResult:
        return await _asked(StepResult, "load")

    async def start_app(self) -> StepResult:
        return await _asked(StepResult, "start_app")

    async def stop_app(self) -> None:
        await _said("stop_app")

    async def say_ready(self) -> None:
        await _said("say_ready")

    async def say_up(self) -> None:
        await _said("say_up")

    async def next_ask(self) -> Request:
        return await _asked(Request, "next_ask")

    async def poll_ask(self) -> Request | None:
        return await _maybe(Request, "poll_ask")

    async def accept_ask(self, ask: Request, joined: bool = False) -> None:
        await _said("accept_ask", ask.number, joined)

    async def refuse(self, reason: str) -> None:  # noqa: ARG002 - a protocol's signature
        await _said("refuse")

    async def hold_lock_wait(self) -> None:
        await _said("hold_lock_wait")

    async def can_pass_socket(self, build: Build) -> bool:
        return await _asked(bool, "can_pass_socket", build)

    async def warm_up(self, child: Child) -> ChildExit | Request:
        answer = await _asked(tuple, "warm_up", child.pid)
        if isinstance(answer, ChildExit | Request):
            return answer
        raise TypeError(f"the world answers warm_up with {answer!r}")

    async def drain(self, child: Child | None) -> bool:
        return await _asked(bool, "drain", child.pid if child else None)

    async def accept_again(self) -> None:
        await _said("accept_again")

    async def pass_socket(self, child: Child) -> bool:
        return await _asked(bool, "pass_socket", child.pid)

    async def await_socket(self) -> StepResult:
        return await _asked(StepResult, "await_socket")
