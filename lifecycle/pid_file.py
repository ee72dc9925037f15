"""The PID file: diagnostics that name the worker; nothing goes by it."""

from __future__ import annotations

import os

from . import files
from ._small_json import dumps, loads
from .errors import FilesError
from .lock.process_identity import is_pid, self_token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from ._named_tuple import NamedTuple


class PidFile(NamedTuple):
    """What the file says of the worker that wrote it; `start` tells its process from others."""

    pid: int
    start: str
    version: str
    port: int


def pid_file(path: str) -> PidFile | None:
    """Give what the file says; None when there is none, or none that can be read."""
    try:
        said = loads(files.read(path) or b"")
        pid, start, version, port = (said[key] for key in ("pid", "start", "version", "port"))
    except (FilesError, ValueError, KeyError, TypeError, RecursionError):
        return None
    texts = type(start) is str and type(version) is str
    if not is_pid(pid) or not texts or type(port) is not int:
        return None
    return PidFile(pid, start, version, port)


def write(path: str, version: str, port: int) -> None:
    """Name this process; raises FilesError."""
    said = PidFile(os.getpid(), self_token(), version, port)
    files.replace(path, dumps(said._asdict()).encode() + b"\n")


def remove(path: str) -> None:
    """Remove the file if it names this process."""
    said = pid_file(path)
    if said is not None and (said.pid, said.start) == (os.getpid(), self_token()):
        files.unlink(path)
