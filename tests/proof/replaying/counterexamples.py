"""Replays each seeded fault's counterexample on the mutated code, with real processes."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from .. import kill
from ..mutants import FAULTS
from ..mutants.fault import Fault, seed

WITHIN_S = 120.0

# What the processes do otherwise than the simulator, with the reason.
OTHERWISE = {
    "rule 1: healthy before `up` is written": "the worker that serves at the beginning is never up",
    "bind taken as proof": "the worker that serves at the beginning is never up",
    "rule 12: serves since its spawn": (
        "the twin dates the service to the world's beginning, the shipped code to a spawn that "
        "comes after this restart began"
    ),
    "rule 14: mislabelled is well": (
        "the shipped worker still tells the version of its code, the twin the recorded one"
    ),
    "the successor is the dying install's version": (
        "the patch changes the label alone, which the shipped child refuses (rule 14)"
    ),
}


def replayed(fault: Fault) -> str:
    """Give what came of the first counterexample that can be replayed."""
    worlds = [n for n in fault.configurations if not n.startswith(("lock-", "spool-"))]
    if not worlds or not fault.sees:
        return "can't be expressed: no counterexample of the drivers"
    if fault.name in OTHERWISE:
        return f"can't be expressed: {OTHERWISE[fault.name]}"
    with tempfile.TemporaryDirectory(prefix="incumbent-kill-") as place:
        root = Path(place)
        kill.lay_out(root)
        seed(fault, root)
        said = ""
        for name in worlds:
            code, words, _ = kill.ran(root, ["-m", "tests.proof.replaying.one", name], WITHIN_S)
            lines = [line for line in words.splitlines() if line.startswith("{")]
            said = json.loads(lines[-1])["said"] if lines else f"broke off, {code}: {words[-200:]}"
            if said != "no counterexample here":
                break
        return said


def main(wanted: list[str]) -> int:
    """Replay all, or those whose names hold one of the words; 1 when one diverges."""
    faults = [f for f in FAULTS if not wanted or any(words in f.name for words in wanted)]
    well = True
    for fault in faults:
        said = replayed(fault)
        well = well and said.startswith(("as predicted", "can't be expressed"))
        print(f"{fault.name:52}  {said}", flush=True)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
