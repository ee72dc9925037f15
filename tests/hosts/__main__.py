"""Installs the real hosts, runs a session of each with our setup, says what became of it."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ..isolation import reserved_port
from . import drill, inspector


def main() -> int:
    """Give 0 where every host that could be installed was as it should be."""
    code = 0
    for name in sys.argv[1:] or (*drill.PROGRAMS, "inspector"):
        if name == "inspector":
            code = _inspected() or code
            continue
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


def _inspected() -> int:
    try:
        if not inspector.PROGRAM.exists():
            inspector.install()
    except drill.NotInstalledError as error:
        print(f"inspector: SKIPPED: {error}")
        return 0
    port, give_back = reserved_port()
    with tempfile.TemporaryDirectory() as root:
        found = inspector.wrongs(Path(root), port)
    give_back()
    print(f"inspector: {', '.join(found) or 'as it should be'}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
