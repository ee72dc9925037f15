"""Shows rows as a table: drawn on a terminal, plain elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from incumbent.lifecycle.messages import printable

from .output import show, show_drawn

GOOD, MIDDLING, BAD, DULL = "green", "yellow", "red", "dim"


def on_terminal() -> bool:
    """Whether results go to people: nothing else gets colours, or has its rows folded."""
    return sys.stdout is not None and sys.stdout.isatty()


def show_table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    colours: Sequence[str],
    folded: bool = False,
) -> None:
    """Show rows below their titles; each of `colours` is that of a row's first cell.

    On a narrow terminal the last column is folded, all of them where they are `folded`.
    """
    if not on_terminal():
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        show(*(_plain(row, widths) for row in (titles, *rows)))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", show_edge=False, padding=(0, 1, 0, 0))
    *narrow, last = titles
    for title in narrow:
        table.add_column(title, no_wrap=not folded, overflow="fold")
    table.add_column(last, overflow="fold")
    for number, row in enumerate(rows):
        first, *others = (printable(cell) for cell in row)
        table.add_row(Text(first, style=colours[number]), *map(Text, others))
    _show(table)


def show_facts(sentence: str, colour: str, facts: Sequence[tuple[str, str]] = ()) -> None:
    """Show a sentence in a colour, then facts by their names."""
    if not on_terminal():
        width = max((len(name) for name, _ in facts), default=0)
        show(sentence, *(f"  {name:{width}}  {fact}" for name, fact in facts))
        return
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(overflow="fold")
    for name, fact in facts:
        table.add_row(Text(f"  {name}", style=DULL), Text(printable(fact)))
    head = Text.assemble(("\u25cf ", colour), (printable(sentence), "bold"))
    _show(Group(head, table) if facts else head)


def _plain(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _show(drawing: object) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(drawing)
    show_drawn(captured.get())
