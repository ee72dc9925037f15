"""What was measured is told as it was measured."""

import copy
import json
from xml.etree import ElementTree

import pytest

from tests.benchmarks import plot, rendering, suite
from tests.benchmarks.__main__ import PAGE, RESULTS
from tests.benchmarks.measuring import Check, ratio, summary
from tests.benchmarks.traffic import Answer, longest_change, longest_gap, two_served

FIGURE = {
    "name": "gap",
    "row": "longest gap",
    "target": "≤ 10 ms",
    "met": True,
    "short": False,
    "load": 0.5,
    "floor": "",
    "skipped": "",
    "checks": [Check("median gap", 7.25, 10, "ms")._asdict() | {"met": True}],
    "series": {"gap, ours": summary([5.0, 7.25, 20.0], "ms")._asdict()},
    "note": "",
}
MACHINE = {"python": "3.11", "system": "Linux 6", "cores": 2, "date": "2026-01-01"}
POINTS = [[0.0, 1.0, True], [5.0, 90.0, True], [10.0, 1.0, False], [100.0, 1.0, True]]
RESTART = {
    "gap": summary([12.0], "ms")._asdict(),
    "failed": summary([1.0], "requests")._asdict(),
    "took": summary([300.0], "ms")._asdict(),
    "two_served": 0,
    "restarts": 1,
    "broken": {"code": 1, "serves": True, "same": True},
    "plot": {"from": -50, "to": 120, "took": 60, "points": POINTS},
}


def said(**changes):
    return {"machine": MACHINE, "figures": [copy.deepcopy(FIGURE) | changes]}


def new(done, pid=1, why="", kind="new"):
    return Answer(kind, done - 0.001, done, why, pid)


def test_a_met_target_is_said_to_be_met():
    assert "| longest gap | ≤ 10 ms | median gap 7.25 ms | yes |" in rendering.page(said())


def test_a_missed_target_is_not_said_to_be_met():
    page = rendering.page(said(met=False, floor="an interpreter starts in 8 ms"))
    assert "| longest gap | ≤ 10 ms | median gap 7.25 ms | **no** |" in page
    assert "- **longest gap**: an interpreter starts in 8 ms" in page


def test_what_was_skipped_is_neither_met_nor_missed():
    page = rendering.page(said(met=None, skipped="no hook here", checks=[], series={}))
    assert "| longest gap | ≤ 10 ms | no hook here | not measured |" in page


def test_a_short_run_says_that_it_is_no_measurement():
    assert "no measurement" not in rendering.page(said())
    assert "no measurement" in rendering.page(said(short=True))


def test_a_busy_machine_is_said_to_have_been_busy():
    assert "other work" in rendering.page(said(load=2.5))
    assert "other work" not in rendering.page(said())


def test_the_page_in_docs_is_what_the_results_render_to():
    results = json.loads(RESULTS.read_text("utf-8"))
    assert PAGE.read_text("utf-8") == rendering.page(results)


def test_the_plot_in_docs_has_a_strip_for_each_tool_in_the_results():
    results = json.loads(RESULTS.read_text("utf-8"))
    drawn = ElementTree.parse(PAGE.with_name(rendering.PLOT))
    names = [element.text for element in drawn.iter() if element.get("class") == "name"]
    assert names == list(results["peers"]["restarts"])


@pytest.fixture
def results(tmp_path):
    """Give results that were kept from a run, with the points beside them."""
    path = tmp_path / "results.json"
    suite.keep(path, {"figures": {"gap": copy.deepcopy(FIGURE)}})
    suite.keep(path, {"peers": {"restarts": {"incumbent": RESTART}, "skipped": {}}})
    return path


@pytest.fixture
def plot_in_docs(tmp_path):
    """Give a plot of long ago beside the page."""
    (tmp_path / "docs").mkdir()
    path = tmp_path / "docs" / rendering.PLOT
    path.write_text("long ago")
    return path


def test_results_keep_the_figures_of_a_run_and_none_of_its_points(results):
    kept = json.loads(results.read_text("utf-8"))
    figures = {what: figure for what, figure in RESTART.items() if what != "plot"}
    assert kept["figures"] == [FIGURE]
    assert kept["peers"] == {"restarts": {"incumbent": figures}, "skipped": {}}
    assert "points" not in RESULTS.read_text("utf-8")


def test_a_plot_is_drawn_anew_from_the_points_of_a_fresh_run(results, plot_in_docs):
    points = json.loads(plot.points_of(results).read_text("utf-8"))
    rendering.render(json.loads(results.read_text("utf-8")), points, plot_in_docs.with_name("p.md"))
    assert plot_in_docs.read_text() == plot.svg({"incumbent": RESTART})


@pytest.mark.parametrize("points", [{}, {"incumbent": RESTART | {"restarts": 2}}])
def test_a_plot_is_left_alone_without_the_points_of_its_restarts(results, plot_in_docs, points):
    rendering.render(json.loads(results.read_text("utf-8")), points, plot_in_docs.with_name("p.md"))
    assert plot_in_docs.read_text() == "long ago"
    assert "](restart-latency.svg)" in plot_in_docs.with_name("p.md").read_text()


def test_the_plot_is_xml_with_a_mark_for_each_request():
    drawn = ElementTree.fromstring(plot.svg({"a <tool>": RESTART}))
    classes = [element.get("class") for element in drawn.iter()]
    assert (classes.count("good"), classes.count("bad")) == (3, 1)


def test_the_page_shows_the_plot_only_where_restarts_were_measured():
    peers = {"restarts": {"incumbent": RESTART}, "skipped": {"pm2": "not asked for"}}
    page = rendering.page(said() | {"peers": peers})
    assert "](restart-latency.svg)" in page
    assert "failure, exit 1 | the old one serves, never interrupted |" in page
    assert "pm2 (not asked for)" in page
    assert "restart-latency.svg" not in rendering.page(said())


def test_the_longest_gap_lies_between_two_good_answers():
    answers = [new(1.0), new(1.01), new(1.05, why="refused"), new(1.06), new(1.065)]
    assert longest_gap(answers, 0.995, 1.07) == pytest.approx(50)


def test_a_service_that_never_comes_back_has_a_gap_to_the_end():
    assert longest_gap([new(1.0)], 0.995, 3.0) == pytest.approx(2000)


def test_kept_connections_do_not_hide_a_gap():
    answers = [new(1.0), new(1.02, kind="kept"), new(1.04)]
    assert longest_gap(answers, 1.0, 1.04) == pytest.approx(40)


def test_a_change_is_measured_between_two_workers():
    answers = [new(1.0, 1), new(1.02, 1), new(1.025, 2), new(1.08, 2)]
    assert longest_change(answers) == pytest.approx(5)
    assert longest_change(answers[:2]) == 0


def test_two_pids_that_answer_in_turn_are_two_that_serve():
    assert two_served([new(1.0, 1), new(1.1, 2), new(1.2, 1)])


def test_two_pids_that_answer_one_after_the_other_are_not():
    assert not two_served([new(1.0, 1), new(1.1, 1), new(1.2, 2)])


def test_a_ratio_is_of_medians_with_the_spread_of_the_rounds():
    check = ratio("r", [2.0, 4.0, 9.0], [2.0, 2.0, 3.0], 2.0)
    assert (check.value, check.met) == (2.0, True)
    assert check.spread == (1.5, 2.5)


def test_a_rate_is_met_from_below_and_a_cost_from_above():
    assert Check("", 0.98, 0.97, "", at_least=True).met
    assert not Check("", 0.96, 0.97, "", at_least=True).met
    assert Check("", 1.2, 1.3, "").met
    assert not Check("", 1.4, 1.3, "").met
