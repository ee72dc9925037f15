"""Looks at the events that are kept, or set aside."""

from __future__ import annotations

from collections.abc import Iterator

from incumbent.lifecycle.about import command
from incumbent.lifecycle.client.spool import Spool, as_kept, has_failed
from incumbent.lifecycle.data_dir import DataDir

from .finding import Finding

SHOWN = 3  # of those that are set aside, the last ones


def spool(place: DataDir, serving: bool) -> Iterator[Finding]:
    """Tell how many events wait, where that is not about to end, and what was set aside, why."""
    folder = Spool(place.spool)
    waiting = folder.waiting()
    failed = [name for name in waiting if has_failed(name)]
    if waiting and not serving:
        what = f"{_count(waiting)} kept in {place.spool}"
        yield Finding("spool", what, f"run `{command()} start`: the worker delivers them")
    elif failed:
        what = f"{_count(failed)} kept in {place.spool} that the app has failed at"
        step = f"run `{command()} logs` to see why; the worker tries again by itself"
        yield Finding("spool", what, step)
    aside = folder.aside()
    for path, why in aside[-SHOWN:]:
        again = as_kept(path)
        step = f"run `mv {path} {again}` to have it delivered after all, or remove it"
        yield Finding("spool", f"an event is set aside in {path}: {why}", step)
    if len(aside) > SHOWN:
        what = f"{len(aside) - SHOWN} more are set aside in {place.spool}"
        yield Finding("spool", what, f"see them with `ls {place.spool}`")


def _count(names: list[str]) -> str:
    return "1 event is" if len(names) == 1 else f"{len(names)} events are"
