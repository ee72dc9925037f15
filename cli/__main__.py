"""`python -m incumbent.cli`: the same as `worker-service`."""

import sys

from .main import main

if __name__ == "__main__":
    sys.exit(main())
