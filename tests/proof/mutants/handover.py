"""Faults of handover."""

from __future__ import annotations

from .fault import Fault

HANDOVER: tuple[Fault, ...] = ()
