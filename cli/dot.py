"""Writes a machine as Graphviz source."""

from __future__ import annotations

import itertools
import textwrap
from html import escape

from incumbent.lifecycle.machine.states import FAILED, major
from incumbent.lifecycle.machine.tables import MACHINES, Row

from .lanes import LANES, MAIN_WAY, Lane

FOOTER_COLUMNS = 34
# one of the six -> the colour of its lines, of its boxes
COLOURS = {
    "idle": ("#44546a", "#f3f5f8"),
    "locking": ("#8a5a00", "#fdf5e3"),
    "spawning": ("#1f6fb2", "#e9f3fc"),
    "handing-off": ("#7a3fa0", "#f6edfb"),
    "verified": ("#1f7a3d", "#e8f6ec"),
    "failed": ("#b02a2a", "#fceaea"),
}
BEGINS, ENDS = "\u25b6", "\u25a0"
LEGEND = "    ".join(
    (
        f"{BEGINS} begins here",
        f"{ENDS} ends here",
        "\u21ba event that changes nothing",
        "\u2192 failed: events that lead there",
        "bold: the main way",
        "colour: one of the six states",
    )
)
TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}">{rows}</TABLE>'
OPENING = """\
digraph "{title}" {{
    graph [bgcolor="#ffffff" fontname="sans-serif" fontsize=11 fontcolor="#555555"
           label="{legend}" labelloc=b nodesep=0.3 ranksep=0.4 newrank=true pad=0.2]
    node [shape=box style="rounded,filled" margin="0.1,0.06" fontname="sans-serif" fontsize=11
          fontcolor="#222222"]
    edge [fontname="sans-serif" fontsize=10 arrowsize=0.7]"""


def machine(name: str) -> str:
    """Give the source of one machine's drawing, the same for the same table."""
    rows, initials, finals = MACHINES[name]
    lines = [OPENING.format(title=f"The {name} machine", legend=LEGEND)]
    for number, lane in enumerate(LANES[name]):
        boxes = [
            _box(
                state,
                [row for row in rows if row.source == state],
                mark=BEGINS if state in initials else ENDS if state in finals else "",
                column="main" if state in MAIN_WAY[name] else f"lane{number}",
            )
            for state in lane.states
        ]
        lines += _framed(number, lane, boxes)
    main = set(itertools.pairwise(MAIN_WAY[name]))
    lines += [
        _edge(source, dest, events, (source, dest) in main)
        for (source, dest), events in _pairs(rows).items()
    ]
    return "\n".join([*lines, "}"]) + "\n"


def state_id(state: str) -> str:
    """Give the id of a state's box in the drawing."""
    return f"state-{state.replace('/', '-')}"


def edge_id(source: str, dest: str) -> str:
    """Give the id of the edge between two states in the drawing."""
    return f"edge-{source.replace('/', '-')}-to-{dest.replace('/', '-')}"


def _pairs(rows: tuple[Row, ...]) -> dict[tuple[str, str], list[str]]:
    """Give the events of each edge; what stays or fails stands inside its box."""
    pairs: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.dest not in (row.source, FAILED):
            pairs.setdefault((row.source, row.dest), []).append(row.event)
    return pairs


def _framed(number: int, lane: Lane, boxes: list[str]) -> list[str]:
    """Put the boxes of a lane into its frame; what ends a machine stands at the bottom, free."""
    if not lane.title:
        return ["    {", "        graph [rank=sink]", *(f"    {box}" for box in boxes), "    }"]
    title = "".join(f"{line}\\l" for line in lane.title.splitlines())
    return [
        f"    subgraph cluster_{number} {{",
        f'        graph [id="lane-{number}" class="lane" label="{title}" labelloc=t '
        'labeljust=l style="rounded,filled" color="#d5d8dd" fillcolor="#fafbfc"]',
        *(f"    {box}" for box in boxes),
        "    }",
    ]


def _box(state: str, rows: list[Row], mark: str, column: str) -> str:
    """Give the box of a state with the rows that are no edges; one column is one straight line."""
    six = major(state)
    line, fill = COLOURS[six]
    texts = [f'<B><FONT COLOR="{line}">{escape(f"{state} {mark}".rstrip())}</FONT></B>']
    texts += [f"\u21ba {escape(row.event)}" for row in rows if row.dest == state]
    fails = ", ".join(row.event for row in rows if row.dest == FAILED)
    if fails:
        footer = textwrap.wrap(f"\u2192 failed: {fails}", FOOTER_COLUMNS)
        texts += [f'<FONT COLOR="{COLOURS[FAILED][0]}">{escape(part)}</FONT>' for part in footer]
    listed = "".join(f'<TR><TD ALIGN="LEFT">{text}</TD></TR>' for text in texts)
    return (
        f'    "{state}" [id="{state_id(state)}" class="state six-{six}" group={column} '
        f'color="{line}" fillcolor="{fill}" penwidth={2.5 if mark == ENDS else 1.2} '
        f"label=<{TABLE.format(padding=1, rows=listed)}>]"
    )


def _edge(source: str, dest: str, events: list[str], main: bool) -> str:
    """Give one edge in the colour of where it leads; a cell keeps its events off its line."""
    colour = COLOURS[major(dest)][0]
    cells = [f'<TD ALIGN="LEFT">{escape(event)}</TD>' for event in events]
    cells[0] = f'<TD ROWSPAN="{len(events)}" WIDTH="5"></TD>{cells[0]}'
    label = TABLE.format(padding=0, rows="".join(f"<TR>{cell}</TR>" for cell in cells))
    straight = " penwidth=2.5 weight=100" if main else ""
    return (
        f'    "{source}" -> "{dest}" [id="{edge_id(source, dest)}" class="transition" '
        f'color="{colour}" fontcolor="{colour}"{straight} label=<{label}>]'
    )
