"""Gives the shipped drivers a system whose every verb is a point of interleaving."""

from __future__ import annotations

import types
from collections.abc import Generator

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
from incumbent.lifecycle.machine.tables import Row
from incumbent.lifecycle.record import Build, Record

Call = tuple  # (verb, *arguments)


@types.coroutine
def _yielded(*call: object) -> Generator[Call, object, object]:
    return (yield call)


class Verbs:
    """Every room of a launcher and of a worker: each verb only tells what is asked of the world."""

    @property
    def room(self) -> Verbs:
        return self

    lock = store = children = address = app = parent = requests = room

    async def note(self, row: Row, detail: str) -> None:  # noqa: ARG002 - a protocol's signature
        await _yielded("note", row)

    async def acquire(self) -> LockResult:
        return await _yielded("acquire")

    async def lock_is_free(self) -> bool:
        return await _yielded("lock_is_free")

    async def release(self) -> None:
        await _yielded("release")

    async def record(self) -> Record | None:
        return await _yielded("record")

    async def mark_good(self, build: Build) -> bool:
        return await _yielded("mark_good", build)

    async def reject(self, build: Build, reason: str, late: bool) -> bool:  # noqa: ARG002 - same
        return await _yielded("reject", build, late)

    async def candidates(self) -> tuple[Build, ...]:
        return await _yielded("candidates")

    async def number_launch(self) -> Launch | None:
        return await _yielded("number_launch")

    async def spawn(self, build: Build, generation: Generation, standby: bool) -> Child:
        return await _yielded("spawn", build, generation, standby)

    async def watch(self, child: Child) -> ChildExit:
        return await _yielded("watch", child.pid)

    async def kill(self, child: Child) -> ChildExit:
        return await _yielded("kill", child.pid)

    async def pause(self) -> bool:
        return await _yielded("pause")

    async def begin(self, restart: bool) -> Run:
        return await _yielded("begin", restart)

    async def probe(self):
        return await _yielded("probe")

    async def look_elsewhere(self):
        return await _yielded("look_elsewhere")

    async def ask(self, what: str, target: Target) -> Reply:
        return await _yielded("ask", what, target.instance, target.port)

    async def judge_silence(self) -> bool:
        return await _yielded("judge_silence")

    async def end_judged(self) -> StepResult:
        return await _yielded("end_judged")

    async def listen(self) -> StepResult:
        return await _yielded("listen")

    async def take_data(self) -> StepResult:
        return await _yielded("take_data")

    async def name_holder(self) -> None:
        await _yielded("name_holder")

    async def settle(self) -> None:
        await _yielded("settle")

    async def free_data(self) -> None:
        await _yielded("free_data")

    async def close(self) -> None:
        await _yielded("close")

    async def write_pid(self) -> None:
        await _yielded("write_pid")

    async def remove_pid(self) -> None:
        await _yielded("remove_pid")

    async def load(self) -> StepResult:
        return await _yielded("load")

    async def start_app(self) -> StepResult:
        return await _yielded("start_app")

    async def stop_app(self) -> None:
        await _yielded("stop_app")

    async def say_ready(self) -> None:
        await _yielded("say_ready")

    async def say_up(self) -> None:
        await _yielded("say_up")

    async def next_ask(self) -> Request:
        return await _yielded("next_ask")

    async def poll_ask(self) -> Request | None:
        return await _yielded("poll_ask")

    async def accept_ask(self, ask: Request, joined: bool = False) -> None:
        await _yielded("accept_ask", ask.number, joined)

    async def refuse(self, reason: str) -> None:  # noqa: ARG002 - a protocol's signature
        await _yielded("refuse")

    async def hold_lock_wait(self) -> None:
        await _yielded("hold_lock_wait")

    async def can_pass_socket(self, build: Build) -> bool:
        return await _yielded("can_pass_socket", build)

    async def warm_up(self, child: Child) -> ChildExit | Request:
        return await _yielded("warm_up", child.pid)

    async def drain(self, child: Child | None) -> bool:
        return await _yielded("drain", child.pid if child else None)

    async def accept_again(self) -> None:
        await _yielded("accept_again")

    async def pass_socket(self, child: Child) -> bool:
        return await _yielded("pass_socket", child.pid)

    async def await_socket(self) -> StepResult:
        return await _yielded("await_socket")
