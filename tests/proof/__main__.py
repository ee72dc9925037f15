"""Searches every configuration to its end and prints one table."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time

from .configurations import COSTS, NAMED, SHORT
from .coverage import missing
from .summary import Summary, explore_named


def main(arguments: list[str] | None = None) -> int:
    """Explore what was asked for; 0 when all was exhausted, nothing broke, nothing is idle."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the smaller worlds, 3 launchers too")
    parser.add_argument("--only", metavar="NAME", help="one configuration")
    parser.add_argument("--json", action="store_true", help="one JSON report a line on stdout")
    parser.add_argument("--list", action="store_true", help="the names")
    parser.add_argument("--ignore", default="", metavar="I1,L2", help="invariants left out")
    parser.add_argument("--limit", type=int, help="states after which to give up")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    asked = parser.parse_args(arguments)
    names = [asked.only] if asked.only else [n for n in NAMED if n in SHORT or not asked.short]
    if asked.only and asked.only not in NAMED:
        parser.error(f"no configuration {asked.only!r}; see --list")
    if asked.list:
        print("\n".join(names))
        return 0
    began = time.perf_counter()
    ignored = tuple(filter(None, asked.ignore.split(",")))
    work = [(name, ignored, asked.limit) for name in names]
    reports = _explored(work, asked.jobs, asked.json)
    failed = [report for report in reports if not report.ok]
    for report in failed if not asked.json else ():
        print(f"\n{report.configuration}: {report.invariant or 'limit hit'}")
        print("\n".join(report.story))
    idle: list[str] = []
    if not asked.only and not asked.ignore:
        idle = missing(reports)
        for line in idle:
            print(line, file=sys.stderr)
    if not asked.json:
        states = sum(report.states + report.healed for report in reports)
        print(f"\n{len(reports)} configurations, {states:,} states, "
              f"{time.perf_counter() - began:.0f} s, {len(failed)} failed")  # fmt: skip
    return 1 if failed or idle else 0


def _explored(
    work: list[tuple[str, tuple[str, ...], int | None]], jobs: int, as_json: bool
) -> list[Summary]:
    """Explore, the dearest first, one configuration a process; print each as it comes."""
    work = sorted(work, key=lambda one: -COSTS.get(one[0], 0))
    reports = []
    if not as_json:
        print(f"{'configuration':58} {'states':>9} {'depth':>5}  exhausted {'seconds':>7}")
    if len(work) == 1 or jobs == 1:
        for one in work:
            reports.append(_told(explore_named(one), as_json))
        return reports
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, maxtasksperchild=1) as pool:
        for report in pool.imap_unordered(explore_named, work, chunksize=1):
            reports.append(_told(report, as_json))
    return reports


def _told(report: Summary, as_json: bool) -> Summary:
    if as_json:
        print(json.dumps(report.as_json()), flush=True)
    else:
        exhausted = "yes" if report.exhausted else "no"
        word = (
            f"  {report.invariant} BROKEN"
            if report.invariant
            else ""
            if report.exhausted
            else "  LIMIT HIT"
        )
        print(f"{report.configuration:58} {report.states:>9,} {report.depth:>5}  "
              f"{exhausted:9} {report.seconds:>7.1f}{word}", flush=True)  # fmt: skip
    return report


if __name__ == "__main__":
    raise SystemExit(main())
