"""The longest time without a good answer around a restart of an app that is slow to import."""

from __future__ import annotations

from ..measuring import Figure
from ..place import SLOW_IMPORT
from . import Scale, gap

ROW = "the same with a hosted app whose import takes 2 s (of the processor)"
TARGET = gap.TARGET


def measure(scale: Scale) -> Figure:
    """Measure what `gap` does with that app."""
    return gap.measure(scale, SLOW_IMPORT)
