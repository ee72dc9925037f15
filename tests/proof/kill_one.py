"""Explores the code it is started beside, until somebody sees a broken invariant.

Run in a mutated copy by `tests.proof.kill`; one line of JSON says what was seen.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

AGAIN = 150_000  # states


def looked_at(name: str, ignored: frozenset[str], limit: int | None) -> dict[str, Any]:
    """Explore one configuration and give what was seen."""
    from . import lock_world

    for bounds in lock_world.CONFIGURATIONS:
        if bounds.name == name:
            told = lock_world.explore(
                bounds._replace(limit=limit or bounds.limit), ignored
            )._asdict()
            return told | {"story": list(told["story"])}
    from . import spool_world

    for spool_bounds in spool_world.CONFIGURATIONS:
        if spool_bounds.name == name:
            report = spool_world.explore(spool_bounds, ignored)._asdict()
            return report | {"story": list(report["story"])}
    from .configurations import CONFIGURATIONS
    from .mutants.worlds import extra
    from .summary import explore

    [configuration] = [c for c in (*CONFIGURATIONS, *extra()) if c.name == name]
    told = explore(configuration, ignored, limit).as_json()
    told["depth"] = len(told["story"]) if told["invariant"] else told["depth"]
    return told


def look(name: str, ignored: frozenset[str], limit: int | None) -> dict[str, Any]:
    """Explore one configuration; an event that its machine refuses is seen too."""
    from incumbent.lifecycle.machine.engine import RefusedError

    began = time.perf_counter()
    try:
        return looked_at(name, ignored, limit)
    except (RefusedError, LookupError, AssertionError) as error:
        return {
            "configuration": name,
            "states": 0,
            "depth": 0,
            "exhausted": False,
            "seconds": round(time.perf_counter() - began, 2),
            "invariant": "refused" if isinstance(error, RefusedError) else "",
            "what": f"{type(error).__name__}: {error}",
            "story": [],
        }


def main(arguments: list[str]) -> int:
    """Explore the named configurations in turn until something is found.

    `{"configurations": […], "every": whether to look, where something was found, for who else
    sees it}`; such a look gives up after so many states: a fault may have no end.
    """
    wanted = json.loads(arguments[0])
    gc.disable()
    for name in wanted["configurations"]:
        ignored: frozenset[str] = frozenset(wanted.get("ignored", ()))
        while True:
            told = look(name, ignored, AGAIN if ignored else None)
            print(json.dumps(told), flush=True)
            if not told["invariant"] or not wanted["every"] or told["invariant"] == "refused":
                break
            ignored |= {told["invariant"]}
        if told["invariant"] or ignored:
            break
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
