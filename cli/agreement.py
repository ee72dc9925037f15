"""Asks a person at a terminal whether to go on."""

from __future__ import annotations

import sys

from .output import tell


def agreed() -> bool:
    """Whether a person at a terminal says yes; nobody else is asked."""
    if sys.stdin is None or not sys.stdin.isatty():
        return False
    tell("go on? [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")
