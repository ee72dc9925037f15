"""Runs `worker-service`: the console entry."""

import sys

from .arguments import split
from .failures import guarded


def main(argv: "list[str] | None" = None) -> int:
    """Run one command and give its exit code."""
    return guarded(*split(sys.argv[1:] if argv is None else argv))


if __name__ == "__main__":
    sys.exit(main())
