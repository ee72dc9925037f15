"""Writes the pages that come from the code; `--check` tells what is stale, which links are dead."""

from __future__ import annotations

import sys
from pathlib import Path

from . import cli_reference, python_api
from .links import dead_links

ROOT = Path(__file__).parents[2]


def main(check: bool) -> int:
    """Say nothing where all is well; give 1 where something is wrong."""
    wrong = []
    for writer in (cli_reference, python_api):
        text = writer.page()
        if not check:
            writer.PAGE.write_text(text, "utf-8")
        elif not writer.PAGE.exists() or writer.PAGE.read_text("utf-8") != text:
            wrong.append(f"{writer.PAGE.relative_to(ROOT)} is stale: run `make docs`")
    wrong += [f"a link leads nowhere: {link}" for link in dead_links(ROOT)]
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
