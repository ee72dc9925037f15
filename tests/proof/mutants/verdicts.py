"""Faults of verdicts."""

from __future__ import annotations

from .fault import Fault

VERDICTS: tuple[Fault, ...] = ()
