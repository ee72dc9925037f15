"""Launchers and workers of 0.1.0 and of today understand each other's health."""

import pytest

from incumbent.lifecycle.health import (
    FOREIGN,
    WORKER_LEAVING,
    WORKER_SERVING,
    WORKER_STARTING,
    Health,
    result_of,
)
from incumbent.lifecycle.machine import states
from incumbent.lifecycle.machine.tables import WORKER

# By heart: the states of a worker of 0.1.0, and how a launcher of 0.1.0 took each.
STARTING_THEN = {"idle/bound", "idle/adopted", "idle/starting"}
STARTING_THEN |= {"handing-off/resuming", "handing-off/resuming-listed"}
LEAVING_THEN = {"locking", "spawning", "failed", "idle/stopped", "verified/handed-over"}
LEAVING_THEN |= {f"idle/stopping{rest}" for rest in ("", "-drained", "-app-down", "-unlisted")}
LEAVING_THEN |= {"handing-off", "handing-off/rehearsing", "handing-off/draining"}
LEAVING_THEN |= {"handing-off/drained", "handing-off/app-down", "handing-off/offering"}
LEAVING_THEN |= {"handing-off/shepherding", "handing-off/tending"}
KIND_THEN = {"verified": WORKER_SERVING} | dict.fromkeys(STARTING_THEN, WORKER_STARTING)
KIND_THEN |= dict.fromkeys(LEAVING_THEN, WORKER_LEAVING)
NEVER_ASKED = {states.IDLE, states.STANDBY, states.READY}  # they have no port
STATES = sorted({row.source for row in WORKER} | {row.dest for row in WORKER})


def health(state: str) -> Health:
    return Health(pid=1, version="1", state=state, since=1.0, instance="i", service="s")


@pytest.mark.parametrize("state", [state for state in STATES if state not in NEVER_ASKED])
def test_a_launcher_of_0_1_0_takes_a_worker_of_today_for_what_it_is(state):
    assert KIND_THEN[str(health(state).to_json()["state"])] == result_of(health(state)).kind


@pytest.mark.parametrize("state", sorted(KIND_THEN))
def test_a_worker_of_0_1_0_is_taken_for_what_it_is(state):
    answer = health(states.VERIFIED).to_json() | {"state": state}
    assert result_of(Health.from_json(answer)).kind == KIND_THEN[state]


@pytest.mark.parametrize("state", STATES)
def test_a_state_comes_through_health_as_it_was(state):
    assert Health.from_json(health(state).to_json()).state == state


def test_a_state_that_neither_knows_is_foreign():
    answer = health(states.VERIFIED).to_json() | {"state": "handing-off/dancing"}
    assert result_of(Health.from_json(answer)).kind == FOREIGN
