"""Writes the page, whole or in parts that change by themselves."""

from __future__ import annotations

from html import escape as html_escape

from incumbent.lifecycle.about import command
from incumbent.lifecycle.amounts import duration
from incumbent.lifecycle.journal import Line
from incumbent.lifecycle.messages import printable
from incumbent.lifecycle.record import Rejection

from .diagram import box, diagram
from .facts import Facts
from .history import Restart, at, restarts, who
from .words import Stretch, clock, sentence, timeline

ROWS = 12
RESTARTS = 8
LIVES = 24

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/lifecycle/page.css">
<script src="/lifecycle/page.js" defer></script>
</head>
<body data-box="{box}" data-command="{command}">
<a class="skip" href="#restarts">To the restarts</a>
<header id="now">{now}</header>
<p id="link" role="alert" hidden></p>
<main>
<section id="state" aria-labelledby="h-state">
<h2 id="h-state">Where it stands</h2>
<div class="pair">
<div class="drawing" tabindex="0" role="region" aria-label="Diagram of the worker">{diagram}</div>
<div id="rows">{rows}</div>
</div>
</section>
<section id="past" aria-labelledby="h-past">
<h2 id="h-past">Workers of the past</h2>
<div id="line">{line}</div>
</section>
<section id="restarts" aria-labelledby="h-restarts">
<h2 id="h-restarts">Restarts</h2>
<p><input type="checkbox" id="failed"> <label for="failed">only those that failed</label></p>
<div id="folded">{folded}</div>
</section>
<section id="trouble" aria-labelledby="h-trouble">
<h2 id="h-trouble">What is wrong</h2>
<div id="wrong">{wrong}</div>
</section>
</main>
<footer>Read-only. Everything here is also in <code>{command} status</code>, <code>trace</code>,
<code>logs</code> and <code>doctor</code>.</footer>
</body>
</html>
"""


def page(facts: Facts) -> str:
    """Give the whole page as it is now, which needs no script to be read."""
    given = parts(facts)
    health = facts.health
    return PAGE.format(
        title=escape(f"{health.service} {health.version}"),
        box=escape(box(health.state)),
        command=escape(command()),
        diagram=_lit(diagram(), box(health.state)),
        **given,
    )


def parts(facts: Facts) -> dict[str, str]:
    """Give what changes: the content of each element by its id."""
    told = sentence(facts)
    return {
        "now": f'<h1 class="{told.colour}"><span class="dot" aria-hidden="true"></span>'
        f"{escape(told.text)}</h1><p>{escape(told.below)}</p>",
        "rows": _rows(facts),
        "line": _line(timeline(facts, LIVES)),
        "folded": _restarts(restarts(facts.lines, RESTARTS), facts.now),
        "wrong": _wrong(facts),
    }


def escape(text: str) -> str:
    """Give a text that is only text, whoever wrote it."""
    return html_escape(printable(text))


def _lit(drawing: str, state_box: str) -> str:
    """Give the drawing with a state's box lit; Graphviz writes its dashes as entities."""
    there = f'id="{state_box.replace("-", "&#45;")}" class="'
    return drawing.replace(there, f"{there}lit ", 1)


def _rows(facts: Facts) -> str:
    last = [line for line in facts.lines if line.get("machine") == "worker"][-ROWS:]
    if not last:
        return "<p>Nothing is written yet.</p>"
    caption = "<caption>The last transitions of workers</caption>"
    head = _head("pid", "event", "to", "after")
    return f"<table>{caption}{head}<tbody>{''.join(map(_row, reversed(last)))}</tbody></table>"


def _head(*titles: str) -> str:
    cells = "".join(f'<th scope="col">{title}</th>' for title in titles)
    return f"<thead><tr>{cells}</tr></thead>"


def _row(line: Line, *first: str) -> str:
    """Give a transition with its reason in a row below; the cells in `first` come before."""
    spent = line.get("ms")
    after = duration(spent / 1000) if isinstance(spent, int | float) and spent < 1e12 else ""
    cells = [*first, *(str(line.get(key, "")) for key in ("pid", "event", "to")), after]
    written = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    reason = line.get("why")
    wide = f'<td colspan="{len(cells) - 1}">{escape(str(reason))}</td>'
    return f"<tr>{written}</tr>" + (f'<tr class="why"><td></td>{wide}</tr>' if reason else "")


def _line(stretches: list[Stretch]) -> str:
    if not stretches:
        return "<p>No worker has served yet.</p>"
    items = "".join(
        f'<li class="{one.kind} w{one.weight}" title="{escape(one.label)}" tabindex="0">'
        f'<span aria-hidden="true">{escape(one.text)}</span>'
        f'<span class="spoken">{escape(one.label)}</span></li>'
        for one in stretches
    )
    key = "a number is a generation; a bar between is a handover, red is a gap, width is compressed"
    return f'<ol class="line">{items}</ol><p class="key">{key}</p>'


def _restarts(found: list[Restart], now: float) -> str:
    if not found:
        return f"<p>None yet: <code>{escape(command())} restart</code> makes one.</p>"
    return "".join(_restart(one, now) for one in found)


def _restart(one: Restart, now: float) -> str:
    how = "verified" if one.verified else "failed" if one.over else "under way"
    reason = next((str(r["why"]) for r in reversed(one.rows) if r.get("why")), "")
    told = f"{clock(one.begin, now)} by {who(one.origin)}, {duration(one.took)}"
    why = f": {reason}" if how == "failed" and reason else ""
    rows = "".join(
        _row(line, f"{(at(line) - one.begin) * 1000:.0f} ms", str(line.get("machine")))
        for line in one.rows
    )
    head = _head("at", "machine", "pid", "event", "to", "after")
    return (
        f'<details id="run-{escape(one.run)}" class="{how.replace(" ", "-")}"><summary>'
        f'<b class="badge">{how}</b> {escape(told + why)}</summary>'
        f'<div class="wide" tabindex="0" role="region" aria-label="Its transitions">'
        f"<table>{head}<tbody>{rows}</tbody></table></div></details>"
    )


def _wrong(facts: Facts) -> str:
    kept = "No event waits" if not facts.kept else f"{facts.kept} events wait to be delivered"
    said = [f"<li>{kept}.</li>"]
    said += [_rejection(one, facts) for one in facts.rejected]
    if facts.findings is None:
        said.append("<li>The doctor has not answered yet.</li>")
    elif not facts.findings:
        said.append("<li>The doctor finds nothing.</li>")
    else:
        for one in facts.findings:
            said.append(f'<li class="bad">{escape(one.what)}<br>{escape(one.next)}</li>')
    return f"<ul>{''.join(said)}</ul>"


def _rejection(one: Rejection, facts: Facts) -> str:
    until = "it is not tried for now" if one.counts(facts.now) else "the next launch tries it again"
    if one.loops:
        until = "it is tried again only where nothing else is left"
    word = "was not up in time" if one.late else "was rejected"
    told = f"Version {one.version} {word} at {clock(one.at, facts.now)}: {one.reason}; {until}."
    typed = f"<code>{escape(command())} restart</code>"
    return f'<li class="bad">{escape(told)}<br>Mend it, then run {typed}.</li>'
