"""The worker's diagram, drawn from the tables, for the page."""

from __future__ import annotations

import functools
import re
from importlib.resources import files


@functools.cache
def diagram() -> str:
    """Give the drawing that ships with the package, sized by the page; "" where it is missing."""
    try:
        drawing = (files("incumbent.diagrams") / "worker.svg").read_text("utf-8")
    except (OSError, ModuleNotFoundError):
        return ""
    start = drawing.find("<svg")
    inside = re.sub(r'(<svg)\s+width="[^"]*"\s+height="[^"]*"', r"\1", drawing[start:], count=1)
    inside = re.sub(r"<metadata>.*?</metadata>", "", inside, count=1, flags=re.S)
    inside = re.sub(r"<title>[^<]*</title>", "", inside)  # a tool tip of Graphviz's own names
    label = "The worker's states, and what leads from one to the next"
    return inside.replace("<svg", f'<svg role="img" aria-label="{label}"', 1)


def box(state: str) -> str:
    """Give the id of a state's box in the drawing."""
    return f"state-{state.replace('/', '-')}"
