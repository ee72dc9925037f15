"""Two installs of different versions fire at one worker: `python -m tests.crossfire`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from ..isolation import reserved_port
from .drill import PASSES, Claim, Pass, table
from .installs import installed

OLD, NEW = "1.0.0", "1.1.0"


def main() -> int:
    """Run both passes; 0 when every claim held."""
    parser = argparse.ArgumentParser(prog="python -m tests.crossfire", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="that each pass takes")
    parser.add_argument("--keep", action="store_true", help="the data dirs, to look at them")
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="incumbent-crossfire-"))
    found: dict[str, list[Claim]] = {}
    try:
        print(f"installing {OLD} beside {NEW} ...", file=sys.stderr, flush=True)
        old, new = installed(root / "installs", (OLD, NEW))
        for number, name in enumerate(PASSES):
            print(f"{name}: {options.seconds:g} s of fire ...", file=sys.stderr, flush=True)
            port, give_back = reserved_port()
            try:
                a_pass = Pass(name, old, new, options.seconds, root / f"pass-{number}", port)
                found[name] = a_pass.run()
            finally:
                give_back()
    finally:
        if options.keep:
            print(f"kept in {root}", file=sys.stderr)
        else:
            shutil.rmtree(root, ignore_errors=True)
    broken = [claim.name for claims in found.values() for claim in claims if claim.held is False]
    print(table(found))
    print(f"\n{'A CLAIM WAS BROKEN: ' + broken[0] if broken else 'every claim held'}", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
