"""Remembers that a worker does not answer, so that not every hook waits to find it out."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..settings import Worker

FILE = "silent"


def note(worker: Worker) -> None:
    """Remember that the worker's port accepts and does not answer; where it can't be, don't."""
    from ..errors import FilesError
    from ..files import replace

    try:
        replace(worker.path(FILE), _address(worker))
    except FilesError:
        return


def noted(worker: Worker) -> bool:
    """Whether this very address is known to be silent. Only a try can tell if it still is."""
    from .._small_json import read_small
    from ..trust import check_open

    try:
        return read_small(worker.path(FILE), check_open) == _address(worker)
    except OSError:
        return False


def forget(worker: Worker) -> None:
    """Believe in an answer again."""
    try:
        os.unlink(worker.path(FILE))
    except OSError:
        return


def _address(worker: Worker) -> bytes:
    from .http import literal

    return f"{literal(worker.host)}:{worker.port}\n".encode()
