"""The data dirs of this user's workers, by which `list` finds them: a hint, nobody leans on it."""

from __future__ import annotations

import contextlib
import os
from binascii import crc32

from . import files
from ._small_json import dumps, loads
from .errors import IncumbentError
from .private import make_folder
from .settings import Worker, default_data_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import NamedTuple
else:
    from ._named_tuple import NamedTuple

FOLDER = ".known"  # no service's name begins with a dot


class Known(NamedTuple):
    """One data dir: the name of its service, where it is; where its worker served ("" and 0 where
    that is not told), the path of the entry that says so.
    """

    name: str
    data_dir: str
    host: str = ""
    port: int = 0
    entry: str = ""


def remember(worker: Worker) -> None:
    """Leave an entry for the worker's data dir; one that can't be left is only not found."""
    said = {
        "name": worker.name,
        "dataDir": worker.data_dir,
        "host": worker.host,
        "port": worker.port,
    }
    content = dumps(said).encode() + b"\n"
    with contextlib.suppress(OSError, IncumbentError):
        path = entry_of(worker.data_dir, worker.environ)
        if files.read(path) != content:
            make_folder(os.path.dirname(path))
            files.replace(path, content)


def known(environ: Mapping[str, str]) -> Iterator[Known]:
    """Give each data dir that there is an entry for, and each that lies at its default place."""
    folder = index(environ)
    seen = set()
    for name in sorted(_listed(folder)):
        entry = _entry(os.path.join(folder, name))
        if entry is not None and entry.data_dir not in seen:
            seen.add(entry.data_dir)
            yield entry
    root = os.path.dirname(folder)
    for name in sorted(_listed(root)):
        data_dir = os.path.realpath(os.path.join(root, name))
        if data_dir not in seen and os.path.isfile(os.path.join(data_dir, "launch.json")):
            seen.add(data_dir)
            yield Known(name, data_dir)


def forget(entry: str) -> None:
    """Remove an entry, and the folder of entries if that was the last."""
    files.unlink(entry)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(entry))


def index(environ: Mapping[str, str]) -> str:
    """Give the folder of the entries: beside the data dirs that are at their default place."""
    return os.path.join(os.path.dirname(default_data_dir("any", environ)), FOLDER)


def entry_of(data_dir: str, environ: Mapping[str, str]) -> str:
    """Give where the entry for a data dir is, whether or not it is there."""
    return os.path.join(index(environ), f"{crc32(os.fsencode(data_dir)):08x}.json")


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _entry(path: str) -> Known | None:
    try:
        said = loads(files.read(path) or b"")
    except (IncumbentError, ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    name, data_dir = said.get("name"), said.get("dataDir")
    host, port = said.get("host"), said.get("port")
    if not (isinstance(name, str) and isinstance(data_dir, str) and os.path.isabs(data_dir)):
        return None
    if not (isinstance(host, str) and type(port) is int):
        host, port = "", 0
    return Known(name, data_dir, host, port, path)
