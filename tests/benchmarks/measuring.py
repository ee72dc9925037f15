"""Turns samples into medians, spreads, ratios that can be held against a limit."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Samples = dict[str, list[float]]


class Summary(NamedTuple):
    """What is told of one series: the median with its quartiles, the worst, how many."""

    unit: str
    median: float
    q1: float
    q3: float
    worst: float
    samples: int

    @property
    def text(self) -> str:
        """The summary for people."""
        return (
            f"{shown(self.median)} {self.unit} "
            f"({shown(self.q1)} to {shown(self.q3)}, worst {shown(self.worst)})"
        )


class Check(NamedTuple):
    """One measured value against its limit; `at_least` turns the comparison round."""

    what: str
    value: float
    limit: float
    unit: str
    spread: tuple[float, float] | None = None
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


class Figure(NamedTuple):
    """What one module measured; `skipped` says why nothing was, if nothing was."""

    checks: Sequence[Check] = ()
    series: Mapping[str, Summary] = {}
    note: str = ""
    skipped: str = ""
    extra: Mapping[str, Any] = {}


def summary(values: Sequence[float], unit: str, *, more_is_better: bool = False) -> Summary:
    """Give median, quartiles and worst of one series."""
    q1, median, q3 = quartiles(values)
    worst = min(values) if more_is_better else max(values)
    return Summary(unit, median, q1, q3, worst, len(values))


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Give the three quartiles; a single value is all of them."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    q1, median, q3 = statistics.quantiles(values, n=4, method="inclusive")
    return q1, median, q3


def interleaved(rounds: int, measures: Mapping[str, Callable[[], float]]) -> Samples:
    """Measure everything once a round, beginning each round with another one."""
    names = list(measures)
    samples: Samples = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            samples[name].append(measures[name]())
    return samples


def ratio(
    what: str,
    ours: Sequence[float],
    reference: Sequence[float],
    limit: float,
    at_least: bool = False,
) -> Check:
    """Give the ratio of the medians; its spread is that of the ratios within each round."""
    value = statistics.median(ours) / statistics.median(reference)
    paired = [one / other for one, other in zip(ours, reference, strict=True)]
    q1, _, q3 = quartiles(paired)
    return Check(what, value, limit, "x", (q1, q3), at_least)


def shown(value: float) -> str:
    """Give a number with three digits that mean something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
