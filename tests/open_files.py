"""Tells which files this process has open."""

from __future__ import annotations

import gc
import os
from pathlib import Path


def open_below(folder: str | Path) -> list[str]:
    """Give the path of each file below this folder that is open here, once a descriptor.

    Of one test's own folder only: what other tests have begun may end, and close its files, at any
    moment.
    """
    targets = (_target(descriptor) for descriptor in os.listdir("/proc/self/fd"))
    inside = f"{folder}{os.sep}"
    return sorted(t.removesuffix(" (deleted)") for t in targets if t.startswith(inside))


def open_without_a_path() -> list[str]:
    """Give every pipe, socket and the like that is open here, once a descriptor."""
    gc.collect()  # what a test before this one left to the collector
    targets = (_target(descriptor) for descriptor in os.listdir("/proc/self/fd"))
    return sorted(target for target in targets if target and not target.startswith(os.sep))


def _target(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""  # closed meanwhile, as the descriptor of the very listing is
