"""Writes what there is to count, as Prometheus reads it."""

from __future__ import annotations

from incumbent.lifecycle.machine.states import SERVING_STATES

from .facts import Facts
from .history import lives, restarts

KIND = b"text/plain; version=0.0.4; charset=utf-8"
ALL = 1_000_000


def metrics(facts: Facts) -> str:
    """Give the metrics now; what is counted in the journal goes back as far as that does."""
    health = facts.health
    done = [one for one in restarts(facts.lines, ALL) if one.over]
    verified = [one for one in done if one.verified]
    past = lives(facts.lines, facts.run)
    rows = [
        *_metric("info", "gauge", "Which worker this is.", [(_labels(
            service=health.service, version=health.version, phase=health.state), 1)]),
        *_metric("serving", "gauge", "Whether the worker serves.",
                 [("", int(health.state in SERVING_STATES))]),
        *_metric("uptime_seconds", "gauge", "Since its process began.", [("", health.uptime)]),
        *_metric("generation", "gauge", "The number of its launch.",
                 [("", health.generation.number)]),
        *_metric("spool_events", "gauge", "Events that wait to be delivered.",
                 [("", facts.kept)]),
        *_metric("rejected_builds", "gauge", "Builds that failed and are remembered.",
                 [("", len(facts.rejected))]),
        *_metric("journal_restarts", "gauge", "Restarts that the journal tells of.",
                 [(_labels(outcome="verified"), len(verified)),
                  (_labels(outcome="failed"), len(done) - len(verified))]),
        *_metric("journal_workers_lost", "gauge", "Workers that ended without a word.",
                 [("", sum(life.lost for life in past))]),
    ]  # fmt: skip
    if verified:
        took = [("", round(verified[0].took, 6))]
        rows += _metric("last_restart_seconds", "gauge", "What the last one took.", took)
    if facts.usage is not None:
        memory, processor = facts.usage
        rows += [
            "# HELP process_resident_memory_bytes Memory that the worker takes.",
            "# TYPE process_resident_memory_bytes gauge",
            f"process_resident_memory_bytes {memory}",
            "# HELP process_cpu_seconds_total Processor time since its process began.",
            "# TYPE process_cpu_seconds_total counter",
            f"process_cpu_seconds_total {processor}",
        ]
    return "\n".join(rows) + "\n"


def _metric(name: str, kind: str, told: str, samples: list[tuple[str, float]]) -> list[str]:
    head = [f"# HELP incumbent_{name} {told}", f"# TYPE incumbent_{name} {kind}"]
    return head + [f"incumbent_{name}{labels} {value}" for labels, value in samples]


def _labels(**said: str) -> str:
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in said.items()) + "}"


def _escaped(text: str) -> str:
    """Give a label's value as the text format has it."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
