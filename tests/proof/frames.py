"""Tells two suspended drivers apart by what they still can read."""

from __future__ import annotations

import dis
import types
from functools import cache
from typing import Any

from incumbent.lifecycle.drivers.launch_attempts import LaunchAttempts
from incumbent.lifecycle.health import Health, ProbeResult
from incumbent.lifecycle.machine.engine import Engine

_PLAIN = (int, str, float, bytes)


class Forgotten:
    """Stands where a driver kept a value that nothing may read any more."""

    def __getattr__(self, name: str) -> object:
        raise LookupError(f"a forgotten value was read: .{name}; keep it in the fingerprint")

    def __eq__(self, other: object) -> bool:
        raise LookupError("a forgotten value was compared; keep it in the fingerprint")

    __hash__ = None  # type: ignore[assignment]  # what can't be compared is no key

    def __bool__(self) -> bool:
        raise LookupError("a forgotten value was tested; keep it in the fingerprint")


FORGOTTEN = Forgotten()


@cache
def _live(code: types.CodeType) -> dict[int, frozenset[str]]:
    """Give, for each instruction, the local variables that may be read after it."""
    steps = list(dis.get_instructions(code))
    place = {step.offset: index for index, step in enumerate(steps)}
    always = frozenset(code.co_cellvars + code.co_freevars)
    after: list[set[str]] = [set(always) for _ in steps]
    before: list[set[str]] = [set(always) for _ in steps]
    follows: list[list[int]] = []
    for index, step in enumerate(steps):
        ways = []
        ends = step.opname in ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE")
        jumps = step.opcode in dis.hasjrel or step.opcode in dis.hasjabs
        if jumps:
            ways.append(place[step.argval])
        unconditional = step.opname.startswith(("JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_ABSOLUTE"))
        if not ends and not unconditional and index + 1 < len(steps):
            ways.append(index + 1)
        follows.append(ways)
    for entry in dis._parse_exception_table(code):  # type: ignore[attr-defined]  # none is public
        for index, step in enumerate(steps):
            if entry.start <= step.offset < entry.end:
                follows[index].append(place[entry.target])
    if any(step.opname not in _FAST for step in steps if "_FAST" in step.opname):
        return {step.offset: frozenset(code.co_varnames) | always for step in steps}
    changed = True
    while changed:
        changed = False
        for index in range(len(steps) - 1, -1, -1):
            out = set(always).union(*(before[way] for way in follows[index]))
            into = set(out)
            step = steps[index]
            if step.opname in ("STORE_FAST", "DELETE_FAST"):
                into.discard(step.argval)
            elif step.opname in _FAST:
                into.add(step.argval)
            if out != after[index] or into != before[index]:
                after[index], before[index], changed = out, into, True
    return {step.offset: frozenset(after[index]) for index, step in enumerate(steps)}


_FAST = frozenset({"LOAD_FAST", "STORE_FAST", "DELETE_FAST", "LOAD_FAST_CHECK"})


def frozen(value: Any, driver: object) -> Any:
    """Give a hashable twin of a value; an unknown type is an error, never a guess."""
    kind = type(value)
    if value is None or kind in _PLAIN:
        return value
    if kind is bool:
        return ("bool", int(value))
    if value is driver:
        return "self"
    if value is FORGOTTEN:
        return "forgotten"
    if isinstance(value, tuple):
        return (kind.__name__, *(frozen(one, driver) for one in value))
    if kind is ProbeResult:
        return ("ProbeResult", value.kind, frozen(value.health, driver), value.detail)
    if kind is Health:
        return ("Health", *(getattr(value, name) for name in Health.__slots__))
    if isinstance(value, LaunchAttempts):
        return ("attempts", *(frozen(one, driver) for one in vars(value).values()))
    if isinstance(value, types.MethodType):
        return ("method", value.__name__)
    if isinstance(value, Engine):
        return ("Engine", value.state)
    if kind is dict and all(getattr(work, "__self__", None) is driver for work in value.values()):
        return ("work", *value)
    if isinstance(value, type):
        return ("class", value.__qualname__)
    if kind.__name__ == "Verbs":
        return "verbs"
    raise TypeError(f"no rule to freeze a {kind.__qualname__}")


def fingerprint(coroutine: Any, driver: Any) -> tuple[Any, ...]:
    """Give what a suspended driver will do next, as a value."""
    frames = []
    while isinstance(coroutine, types.CoroutineType):
        frame = coroutine.cr_frame
        assert frame is not None
        live = _live(frame.f_code)[frame.f_lasti]
        held = frame.f_locals
        kept = tuple((n, frozen(held[n], driver)) for n in sorted(live) if n in held)
        frames.append((frame.f_code.co_qualname, frame.f_lasti, kept))
        coroutine = coroutine.cr_await
    attributes = tuple((n, frozen(v, driver)) for n, v in sorted(vars(driver).items()))
    return (*frames, attributes)
