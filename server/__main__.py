"""What launchers and predecessors spawn: `python -P -m incumbent.server`."""

import sys

from .serving import main

if __name__ == "__main__":
    sys.exit(main(by_hand="--by-hand" in sys.argv[1:]))
