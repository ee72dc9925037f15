"""Faults of spawning."""

from __future__ import annotations

from .fault import Fault

SPAWNING: tuple[Fault, ...] = ()
