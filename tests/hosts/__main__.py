"""Installs the real hosts, runs a session of each with our setup, says what became of it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ..isolation import reserved_port
from . import drill


def main() -> int:
    """Give 0 where every host that could be installed was as it should be."""
    code = 0
    for name in sys.argv[1:] or drill.PROGRAMS:
        try:
            if not drill.is_installed(name):
                drill.install(name)
        except drill.NotInstalledError as error:
            print(f"{name}: SKIPPED: {error}")
            continue
        port, give_back = reserved_port()
        with tempfile.TemporaryDirectory() as root:
            seen = drill.run(name, Path(root), port)
        give_back()
        found = drill.wrongs(name, seen)
        print(f"{name}: {', '.join(found) or 'as it should be'}")
        print(f"  events recorded: {', '.join(seen.events)}")
        print(f"  asked of its model: {len(seen.asked)} times")
        code = code or bool(found)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
