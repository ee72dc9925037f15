"""Faults of office."""

from __future__ import annotations

from .fault import Fault

OFFICE: tuple[Fault, ...] = ()
