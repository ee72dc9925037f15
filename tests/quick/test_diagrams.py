"""The drawings are made from the tables, and they are up to date."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from incumbent.cli import mermaid, svg
from incumbent.cli.journal import parsed
from incumbent.cli.main import main
from incumbent.lifecycle.machines import MACHINES
from incumbent.lifecycle.states import SIX, major

DIAGRAMS = Path(__file__).resolve().parents[2] / "diagrams"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the checked-in diagrams."""
    return shutil.copytree(DIAGRAMS, tmp_path / "diagrams")


def test_the_diagrams_that_are_checked_in_are_up_to_date(copy, capsys):
    assert main(["diagrams", "--check", str(copy)]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_stale_diagram_is_named_and_left_alone(copy, capsys):
    (copy / "worker.mmd").write_text("stateDiagram-v2\n")
    (copy / "stop.svg").unlink()
    assert main(["diagrams", "--check", str(copy)]) == 1
    assert "stale: stop.svg, worker.mmd; run " in capsys.readouterr().err
    assert (copy / "worker.mmd").read_text() == "stateDiagram-v2\n"
    assert not (copy / "stop.svg").exists()


def test_another_restart_makes_its_diagram_stale(copy, capsys):
    path = copy / "restart.trace.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert main(["--json", "diagrams", "--check", str(copy)]) == 1
    assert json.loads(capsys.readouterr().out) == {"ok": False, "stale": ["restart.mmd"]}


def test_writing_makes_every_diagram_fresh(copy, capsys):
    for path in copy.glob("*.mmd"):
        path.unlink()
    assert main(["diagrams", str(copy)]) == 0
    assert main(["diagrams", "--check", str(copy)]) == 0
    assert sorted(p.name for p in copy.iterdir()) == sorted(p.name for p in DIAGRAMS.iterdir())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", MACHINES)
def test_a_mermaid_machine_has_each_row_once(name):
    rows, initials, finals = MACHINES[name]
    arrows = [line for line in mermaid.machine(name).splitlines() if "-->" in line]
    assert len(arrows) == len(rows) + len(initials) + len(finals)
    for row in rows:
        assert sum(line.endswith(f": {row.event}") for line in arrows) == sum(
            other.event == row.event for other in rows
        )


def test_finer_states_are_drawn_inside_their_one_of_the_six():
    inside = ""
    for line in map(str.strip, mermaid.machine("worker").splitlines()):
        if line.startswith('state "'):
            inside = line.split('"')[1]
        elif line == "}":
            inside = ""
        elif " : " in line and "-->" not in line:
            state = line.partition(" : ")[2]
            assert inside in ("", major(state))
            assert inside == major(state) or state in SIX


@pytest.mark.parametrize("name", MACHINES)
def test_a_drawn_machine_has_a_box_for_each_state_with_its_events(name):
    rows, initials, finals = MACHINES[name]
    states = {row.source for row in rows} | {row.dest for row in rows}
    drawing = ElementTree.fromstring(svg.machine(name))
    texts = ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")]
    heads = {text.rstrip(" \u25b6\u25a0") for text in texts if text.split()[0] in states}
    assert heads == states
    assert len(texts) == len(states) + len(rows)
    assert sum("\u25b6" in text for text in texts) == len(initials)
    assert sum("\u25a0" in text for text in texts) == len(finals)


@pytest.mark.parametrize("name", MACHINES)
def test_no_two_boxes_of_a_drawing_overlap(name):
    drawing = ElementTree.fromstring(svg.machine(name))
    boxes = [
        tuple(int(box.get(key)) for key in ("x", "y", "width", "height"))
        for box in drawing.iter(f"{SVG}rect")
        if box.get("x")
    ]
    for number, (x, y, width, height) in enumerate(boxes):
        assert x + width <= int(drawing.get("width"))
        assert y + height <= int(drawing.get("height"))
        for left, top, wide, high in boxes[number + 1 :]:
            beside = x + width <= left or left + wide <= x
            assert beside or y + height <= top or top + high <= y


def test_the_recorded_restart_is_a_seamless_one_without_this_machines_numbers():
    lines = list(parsed((DIAGRAMS / "restart.trace.jsonl").read_bytes()))
    assert {line["pid"] for line in lines} == {101, 102, 103}
    assert lines[0]["mono"] == 0
    assert [line["event"] for line in lines].count("baton_passed") == 1
    assert (lines[-1]["machine"], lines[-1]["to"]) == ("spawner", "verified")


def test_a_sequence_of_odd_lines_is_drawn_all_the_same():
    assert mermaid.sequence([{}]).startswith("sequenceDiagram\n")


def test_a_folder_that_cannot_be_written_to_is_named_in_one_sentence(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["diagrams", str(tmp_path / "file")]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"worker-service: can't use {tmp_path / 'file'}")
    assert said.err.count("\n") == 1
