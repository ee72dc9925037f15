"""Results on stdout, talk on stderr."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from incumbent.lifecycle.about import command


def as_json(said: dict[str, Any]) -> None:
    """Print one JSON object, the only thing on stdout."""
    show(json.dumps(said))


def show(*rows: str) -> bool:
    """Print rows at once; False when nobody reads them, which is no reason to stop the work."""
    try:
        for row in rows:
            print(row, flush=row is rows[-1])
    except BrokenPipeError:
        hush(1)
        return False
    return True


def tell(sentence: str) -> None:
    """Say something to people, if there is somebody who hears it."""
    try:
        print(f"{command()}: {sentence}", file=sys.stderr, flush=True)
    except OSError:
        hush(2)


def hush(fd: int) -> None:
    """Send what is still written to this descriptor nowhere: its reader is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, fd)
    os.close(nowhere)
