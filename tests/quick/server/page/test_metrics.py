"""The metrics are of Prometheus's text format, and each is of what its name says."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from incumbent.lifecycle.machine import states
from incumbent.lifecycle.record import Rejection
from incumbent.server.page.facts import Facts
from incumbent.server.page.metrics import metrics

from .given import SERVING, asked, facts, health, line

REJECTED = Rejection("2", "a:b", "print", "it failed", 1.0)


def read(given: Facts) -> tuple[dict[tuple[str, ...], float], dict[str, str]]:
    """Give each sample by its name and labels, and the type of each metric."""
    found = list(text_string_to_metric_families(metrics(given)))
    samples = {(s.name, *s.labels.values()): s.value for one in found for s in one.samples}
    return samples, {one.name: one.type for one in found}


def test_every_metric_has_its_value_and_its_type():
    lines = [
        line("old", -90, "app_up", states.VERIFIED),
        asked("r1", -50, "restart_wanted", "handing-off"),
        asked("r1", -49, "handover_refused", "failed"),
        asked("r2", -9, "restart_wanted", "handing-off"),
        line(SERVING, 0, "app_up", states.VERIFIED),
        asked("r2", 1, "worker_fits", "verified"),
        asked("r3", 2, "restart_wanted", "handing-off"),
    ]
    samples, kinds = read(facts(lines, kept=5, rejected=(REJECTED, REJECTED)))
    assert samples == {
        ("incumbent_info", "marvel", "1.2.3", "verified"): 1,
        ("incumbent_serving",): 1,
        ("incumbent_uptime_seconds",): 90,
        ("incumbent_generation",): 3,
        ("incumbent_spool_events",): 5,
        ("incumbent_rejected_builds",): 2,
        ("incumbent_journal_restarts", "verified"): 1,
        ("incumbent_journal_restarts", "failed"): 1,
        ("incumbent_journal_workers_lost",): 1,
        ("incumbent_last_restart_seconds",): 10,
        ("process_resident_memory_bytes",): 41_900_000,
        ("process_cpu_seconds_total",): 2.5,
    }
    assert kinds.pop("process_cpu_seconds") == "counter"
    assert set(kinds.values()) == {"gauge"}


@pytest.mark.parametrize(
    ("state", "serves"), [(states.VERIFIED, 1), (states.WARMING_UP, 1), (states.DRAINING, 0)]
)
def test_whether_it_serves_is_told_by_its_state(state: str, serves: int):
    assert read(facts(its=health(state)))[0]["incumbent_serving",] == serves


def test_what_is_not_known_is_left_out():
    samples, _ = read(facts()._replace(usage=None))
    assert not any("process_" in name or "last_restart" in name for name, *_ in samples)


def test_a_label_may_hold_anything():
    given = facts()
    given.health.service = 'a "b"\\\n'
    assert read(given)[0]["incumbent_info", 'a "b"\\\n', "1.2.3", "verified"] == 1
