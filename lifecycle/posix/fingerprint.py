"""Tells whether the code of an app has changed, without importing it."""

from __future__ import annotations

import os
from binascii import crc32
from importlib.machinery import PathFinder

FILES_LIMIT = 5000


def fingerprint(app: str, python: str) -> str:
    """Give a short text that changes with the app's top module: names, sizes and mtimes."""
    top = app.partition(":")[0].partition(".")[0]
    told_of = [f"{app}\0{python}"]
    spec = PathFinder.find_spec(top)
    if spec is not None:
        roots = list(spec.submodule_search_locations or ())
        for path in [spec.origin] if spec.origin and not roots else _sources(roots):
            try:
                told = os.stat(path)
            except OSError:
                continue
            told_of.append(f"{path}\0{told.st_size}\0{told.st_mtime_ns}")
    return f"{len(told_of)}-{crc32(chr(0).join(told_of).encode(errors='surrogatepass')):08x}"


def _sources(roots: list[str]) -> list[str]:
    found: list[str] = []
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if f != "__pycache__")
            found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".py")]
            if len(found) > FILES_LIMIT:
                return found
    return found
