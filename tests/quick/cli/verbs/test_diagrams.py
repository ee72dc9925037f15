"""The drawings are made from the tables, and they are up to date."""

import itertools
import json
import os
import re
import shutil
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree

import pytest

from incumbent.cli import dot, mermaid, svg
from incumbent.cli.lanes import LANES, MAIN_WAY
from incumbent.cli.main import main
from incumbent.lifecycle.journal import parsed
from incumbent.lifecycle.machine.states import FAILED, SIX, major
from incumbent.lifecycle.machine.tables import MACHINES

DIAGRAMS = Path(__file__).resolve().parents[4] / "diagrams"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def copy(tmp_path):
    """Give a copy of the checked-in diagrams."""
    return shutil.copytree(DIAGRAMS, tmp_path / "diagrams")


@pytest.fixture
def without_engine(tmp_path, monkeypatch):
    """Give a search path on which nothing is."""
    monkeypatch.setenv("PATH", str(tmp_path / "no-such-folder"))


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Give how to put an engine of one line of shell first on the search path."""

    def put(script):
        path = tmp_path / "bin" / "dot"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return path

    return put


def drawing(name):
    """Give the checked-in drawing of a machine."""
    return ElementTree.fromstring((DIAGRAMS / f"{name}.svg").read_bytes())


def groups(name, kind):
    """Give every node, edge or graph of a drawing."""
    return (g for g in drawing(name).iter(f"{SVG}g") if kind in g.get("class").split())


def texts(group):
    """Give every line of text in a group."""
    return ["".join(text.itertext()).strip() for text in group.iter(f"{SVG}text")]


def boxes(name):
    """Give for each state the lines in its box; Graphviz keeps the state's name as title."""
    return {group.find(f"{SVG}title").text: texts(group) for group in groups(name, "node")}


def edges(name):
    """Give for each edge the events on it; two edges of one pair are refused."""
    drawn = {}
    for group in groups(name, "edge"):
        pair = tuple(group.find(f"{SVG}title").text.split("->"))
        assert pair not in drawn
        assert group.get("id") == dot.edge_id(*pair)
        drawn[pair] = texts(group)
    return drawn


def test_the_diagrams_that_are_checked_in_are_up_to_date(copy, capsys):
    assert main(["diagrams", "--check", str(copy)]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_stale_diagram_is_named_and_left_alone(copy, capsys):
    (copy / "worker.mmd").write_text("stateDiagram-v2\n")
    (copy / "stop.svg").unlink()
    assert main(["diagrams", "--check", str(copy)]) == 1
    assert "stale: worker.mmd, stop.svg; run " in capsys.readouterr().err
    assert (copy / "worker.mmd").read_text() == "stateDiagram-v2\n"
    assert not (copy / "stop.svg").exists()


def test_another_restart_makes_its_diagram_stale(copy, capsys):
    path = copy / "restart.trace.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert main(["--json", "diagrams", "--check", str(copy)]) == 1
    assert json.loads(capsys.readouterr().out) == {"ok": False, "stale": ["restart.mmd"]}


def test_writing_makes_every_diagram_fresh(copy, capsys):
    for path in [*copy.glob("*.mmd"), *copy.glob("*.dot")]:
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


def test_a_drawing_of_another_table_is_stale(copy, capsys):
    path = copy / "worker.svg"
    path.write_bytes(path.read_bytes().replace(b"sha256:", b"sha256:0", 1))
    drawn = path.read_bytes()
    assert main(["diagrams", "--check", str(copy)]) == 1
    assert "stale: worker.svg; run " in capsys.readouterr().err
    assert path.read_bytes() == drawn


def test_another_drawing_of_the_same_table_is_not_stale(copy):
    path = copy / "worker.svg"
    path.write_text(path.read_text().replace("#ffffff", "#fffffe"))
    assert main(["diagrams", "--check", str(copy)]) == 0


@pytest.mark.usefixtures("without_engine")
def test_a_check_needs_no_engine(copy):
    assert main(["diagrams", "--check", str(copy)]) == 0


@pytest.mark.usefixtures("without_engine")
def test_without_the_engine_the_sources_are_written_and_the_drawing_is_left(copy, capsys):
    (copy / "worker.dot").unlink()
    (copy / "worker.svg").write_text("<svg>of long ago</svg>")
    assert main(["diagrams", str(copy)]) == 0
    said = capsys.readouterr()
    assert said.out == f"9 diagrams in {copy}, 1 of them new\n"
    assert "not drawn, for want of Graphviz: worker.svg; install it, then run " in said.err
    assert (copy / "worker.dot").read_bytes() == (DIAGRAMS / "worker.dot").read_bytes()
    assert (copy / "worker.svg").read_text() == "<svg>of long ago</svg>"


@pytest.mark.usefixtures("without_engine")
def test_without_the_engine_nothing_is_said_where_nothing_is_to_be_drawn(copy, capsys):
    assert main(["--json", "diagrams", str(copy)]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"ok": True, "stale": [], "not_drawn": []}
    assert said.err == ""


def test_with_the_engine_what_is_stale_is_drawn_and_nothing_else(copy, engine, capsys):
    engine('printf \'<?xml version="1.0"?>\\n<svg width="7">\\n%s</svg>\' "$(wc -l)"')
    (copy / "stop.svg").unlink()
    assert main(["--json", "diagrams", str(copy)]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "stale": ["stop.svg"],
        "not_drawn": [],
    }
    lines = len((copy / "stop.dot").read_text().splitlines())
    assert (copy / "stop.svg").read_text() == (
        f'<svg width="7">\n<metadata>{svg.digest(dot.machine("stop"))}</metadata>\n{lines}</svg>'
    )
    assert (copy / "worker.svg").read_bytes() == (DIAGRAMS / "worker.svg").read_bytes()
    assert main(["diagrams", "--check", str(copy)]) == 0


@pytest.mark.parametrize("script", ["echo no plugin >&2; exit 1", "echo no plugin >&2; exit 0"])
def test_an_engine_that_draws_nothing_is_named_and_the_drawing_is_left(
    copy, engine, capsys, script
):
    path = engine(script)
    (copy / "worker.svg").write_text("<svg>of long ago</svg>")
    assert main(["diagrams", str(copy)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"worker-service: {path} drew nothing: no plugin\n"
    assert (copy / "worker.svg").read_text() == "<svg>of long ago</svg>"


def test_each_drawing_ships_with_the_package():
    for name in MACHINES:
        shipped = resources.files("incumbent.diagrams") / f"{name}.svg"
        assert shipped.read_bytes() == (DIAGRAMS / f"{name}.svg").read_bytes()


@pytest.mark.parametrize("name", MACHINES)
def test_each_row_is_drawn_once(name):
    rows, _, _ = MACHINES[name]
    drawn = [
        (event, source, dest) for (source, dest), events in edges(name).items() for event in events
    ]
    for state, (_, *lines) in boxes(name).items():
        text = " ".join(lines)
        stays, _, fails = text.partition("\u2192 failed: ")
        drawn += [(event, state, state) for event in stays.replace("\u21ba", "").split()]
        drawn += [(event, state, FAILED) for event in fails.split(", ") if event]
    assert sorted(drawn) == sorted(tuple(row) for row in rows)


@pytest.mark.parametrize("name", MACHINES)
def test_each_state_is_a_box_with_its_name_and_its_mark(name):
    rows, initials, finals = MACHINES[name]
    drawn = boxes(name)
    assert set(drawn) == {row.source for row in rows} | {row.dest for row in rows}
    for state, (head, *_) in drawn.items():
        mark = " \u25b6" if state in initials else " \u25a0" if state in finals else ""
        assert head == state + mark


@pytest.mark.parametrize("name", MACHINES)
def test_what_leads_to_failed_is_no_edge(name):
    assert FAILED not in {dest for _, dest in edges(name)}


@pytest.mark.parametrize("name", MACHINES)
def test_a_state_is_found_by_its_id_and_has_the_colour_of_its_one_of_the_six(name):
    drawn = {group.get("id"): group for group in groups(name, "node")}
    for state in boxes(name):
        group = drawn[f"state-{state.replace('/', '-')}"]
        assert group.get("class").split() == ["node", "state", f"six-{major(state)}"]
        assert group.find(f"{SVG}path").get("stroke") == dot.COLOURS[major(state)][0]


@pytest.mark.parametrize("name", MACHINES)
def test_no_two_things_in_a_drawing_have_the_same_id(name):
    ids = [element.get("id") for element in drawing(name).iter() if element.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", MACHINES)
def test_each_state_has_one_lane(name):
    rows, _, _ = MACHINES[name]
    placed = [state for lane in LANES[name] for state in lane.states]
    assert sorted(placed) == sorted({row.source for row in rows} | {row.dest for row in rows})


@pytest.mark.parametrize("name", MACHINES)
def test_the_main_way_goes_by_rows_from_a_beginning_to_an_end(name):
    rows, initials, finals = MACHINES[name]
    way = MAIN_WAY[name]
    assert set(itertools.pairwise(way)) <= {(row.source, row.dest) for row in rows}
    assert way[0] in initials
    assert way[-1] in finals


@pytest.mark.parametrize("name", MACHINES)
def test_the_main_way_is_drawn_as_one_straight_line(name):
    drawn = {group.get("id"): group for group in groups(name, "edge")}
    across = []
    for source, dest in itertools.pairwise(MAIN_WAY[name]):
        path = drawn[dot.edge_id(source, dest)].find(f"{SVG}path").get("d")
        across += [float(x) for x, _ in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]
    assert max(across) - min(across) < 1


@pytest.mark.parametrize("name", MACHINES)
def test_a_drawing_has_its_own_light_background(name):
    page = next(groups(name, "graph")).find(f"{SVG}polygon")
    assert page.get("fill") == "#ffffff"


def test_the_recorded_restart_is_a_seamless_one_without_this_machines_numbers():
    lines = list(parsed((DIAGRAMS / "restart.trace.jsonl").read_bytes()))
    assert {line["pid"] for line in lines} == {101, 102, 103}
    assert lines[0]["mono"] == 0
    assert [line["event"] for line in lines].count("socket_passed") == 1
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
