"""Says in words of people how the worker is."""

from __future__ import annotations

import time
from typing import NamedTuple

from incumbent.lifecycle.amounts import duration, size
from incumbent.lifecycle.machine import states as s

from .facts import Facts
from .history import BEGINS, Life, at, lives, why

CALM, BUSY = "calm", "busy"


class Sentence(NamedTuple):
    """What is to be seen first: a colour, a sentence, the facts below it."""

    colour: str
    text: str
    below: str


def sentence(facts: Facts) -> Sentence:
    """Give who serves since when, why."""
    health = facts.health
    served = [line for line in facts.lines if line.get("run") == facts.run]
    begun = [at(line) for line in served if line.get("event") == BEGINS]
    state = health.state
    who = f"{health.service} {health.version}"
    if state == s.VERIFIED:
        text, colour = f"{who} serves", BUSY if health.refusal else CALM
    elif state in s.COMING_UP_STATES or state in s.RESUMED_STATES:
        text, colour = f"{who} is coming up", BUSY
    elif state in s.SERVING_STATES:
        text, colour = f"{who} prepares its handover; it serves", BUSY
    else:
        text, colour = f"{who} is leaving; it served", BUSY
    if begun:
        since = clock(begun[-1], facts.now)
        text += f" since {since}, because {why(facts.lines, begun[-1])}"
    below = [f"pid {health.pid}", f"generation {health.generation.number}"]
    below.append(f"up {duration(max(facts.now - begun[-1], 0.0) if begun else health.uptime)}")
    if facts.usage is not None:
        below.append(size(facts.usage.memory))
        below.append(f"{duration(facts.usage.processor)} of a processor")
    below += [f"{health.host}:{health.port}", health.data_dir]
    if health.refusal:
        below.append(f"refused a handover: {health.refusal}")
    return Sentence(colour, text, " \u00b7 ".join(below))


def clock(when: float, now: float) -> str:
    """Give a time of this machine's day, with the date where that is another day's."""
    then, today = time.localtime(when), time.localtime(now)
    same_day = then[:3] == today[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", then)


class Stretch(NamedTuple):
    """One piece of the line of the past: what it is, how wide, what it says.

    `kind` is `life`, `now`, `gap` or `joint`; `weight` is from 1 to 12, so that quiet hours take
    little more room than busy minutes.
    """

    kind: str
    weight: int
    text: str
    label: str


def timeline(facts: Facts, count: int) -> list[Stretch]:
    """Give the last workers on a line, what was between them, the one that serves at its end."""
    found: list[Stretch] = []
    past = lives(facts.lines, facts.run)[-count:]
    for number, life in enumerate(past):
        serves = life.run == facts.run
        end = facts.now if serves else life.end
        found.append(_life(life, end, serves, facts.now))
        if serves or number + 1 == len(past):
            continue
        gap = past[number + 1].begin - life.end
        if life.handed_over:
            label = f"handed over in {duration(max(gap, 0.0))}"
            found.append(Stretch("joint", 1, "", label))
        elif life.lost or gap > 0:
            what = "ended without a word" if life.lost else f"nobody served for {duration(gap)}"
            found.append(Stretch("gap", _weight(gap), duration(max(gap, 0.0)), what))
    return found


def _life(life: Life, end: float, serves: bool, now: float) -> Stretch:
    took = duration(max(end - life.begin, 0.0))
    until = "until now" if serves else f"until {clock(end, now)}"
    label = (
        f"generation {life.generation}, pid {life.pid}: {clock(life.begin, now)} {until}, {took}"
    )
    kind = "now" if serves else "life"
    return Stretch(kind, _weight(end - life.begin), f"{life.generation}", label)


def _weight(seconds: float) -> int:
    return max(1, min(12, int(max(seconds, 1.0)).bit_length() - 1))
