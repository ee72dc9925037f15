"""Looks at the serve lock: who runs the app on this data dir, where its own port says nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator

from incumbent.lifecycle import health as h
from incumbent.lifecycle.about import command
from incumbent.lifecycle.data_dir import DataDir
from incumbent.lifecycle.elsewhere import look_elsewhere
from incumbent.lifecycle.health import ProbeResult
from incumbent.lifecycle.lock.lock_holders import lock_holders
from incumbent.lifecycle.settings import Worker

from .finding import Finding

AGAIN_S = 0.2


def serve_lock(worker: Worker, seen: ProbeResult) -> Iterator[Finding]:
    """Tell of who runs the app on this data dir, where that one can't be asked from here."""
    if seen.health is not None or seen.kind == h.SILENT:
        return
    there = look_elsewhere(worker)
    if there.kind == h.DATA_HELD:  # for a moment, where somebody comes up or goes
        time.sleep(AGAIN_S)
        there = look_elsewhere(worker)
    if there.kind == h.OUT_OF_REACH:
        stop = f"run `{command()} stop` there, or choose another with INCUMBENT_DATA_DIR"
        yield Finding("data dir", f"{worker.data_dir} is in use by {there.detail}", stop)
    elif there.kind == h.DATA_HELD:
        pids = " ".join(map(str, lock_holders(DataDir(worker.data_dir).serve_lock)))
        end = f"run `kill -9 {pids}`" if pids else f"run `{command()} status`"
        what = f"{worker.data_dir} is in use by {there.detail}, which does not answer"
        yield Finding("data dir", what, f"if it stays so, {end}")
