"""Tells a counterexample: as lines to read, or as a sequence diagram."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .world import ACTORS, LID, World

if TYPE_CHECKING:
    from .explorer import Found
    from .world import Move


def story(found: Found) -> list[str]:
    """Give one line for each step, and at the end what broke."""
    world = found.world
    lines = []
    for n, (run, version, *more) in enumerate(world.configuration.launchers):
        where = f" at address {more[0]}" if more else ""
        how = ", forced" if more[1:] else ""
        lines.append(f"{_who(world, ACTORS + n)}: {run} by version {version}{where}{how}")
    if world.configuration.serving:
        lines.append(f"W1: serving, version {world.configuration.serving}")
    before: tuple[Any, ...] | None = world.initial()
    for number, move in enumerate(found.path, 1):
        after = move.state
        if before is not None and after is not None and len(after) != len(before):
            lines.append(f"     -- one more event comes: {_who(world, ACTORS)} is a new run")
            before = None
        lines.append(f"{number:4} {_who(world, move.actor)} {_words(world, move, before)}")
        before = after
    lines.append(f"     {found.invariant}: {found.what}")
    return lines


def sequence(found: Found) -> str:
    """Give the counterexample as a Mermaid sequence diagram."""
    world = found.world
    actors = dict.fromkeys(move.actor for move in found.path)
    lines = ["sequenceDiagram"]
    lines += [f"    participant {_who(world, actor)}" for actor in sorted(actors)]
    for move in found.path:
        me = _who(world, move.actor)
        other = _other(move)
        arrow = f"{me}->>{other}: " if other else f"Note over {me}: "
        words = f"{move.what} ({_answer(world, move.result)})" if move.result else move.what
        lines.append(f"    {arrow}{words.replace(';', ',')}")
    last = _who(world, found.path[-1].actor) if found.path else ""
    lines.append(f"    Note over {last}: {found.invariant} - {found.what.replace(';', ',')}")
    return "\n".join(lines) + "\n"


def _who(world: World, actor: int) -> str:
    """Give the short name of an actor: A, B, C are launchers, W1, W2 are worker processes."""
    if actor < ACTORS:
        return "somebody"
    if world.is_worker(actor):
        return f"W{world.pid(actor)}"
    return "ABCDEFGH"[actor - ACTORS]


def _other(move: Move) -> str:
    """Give whom a step concerns besides its actor."""
    result = move.result
    if isinstance(result, tuple) and result[0] == "seen" and len(result) > 2:
        return f"W{result[2]}"
    if isinstance(result, tuple) and result[0] == "child":
        return f"W{result[1]}"
    for verb in ("asks ", "kills ", "passes the socket to ", "watches ", "awaits standby "):
        if move.what.startswith(verb):
            number = move.what.removeprefix(verb).split()[0].strip(":,")
            return f"W{number}" if number.isdigit() else ""
    return ""


def _words(world: World, move: Move, before: tuple[Any, ...] | None) -> str:
    words = move.what
    answer = _answer(world, move.result)
    if answer:
        words += f": {answer}"
    if before is not None and move.state is not None and move.actor >= ACTORS:
        was, now = (_state(world, s[move.actor]) for s in (before, move.state))
        if was and now and was != now:
            words += f"   [{was} -> {now}]"
    return words + ("   (fault)" if move.fault else "")


def _state(world: World, entry: tuple[Any, ...]) -> str:
    if not entry or entry[LID] < 0:
        return "gone" if entry else ""
    state: str = world._states[entry[LID]]
    return state


def _answer(world: World, result: Any) -> str:
    """Give the world's answer in words."""
    if not isinstance(result, tuple):
        return "" if result is None else str(result)
    kind = result[0]
    if kind == "seen":
        if len(result) == 2:
            return str(result[1])
        return f"W{result[2]}, version {result[3]}, {result[4]}"
    if kind == "record":
        record = world.records[result[1]]
        recorded = record.recorded.version if record.recorded else "nothing"
        good = record.good.version if record.good else "nothing"
        no = ", ".join(r.version for r in record.rejected)
        return f"recorded {recorded}, good {good}" + (f", rejected {no}" if no else "")
    if kind == "run":
        return f"wants {result[2] or 'anything'}"
    if kind == "child":
        return f"W{result[1]}"
    if kind == "ended":
        _, code, up, ready, late, _ = result
        known = [word for word, true in (("up", up), ("ready", ready), ("late", late)) if true]
        return ", ".join(known + ([] if code is None else [f"exit {code}"]))
    return " ".join(str(one) for one in result[1:2])
