"""Replays the first counterexample that a mutated copy's explorer finds; run in that copy."""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path

from ...isolation import Sandbox, leavings, reserved_port
from ...world import World
from ..configurations import CONFIGURATIONS
from ..explorer import Explorer, Found
from ..mutants.worlds import extra
from ..world import HANGS_EARLY, OTHER_NAMESPACE, Configuration
from .conductor import DivergedError, Replay
from .covering import can_be_led


def why_not(configuration: Configuration) -> str:
    """Give why a world's first state can't be brought about with real processes; "" when it can."""
    known = (configuration.recorded, configuration.good)
    if configuration.repeats:
        return "it takes one event after the other"
    if configuration.managed:
        return "a service manager"
    addresses = [launcher[2] for launcher in configuration.launchers if len(launcher) > 2]
    if any(address >= OTHER_NAMESPACE for address in addresses):
        return "it takes two network namespaces"
    if configuration.pinned or known not in (("1", "1"), ("", "")):
        return "its first record"
    if any(how == HANGS_EARLY for _, how in configuration.broken):
        return "a hang within one verb"
    return ""


def choices(found: Found) -> list[int] | None:
    """Give which of the moves that could happen did, each time; None for one more event."""
    state = found.world.initial()
    numbers = []
    for move in found.path:
        options = [one for one in found.world.moves(state) if one.state is not None]
        same = [n for n, one in enumerate(options) if one.state == move.state]
        if not same or move.state is None:
            return None
        numbers.append(same[0])
        state = move.state
    return numbers


def replayed(name: str) -> str:
    """Give "as predicted", or what stands in the way."""
    [configuration] = [c for c in (*CONFIGURATIONS, *extra()) if c.name == name]
    if reason := why_not(configuration):
        return f"can't be expressed: {reason}"
    found = Explorer(configuration).run().found
    if found is None:
        return "no counterexample here"
    if found.invariant == "T":
        return "can't be expressed: the driver breaks off, its process with it"
    numbers = choices(found)
    if numbers is None:
        return "can't be expressed: it needs one more event"
    with tempfile.TemporaryDirectory(prefix="incumbent-replay-") as place:
        port, give_back = reserved_port()
        sandbox = Sandbox(Path(place), Path(place) / "home", Path(place) / "data", port)
        sandbox.home.mkdir()
        (sandbox.root / "tmp").mkdir()
        replay = Replay(configuration, World(sandbox))
        try:
            replay.begin()
            for number in numbers:
                option = replay.options()[number]
                if not can_be_led(replay.state, option[0]):
                    return f"can't be expressed: {option[0].what}"
                replay.take(option)
            same = replay.observed() == replay.predicted()
            return "as predicted" if same else "other rows than predicted"
        except DivergedError as error:
            return f"diverged: {'; '.join(str(error).splitlines()[:2])}"
        finally:
            replay.close()
            leavings(sandbox, set())
            with contextlib.suppress(AssertionError):
                replay.place.close()
            give_back()


if __name__ == "__main__":
    print(json.dumps({"said": replayed(sys.argv[1])}))
