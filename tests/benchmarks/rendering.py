"""Writes what was measured as a page for people: a table, the series behind it, one plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import plot
from .measuring import Check, Summary, shown

PLOT = "restart-latency.svg"
WORDS = {True: "yes", False: "**no**", None: "not measured"}


def render(said: dict[str, Any], points: dict[str, Any], path: Path) -> None:
    """Write the page; draw the plot beside it anew if the points are those of its restarts."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(page(said), "utf-8")
    restarts = said.get("peers", {}).get("restarts", {})
    if restarts and plot.without_points(points) == restarts:
        path.with_name(PLOT).write_text(plot.svg(points), "utf-8")


def page(said: dict[str, Any]) -> str:
    """Give the page."""
    machine = said["machine"]
    figures = said["figures"]
    lines = [
        "# Benchmarks",
        "",
        "Generated from `tests/benchmarks/results.json` by `python -m tests.benchmarks --render`; "
        "do not edit by hand. `python -m tests.benchmarks --peers --json "
        "tests/benchmarks/results.json` measures anew.",
        "",
        f"Measured on {machine['system']}, Python {machine['python']}, {machine['cores']} cores, "
        f"{machine['date']}, in a plain install of this project. "
        "Everything stands against a reference that was measured in the same run, in turn with it. "
        "A ratio is that of the medians; in brackets are the quartiles.",
    ]
    busiest = max((figure["load"] for figure in figures), default=0.0)
    if busiest > machine["cores"]:
        lines += ["", f"The machine had other work meanwhile: its load was up to {busiest:g}."]
    if any(figure["short"] for figure in figures):
        lines += ["", "**Figures of a short run among these: a smoke test, no measurement.**"]
    lines += ["", "| figure | target | measured | met |", "|---|---|---|---|"]
    for figure in figures:
        cells = (figure["row"], figure["target"], measured(figure), WORDS[figure["met"]])
        lines.append(f"| {' | '.join(cells)} |")
    floors = [figure for figure in figures if figure["floor"] and not figure["met"]]
    if floors:
        lines += ["", "## Where a target is not met: the floor", ""]
        lines += [f"- **{figure['row']}**: {figure['floor']}" for figure in floors]
    if said.get("peers"):
        lines += _peers(said["peers"])
    lines += ["", "## The series behind the table", ""]
    for figure in figures:
        if not figure["series"]:
            continue
        lines += [f"### {figure['row']}", ""]
        lines += [
            "| series | median | quartiles | worst | samples |",
            "|---|---|---|---|---|",
        ]
        lines += [_series_row(name, series) for name, series in figure["series"].items()]
        if figure["note"]:
            lines += ["", figure["note"]]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def figure_text(figure: dict[str, Any]) -> str:
    """Give one figure for a terminal."""
    lines = [f"{figure['row']}\n  target {figure['target']}: {WORDS[figure['met']]}"]
    lines += [f"  {_check(check)}" for check in figure["checks"]]
    lines += [f"    {name}: {Summary(**series).text}" for name, series in figure["series"].items()]
    lines += [f"  {figure['note']}"] if figure["note"] else []
    return "\n".join(lines) + "\n"


def measured(figure: dict[str, Any]) -> str:
    """Give the checks of one figure for a cell of the table."""
    if figure["skipped"]:
        return str(figure["skipped"]).replace("|", "/").replace("\n", " ")
    return "<br>".join(_check(check) for check in figure["checks"])


def _check(said: dict[str, Any]) -> str:
    check = Check(**{name: value for name, value in said.items() if name != "met"})
    spread = ""
    if check.spread is not None:
        spread = f" ({shown(check.spread[0])} to {shown(check.spread[1])})"
    return f"{check.what} {shown(check.value)} {check.unit}".rstrip() + spread


def _series_row(name: str, series: dict[str, Any]) -> str:
    told = Summary(**series)
    return (
        f"| {name} | {shown(told.median)} {told.unit} | {shown(told.q1)} to {shown(told.q3)} "
        f"| {shown(told.worst)} | {told.samples} |"
    )


def _peers(peers: dict[str, Any]) -> list[str]:
    lines = [
        "",
        "## A restart, ours beside others",
        "",
        "The same app, one process, 200 new connections a second. The medians of several restarts. "
        "A broken build is one that does not import, given to the same restart command.",
        "",
        "| tool | longest gap | requests failed | the command took | two served at once "
        "| broken build: the command said | afterwards |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, said in peers["restarts"].items():
        lines.append(
            f"| {name} | {_brief(said['gap'])} | {_brief(said['failed'])} | {_brief(said['took'])} "
            f"| {said['two_served']} of {said['restarts']} | {_said(said['broken']['code'])} "
            f"| {_afterwards(said['broken'])} |"
        )
    lines += ["", f"![latency during a restart]({PLOT})"]
    dmypy = peers.get("dmypy")
    if dmypy:
        lines += [
            "",
            f"dmypy, as the example of a lazy start: {dmypy['at_once']} cold starts at once left "
            f"{dmypy['daemons']} daemons, {dmypy['failed']} callers failed; a hot call takes "
            f"{_brief(dmypy['hot'])}, {shown(dmypy['ratio'])} x our {_brief(dmypy['ours'])}.",
        ]
    if peers["skipped"]:
        told = "; ".join(f"{name} ({why})" for name, why in peers["skipped"].items())
        lines += ["", f"Not measured in this run: {told}."]
    return lines


def _brief(series: dict[str, Any]) -> str:
    unit = f" {series['unit']}" if series["unit"] == "ms" else ""
    return f"{shown(series['median'])}{unit} (worst {shown(series['worst'])})"


def _said(code: int | None) -> str:
    if code is None:
        return "nothing, within its time"
    return "success" if code == 0 else f"failure, exit {code}"


def _afterwards(broken: dict[str, Any]) -> str:
    if not broken["serves"]:
        return "down"
    return "the old one serves, never interrupted" if broken["same"] else "serves"
