"""The page is whole without a script; what others wrote is only text there."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.record import Rejection
from incumbent.server.page import diagram as drawing
from incumbent.server.page.diagram import box, diagram
from incumbent.server.page.findings import Finding
from incumbent.server.page.render import page, parts

from .given import NOON, SERVING, asked, facts, health, line

UP = line(SERVING, 0, "app_up", states.VERIFIED, ms=1500.0)


def test_the_drawing_is_one_image_with_a_name_sized_by_the_page():
    root = ElementTree.fromstring(diagram())
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].startswith("The worker's states")
    assert "viewBox" in root.attrib
    assert not {"width", "height"} & set(root.attrib)
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert "title" not in names
    assert "metadata" not in names


def test_every_state_of_a_worker_has_its_box_in_the_drawing():
    ids = {element.get("id") for element in ElementTree.fromstring(diagram()).iter()}
    rows, _, _ = MACHINES["worker"]
    assert {box(state) for row in rows for state in row[1:]} <= ids


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), ModuleNotFoundError("gone")])
def test_without_the_drawing_there_is_a_page(monkeypatch: pytest.MonkeyPatch, error: Exception):
    def files(_: str) -> None:
        raise error

    monkeypatch.setattr(drawing, "files", files)
    drawing.diagram.cache_clear()
    try:
        assert 'aria-label="Diagram of the worker"></div>' in page(facts())
    finally:
        drawing.diagram.cache_clear()


def test_the_box_of_its_state_is_lit_and_no_other():
    for state in (states.VERIFIED, states.WARMING_UP):
        written = page(facts(its=health(state)))
        lit = re.findall(r'id="([^"]+)" class="lit ', written)
        assert [one.replace("&#45;", "-") for one in lit] == [box(state)]
        assert f'<body data-box="{box(state)}"' in written


def test_the_page_has_every_part_in_its_place():
    given = facts([UP, asked("r", 1, "restart_wanted", "failed")], findings=(Finding("a", "b"),))
    written = page(given)
    for name, text in parts(given).items():
        assert f'id="{name}">{text}<' in written
    assert "<title>marvel 1.2.3</title>" in written


def test_the_last_transitions_come_newest_first_each_with_its_reason_below():
    rows = parts(facts([line("w", -9, "closed", why="<asked>"), UP]))["rows"]
    assert re.findall(r"<tr.*?</tr>", rows)[1:] == [
        "<tr><td>7</td><td>app_up</td><td>verified</td><td>1.5 s</td></tr>",
        "<tr><td>7</td><td>closed</td><td>x</td><td></td></tr>",
        '<tr class="why"><td></td><td colspan="3">&lt;asked&gt;</td></tr>',
    ]
    assert re.findall(r'<th scope="col">(.*?)</th>', rows) == ["pid", "event", "to", "after"]
    assert parts(facts())["rows"] == "<p>Nothing is written yet.</p>"


def test_a_restart_is_folded_with_how_it_went_and_what_happened_when():
    lines = [
        asked("r", -2, "restart_wanted", "handing-off"),
        UP,
        asked("r", 0.5, "worker_fits", "verified"),
    ]
    folded = parts(facts(lines))["folded"]
    assert '<details id="run-r" class="verified">' in folded
    assert "by a command, 2.5 s</summary>" in folded
    titles = re.findall(r'<th scope="col">(.*?)</th>', folded)
    assert titles == ["at", "machine", "pid", "event", "to", "after"]
    assert re.findall(r"<tr><td>(\d+ ms)</td><td>(\w+)</td>", folded) == [
        ("0 ms", "spawner"), ("2000 ms", "worker"), ("2500 ms", "spawner"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "how", "told"), [("failed", "failed", ": no lock"), ("locking", "under-way", "")]
)
def test_a_restart_that_failed_says_why(to: str, how: str, told: str):
    lines = [
        asked("r", 0, "restart_wanted", "handing-off"),
        asked("r", 1, "x", to, why="no lock"),
    ]
    folded = parts(facts(lines))["folded"]
    assert f'class="{how}"' in folded
    assert f"by a command, 1.0 s{told}</summary>" in folded


def test_the_line_is_seen_and_spoken():
    shown = parts(facts([UP]))["line"]
    assert 'class="now w5"' in shown
    assert shown.count("until now, 1 min") == 2
    assert parts(facts())["line"] == "<p>No worker has served yet.</p>"


def test_what_is_wrong_is_listed():
    late = Rejection("2", "a:b", "p", "it was slow", NOON + 60, late=True)
    looping = Rejection("3", "a:b", "p", "it died", NOON, tries=99, soon_dead=True)
    said = parts(facts(kept=2, rejected=(late, looping), findings=(Finding("<x>", "do y"),)))
    wrong = re.findall(r"<li.*?</li>", said["wrong"])
    assert wrong[0] == "<li>2 events wait to be delivered.</li>"
    assert "Version 2 was not up in time" in wrong[1]
    assert "it is not tried for now" in wrong[1]
    long_ago = parts(facts(after=1e7, rejected=(late,)))["wrong"]
    assert "the next launch tries it again" in long_ago
    assert "Version 3 was rejected" in wrong[2]
    assert "only where nothing else is left" in wrong[2]
    assert wrong[3] == '<li class="bad">&lt;x&gt;<br>do y</li>'


@pytest.mark.parametrize(
    ("findings", "says"),
    [(None, "The doctor has not answered yet."), ((), "The doctor finds nothing.")],
)
def test_nothing_wrong_is_said_too(findings: tuple[Finding, ...] | None, says: str):
    wrong = parts(facts(findings=findings))["wrong"]
    assert wrong == f"<ul><li>No event waits.</li><li>{says}</li></ul>"
