"""What a parent spawns: `python -P -m incumbent.server`."""

import gc
import sys

gc.disable()  # importing makes a tenth of its time in vain collections; on again when serving

from .main import main  # noqa: E402 - after the collector is off

if __name__ == "__main__":
    given = sys.argv[1:]
    sys.exit(main("--by-hand" in given, "--managed" in given, "--json" in given))
