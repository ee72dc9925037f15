"""Seeded faults: what must not survive the checks, each a small patch of the shipped code."""

from __future__ import annotations

from .fault import Edit, Fault
from .ground import GROUND
from .handover import HANDOVER
from .locking import LOCKING
from .posix import POSIX_FAULTS
from .spawning import SPAWNING
from .spool import SPOOLING
from .verdicts import VERDICTS

FAULTS = (*LOCKING, *SPAWNING, *HANDOVER, *VERDICTS, *POSIX_FAULTS, *GROUND, *SPOOLING)

__all__ = ["FAULTS", "Edit", "Fault"]
