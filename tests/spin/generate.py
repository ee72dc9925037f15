"""Writes the tables as Promela, so that a step of the model that is no row is a violation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from incumbent.lifecycle.machine.tables import MACHINES, Row

Tables = Mapping[str, tuple[Row, ...]]

OWN_STATES = ("none", "killed")  # the model's own: not begun, and dead without a last row


def tables() -> Tables:
    """Give the tables that ship."""
    return {machine: rows for machine, (rows, _, _) in MACHINES.items()}


def word(state: str) -> str:
    """Give a state's name as a Promela word."""
    return "st_" + state.replace("/", "__").replace("-", "_")


def promela(tables: Tables) -> str:
    """Give the states, the events, one inline a machine's event that takes a row or fails."""
    states = {row.source for rows in tables.values() for row in rows}
    states |= {row.dest for rows in tables.values() for row in rows} | set(OWN_STATES)
    events = sorted({row.event for rows in tables.values() for row in rows})
    parts = ["/* Generated from the tables. */"]
    parts.append("mtype = {" + ", ".join(word(state) for state in sorted(states)) + "};")
    parts.append("/* " + " ".join(events) + " */")
    for machine, rows in tables.items():
        by_event: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_event[row.event].append(row)
        for event, alternatives in by_event.items():
            parts.append(_inline(machine, event, alternatives))
    return "\n".join(parts) + "\n"


def _inline(machine: str, event: str, rows: list[Row]) -> str:
    lines = [f"inline row_{machine}_{event}(who, here, dest) {{", "    if"]
    for row in rows:
        told = f"{machine} %d: {row.source}: {row.event} -> {row.dest}\\n"
        lines.append(f"    :: here == {word(row.source)} && dest == {word(row.dest)} ->")
        lines.append(f'        printf("{told}", who); here = dest')
    lines.append(f'    :: else -> printf("BROKEN: no row {event} of the {machine}: ");')
    lines.append('        printf("%e -> %e\\n", here, dest); assert(false)')
    lines += ["    fi", "}"]
    return "\n".join(lines)
