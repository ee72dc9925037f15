"""Draws a machine as SVG: a box for each state, in it where each event leads."""

from __future__ import annotations

from html import escape

from incumbent.lifecycle.machines import MACHINES, Row
from incumbent.lifecycle.states import major

WIDTH, HEAD, LINE, GAP_X, GAP_Y, EDGE = 330, 28, 19, 90, 26, 30
COLUMNS = 4  # side by side on one screen; what is further goes into a band below
COLOURS = {
    "idle": "#5b6b7f",
    "locking": "#8a5a00",
    "spawning": "#1f6fb2",
    "handing-off": "#7a3fa0",
    "verified": "#1f7a3d",
    "failed": "#b02a2a",
}


class _Box:
    def __init__(self, state: str, rows: list[Row], layer: int, y: int) -> None:
        self.state, self.rows, self.layer, self.y = state, rows, layer, y
        self.x = EDGE + layer % COLUMNS * (WIDTH + GAP_X)
        self.height = HEAD + LINE * len(rows) + (8 if rows else 0)
        self.colour = COLOURS[major(state)]


def machine(name: str) -> str:
    """Give the drawing of one machine, the same for the same table."""
    rows, initials, finals = MACHINES[name]
    boxes = {box.state: box for box in _placed(rows, initials)}
    width = max(box.x for box in boxes.values()) + WIDTH + EDGE
    height = max(box.y + box.height for box in boxes.values()) + EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="ui-monospace, monospace" font-size="12">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f"<title>The {escape(name)} machine</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#666"/></marker></defs>',
    ]
    parts += [
        _arrow(box, number, row, boxes)
        for box in boxes.values()
        for number, row in enumerate(box.rows)
        if row.source != row.dest
    ]
    parts += [_drawn(box, box.state in initials, box.state in finals) for box in boxes.values()]
    return "\n".join([part for part in parts if part] + ["</svg>"]) + "\n"


def _placed(rows: tuple[Row, ...], initials: tuple[str, ...]) -> list[_Box]:
    """Put each state into the column of its distance from where the machine begins."""
    layers = [list(initials)]
    seen = set(initials)
    while layers[-1]:
        following = [row.dest for row in rows if row.source in layers[-1]]
        layers.append([s for s in dict.fromkeys(following) if s not in seen])
        seen.update(layers[-1])
    boxes: list[_Box] = []
    top = EDGE
    for number, layer in enumerate(layers):
        if number and number % COLUMNS == 0:
            top = max(box.y + box.height for box in boxes) + 2 * GAP_Y
        y = top
        for state in layer:
            box = _Box(state, [row for row in rows if row.source == state], number, y)
            boxes.append(box)
            y += box.height + GAP_Y
    return boxes


def _drawn(box: _Box, initial: bool, final: bool) -> str:
    mark = " \u25b6" if initial else " \u25a0" if final else ""
    parts = [
        f'<rect x="{box.x}" y="{box.y}" width="{WIDTH}" height="{box.height}" rx="6" '
        f'fill="#fbfbfd" stroke="{box.colour}" stroke-width="{3 if final else 1.5}"/>',
        f'<path d="M{box.x} {box.y + HEAD - 4}h{WIDTH}" stroke="{box.colour}"/>',
        f'<text x="{box.x + 10}" y="{box.y + 17}" font-weight="bold" fill="{box.colour}">'
        f"{escape(box.state)}{mark}</text>",
    ]
    for number, row in enumerate(box.rows):
        leads = " \u21ba" if row.source == row.dest else f" \u2192 {row.dest}"
        y = box.y + HEAD + 12 + number * LINE
        parts.append(
            f'<text x="{box.x + 10}" y="{y}" fill="#222">{escape(row.event)}'
            f'<tspan fill="{COLOURS[major(row.dest)]}">{escape(leads)}</tspan></text>'
        )
    return "\n".join(parts)


def _arrow(box: _Box, number: int, row: Row, boxes: dict[str, _Box]) -> str:
    """Draw what leads to the column beside; what leads back or far is said in words only."""
    target = boxes[row.dest]
    if target.layer != box.layer + 1 or target.x < box.x:
        return ""
    y1, y2 = box.y + HEAD + 8 + number * LINE, target.y + 12
    x1, x2 = box.x + WIDTH, target.x
    bend = (x2 - x1) // 2
    return (
        f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}" fill="none" '
        f'stroke="{target.colour}" stroke-width="1.5" marker-end="url(#tip)"/>'
    )
