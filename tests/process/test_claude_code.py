"""The hooks of docs/hooks.md are of the documented form, and each brings its event."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ..readme import block
from ..world import RUN_S, World
from .test_hook import COMMON, DOCUMENTED, Fired, Hooks, assert_answers, recording

pytestmark = pytest.mark.process

HOOKS = json.loads(block("json", "hook SessionStart"))["hooks"]
WITH_A_MATCHER = {"PreToolUse", "PostToolUse"}  # of these the matcher names the tools
FIELDS = {"type", "command", "timeout"}


def test_every_documented_event_has_its_hook():
    assert set(HOOKS) == set(DOCUMENTED)


@pytest.mark.parametrize("event", HOOKS)
def test_a_hook_is_of_the_documented_form(event):
    (group,) = HOOKS[event]
    assert set(group) == {"hooks", *(["matcher"] if event in WITH_A_MATCHER else [])}
    assert group.get("matcher", "*") == "*"
    (hook,) = group["hooks"]
    assert set(hook) == FIELDS
    assert (hook["type"], hook["command"]) == ("command", f"worker-service hook {event}")
    assert 10 < hook["timeout"] <= 60  # in seconds: our own deadline comes first


@pytest.mark.parametrize("event", HOOKS)
def test_a_hook_answers_and_its_event_is_recorded(world: World, event):
    app = recording(world)
    given = COMMON | {"hook_event_name": event} | DOCUMENTED[event]
    environment = world.environment(app)
    environment["PATH"] = os.path.dirname(sys.executable) + os.pathsep + environment["PATH"]
    done = subprocess.run(
        ["sh", "-c", HOOKS[event][0]["hooks"][0]["command"]],
        env=environment,
        input=json.dumps(given).encode(),
        capture_output=True,
        timeout=RUN_S,
        check=False,
    )
    assert_answers(Fired(done.returncode, done.stdout, done.stderr.decode(), 0.0))
    assert Hooks(world, app).recorded() == [(event, given)]
