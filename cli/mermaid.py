"""Writes machines, traces as Mermaid text."""

from __future__ import annotations

from incumbent.lifecycle.machine.states import SIX, major
from incumbent.lifecycle.machine.tables import MACHINES


def machine(name: str) -> str:
    """Give the state diagram of one machine, its finer states inside the six."""
    rows, initials, finals = MACHINES[name]
    every_state = sorted({row.source for row in rows} | {row.dest for row in rows})
    lines = ["stateDiagram-v2", "    direction LR"]
    for six in SIX:
        inner = [state for state in every_state if major(state) == six]
        if inner == [six]:
            lines.append(f"    {_id(six)} : {six}")
        elif inner:
            lines.append(f'    state "{six}" as group_{_id(six)} {{')
            lines += [f"        {_id(state)} : {state}" for state in inner]
            lines.append("    }")
    lines += [f"    [*] --> {_id(state)}" for state in initials]
    lines += [f"    {_id(row.source)} --> {_id(row.dest)} : {row.event}" for row in rows]
    lines += [f"    {_id(state)} --> [*]" for state in sorted(finals)]
    return "\n".join(lines) + "\n"


def sequence(trace: list[dict[str, object]]) -> str:
    """Give the sequence diagram of a trace: one lifeline a run, in order of appearance."""
    runs: dict[object, str] = {}
    for line in trace:
        runs.setdefault(line.get("run"), f"{line.get('machine')} {line.get('pid')}")
    names = {run: f"p{number}" for number, run in enumerate(runs)}
    lines = ["sequenceDiagram"]
    lines += [f"    participant {names[run]} as {title}" for run, title in runs.items()]
    workers = [names[run] for run, title in runs.items() if title.startswith("worker")]
    launchers = [names[run] for run, title in runs.items() if not title.startswith("worker")]
    for line in trace:
        here, event = names[line.get("run")], str(line.get("event"))
        message = _message(event, here, workers, launchers)
        if message:
            lines.append(f"    {message}")
        lines.append(f"    {here}->>{here}: {event} ({line.get('to')}), {line.get('ms')} ms")
    return "\n".join(lines) + "\n"


def _message(event: str, here: str, workers: list[str], launchers: list[str]) -> str:
    """Give what one process tells another just before this event, if it does."""
    if event in ("handover_asked", "stop_asked") and launchers:
        return f"{launchers[0]}->>{here}: ask"
    if here not in workers:
        return ""
    place = workers.index(here)
    if event == "standby_spawned" and place + 1 < len(workers):
        return f"{here}->>{workers[place + 1]}: spawn"
    if place == 0:
        return ""
    before = workers[place - 1]
    told = {
        "imported": f"{here}->>{before}: ready",
        "socket_received": f"{before}->>{here}: the listening socket",
        "app_up": f"{here}->>{before}: up",
    }
    return told.get(event, "")


def _id(state: str) -> str:
    return state.replace("/", "__").replace("-", "_")
