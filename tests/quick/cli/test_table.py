"""Rows are a table with colours on a terminal, plain elsewhere, harmless everywhere."""

import contextlib
import io
import re
import sys
from collections.abc import Callable

import pytest

from incumbent.cli.table import BAD, GOOD, show_facts, show_table

TITLES = ("worker", "state", "data dir")
ROWS = [("one", "running", "/a"), ("another", "gone", "/b/" + "long/" * 30)]
EVIL = "\x1b[2J\x1b]0;owned\x07"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def seen(monkeypatch) -> Callable[[Callable[[], None]], str]:
    """Give what shows what is drawn on a terminal of 80 columns."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")

    def drawn(draw: Callable[[], None]) -> str:
        terminal = Terminal()
        with contextlib.redirect_stdout(terminal):
            draw()
        return terminal.getvalue()

    return drawn


def without_colours(shown: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


def test_elsewhere_a_table_is_plain_columns(capsys):
    show_table(TITLES, [("one", "running", "/a"), ("x", "gone", "/b")], [GOOD, BAD])
    assert capsys.readouterr().out.splitlines() == [
        "worker  state    data dir",
        "one     running  /a",
        "x       gone     /b",
    ]


def test_elsewhere_facts_are_plain_rows(capsys):
    show_facts("Worker running", GOOD, [("pid", "7"), ("version", "1.0")])
    assert capsys.readouterr().out == "Worker running\n  pid      7\n  version  1.0\n"


def test_elsewhere_no_library_for_terminals_is_imported(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    show_table(TITLES, ROWS, [GOOD, BAD])
    show_facts("Worker running", GOOD, [("pid", "7")])
    assert "running" in capsys.readouterr().out


def test_on_a_terminal_there_is_colour_within_its_columns(seen):
    shown = seen(lambda: show_table(TITLES, ROWS, [GOOD, BAD]))
    assert "\x1b[32mone" in shown
    assert "\x1b[31manother" in shown
    assert max(len(row) for row in without_colours(shown).splitlines()) <= 80


def test_on_a_terminal_only_the_last_column_is_folded(seen):
    row = ("w" * 30, "s" * 20, "/d" * 60)
    shown = without_colours(seen(lambda: show_table(TITLES, [row], [GOOD])))
    assert "w" * 30 in shown
    assert "s" * 20 in shown
    assert "".join(shown.split()).count("/d") == 60


def test_where_colours_are_not_wanted_there_are_none(seen, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[32m" not in seen(lambda: show_facts("Worker running", GOOD, [("pid", "7")]))


@pytest.mark.parametrize("colours", [True, False])
def test_what_came_from_elsewhere_does_nothing_to_a_terminal(seen, monkeypatch, colours):
    if not colours:
        monkeypatch.setenv("NO_COLOR", "1")
    shown = seen(lambda: show_table(TITLES, [(EVIL, "[red]x[/red]", EVIL)], [GOOD]))
    shown += seen(lambda: show_facts(f"hello {EVIL}", GOOD, [("name", EVIL)]))
    assert "\x1b[2J" not in shown
    assert "\x1b]" not in shown
    assert "[red]x[/red]" in without_colours(shown)
