"""Looks at the events that are kept, or were refused by the app."""

from __future__ import annotations

import os
from collections.abc import Iterator

from incumbent.lifecycle.about import command
from incumbent.lifecycle.client.spool import Spool
from incumbent.lifecycle.data_dir import DataDir

from .finding import Finding


def spool(place: DataDir, serving: bool) -> Iterator[Finding]:
    """Tell how many events wait, and how many were refused."""
    path = place.spool
    waiting = len(Spool(path).waiting())
    if waiting:
        start = "" if serving else f"run `{command()} start`, "
        count = "1 event is" if waiting == 1 else f"{waiting} events are"
        yield Finding("spool", f"{count} kept in {path}", f"{start}the next hook delivers them")
    try:
        refused = [name for name in os.listdir(path) if name.endswith(".refused")]
    except OSError:
        return
    if refused:
        what = f"the app refused {len(refused)} kept events"
        yield Finding("spool", what, f"see them with `ls {path}/*.refused`, then remove them")
