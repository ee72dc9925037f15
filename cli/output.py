"""Results on stdout, talk on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from incumbent.lifecycle.about import command
from incumbent.lifecycle.messages import json_row, printable


def as_json(said: Mapping[str, object]) -> None:
    """Print one JSON object, the only thing on stdout."""
    _written(json_row(dict(said)))


class UnwrittenError(Exception):
    """The result could not be written, though everything it tells of was done."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"can't write the result: {self.reason}"


_unwritten: list[UnwrittenError] = []


def show(*rows: str) -> bool:
    """Print rows at once; False when nobody reads them, which is no reason to stop the work.

    Where they can't be written the work goes on too: `check_written` tells of it at its end.
    """
    return _written(*map(printable, rows))


def show_drawn(drawing: str) -> None:
    """Print what was drawn for a terminal, its colours with it: nothing in it is from elsewhere."""
    _written(*drawing.rstrip("\n").split("\n"))


def _written(*rows: str) -> bool:
    try:
        for row in rows:
            print(row, flush=row is rows[-1])
    except BrokenPipeError:
        hush(1)
        return False
    except OSError as error:
        hush(1)
        _unwritten.append(UnwrittenError(error.strerror or str(error)))
        return False
    return True


def check_written() -> None:
    """Write what is still to be written; raises UnwrittenError when a result could not be."""
    try:
        if sys.stdout is not None:  # closed before we began
            sys.stdout.flush()
    except BrokenPipeError:
        hush(1)
    except OSError as error:
        hush(1)
        raise UnwrittenError(error.strerror or str(error)) from error
    if _unwritten:
        raise _unwritten.pop()


def tell(sentence: str, *below: str) -> None:
    """Say something to people, with rows below it, if there is somebody who hears it."""
    talk(f"{command()}: {sentence}", *below)


def talk(*rows: str) -> None:
    """Print rows on stderr, if there is somebody who reads them."""
    try:
        for row in rows:
            print(printable(row), file=sys.stderr, flush=True)
    except OSError:
        hush(2)


def hush(fd: int) -> None:
    """Send what is still written to this descriptor nowhere: its reader is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, fd)
    os.close(nowhere)
