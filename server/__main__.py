"""What launchers and predecessors spawn: `python -P -m incumbent.server`."""

import gc
import sys

gc.disable()  # importing makes a tenth of its time in vain collections; on again when serving

from .serving import main  # noqa: E402 - after the collector is off

if __name__ == "__main__":
    sys.exit(main("--by-hand" in sys.argv[1:], "--managed" in sys.argv[1:]))
