"""Draws the latency of every request around a restart, one strip a tool, as SVG."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from .measuring import shown

WIDTH = 860
LEFT = 150
RIGHT = 20
STRIP = 96
GAP = 26
TOP = 64
BOTTOM = 46
LOW_MS = 0.5
HIGH_MS = 3000.0
GRID_MS = (1, 10, 100, 1000)

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 15px; font-weight: 600 }
.name { font-weight: 600 }
.small { font-size: 11px; fill: #666 }
.grid { stroke: #ddd; stroke-width: 1 }
.frame { fill: #f7f7f8 }
.dark { fill: #d6402b; fill-opacity: .13 }
.good { fill: #1f6fb4; fill-opacity: .75 }
.bad { stroke: #d6402b; stroke-width: 1.5 }
.zero { stroke: #777; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .small { fill: #aaa } .grid { stroke: #3a3d42 } .frame { fill: #22252a }
  .good { fill: #6fb3ee } .bad { stroke: #ff7a66 } .dark { fill: #ff7a66 } .zero { stroke: #999 }
}
"""


def svg(restarts: dict[str, Any]) -> str:
    """Give the whole drawing."""
    plots = {name: said["plot"] for name, said in restarts.items()}
    begin: float = max(plot["from"] for plot in plots.values())
    end: float = min(plot["to"] for plot in plots.values())
    height = TOP + len(plots) * (STRIP + GAP) + BOTTOM - GAP

    def across(at: float) -> float:
        return LEFT + (at - begin) / (end - begin) * (WIDTH - LEFT - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="Latency during a restart">',
        f"<style>{STYLE}</style>",
        '<text class="title" x="16" y="26">Latency of each request during one restart</text>',
        '<text class="small" x="16" y="45">200 new connections a second; a point is a good answer, '
        "a red stroke a request that failed, the shade the longest time without a good answer"
        "</text>",
    ]
    for number, (name, plot) in enumerate(plots.items()):
        parts += _strip(
            name, plot, restarts[name], TOP + number * (STRIP + GAP), across, begin, end
        )
    foot = height - BOTTOM + 18
    for at in range(math.ceil(begin / 200) * 200, int(end) + 1, 200):
        parts.append(
            f'<text class="small" x="{across(at):.1f}" y="{foot}" text-anchor="middle">{at}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="small" x="{middle}" y="{foot + 18}" text-anchor="middle">'
        "ms since the restart was asked for</text>"
    )
    return "\n".join([*parts, "</svg>", ""])


def points_of(results: Path) -> Path:
    """Give where the points beside these results are kept; they are not checked in."""
    return results.with_suffix(".points.json")


def without_points(restarts: dict[str, Any]) -> dict[str, Any]:
    """Give the figures of the restarts, without the points that only the drawing needs."""
    return {
        name: {what: figure for what, figure in said.items() if what != "plot"}
        for name, said in restarts.items()
    }


def _strip(
    name: str, plot: Any, said: Any, top: float, across: Any, begin: float, end: float
) -> list[str]:
    def down(latency: float) -> float:
        part = math.log(min(max(latency, LOW_MS), HIGH_MS) / LOW_MS) / math.log(HIGH_MS / LOW_MS)
        return float(top + STRIP - part * STRIP)

    points = [(at, ms, good) for at, ms, good in plot["points"] if begin <= at <= end]
    dark_from, dark_to = longest_dark(points, begin, end)
    failed = sum(not good for _, _, good in points)
    parts = [
        f'<rect class="frame" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" '
        f'height="{STRIP}"/>',
        f'<rect class="dark" x="{across(dark_from):.1f}" y="{top}" '
        f'width="{across(dark_to) - across(dark_from):.1f}" height="{STRIP}"/>',
        f'<text class="name" x="16" y="{top + 20}">{escape(name)}</text>',
        f'<text class="small" x="16" y="{top + 38}">gap {shown(dark_to - dark_from)} ms</text>',
        f'<text class="small" x="16" y="{top + 54}">{failed} failed</text>',
    ]
    if said["two_served"]:
        parts.append(f'<text class="small" x="16" y="{top + 70}">two at once</text>')
    for ms in GRID_MS:
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{down(ms):.1f}" '
            f'y2="{down(ms):.1f}"/>'
            f'<text class="small" x="{LEFT - 5}" y="{down(ms) + 4:.1f}" text-anchor="end">'
            f"{'1 s' if ms == 1000 else f'{ms} ms'}</text>"
        )
    if begin <= 0 <= end:
        parts.append(
            f'<line class="zero" x1="{across(0):.1f}" x2="{across(0):.1f}" y1="{top}" '
            f'y2="{top + STRIP}"/>'
        )
    for at, ms, good in points:
        x = across(at)
        if good:
            parts.append(f'<circle class="good" cx="{x:.1f}" cy="{down(ms):.1f}" r="1.7"/>')
        else:
            parts.append(
                f'<line class="bad" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 2}" y2="{top + 14}"/>'
            )
    return parts


def longest_dark(
    points: list[tuple[float, float, bool]], begin: float, end: float
) -> tuple[float, float]:
    """Give from when to when there was no good answer for the longest time."""
    good = sorted(at + ms for at, ms, good in points if good)
    moments = [begin, *(moment for moment in good if begin < moment < end), end]
    return max(itertools.pairwise(moments), key=lambda span: span[1] - span[0])
