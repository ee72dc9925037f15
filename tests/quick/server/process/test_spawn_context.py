"""A parent and its child understand each other, whichever of the two is of 0.1.0."""

import os
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle.posix import child_environment, child_process
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker
from incumbent.server.process.spawn_context import SpawnContext

from ....isolation import Sandbox

TODAY = {"INCUMBENT_LOCK_TOKEN": "t", "INCUMBENT_ORIGIN": "hook"}
THEN = {"INCUMBENT_LEASE": "t", "INCUMBENT_DOOR": "hook"}


def context(monkeypatch: pytest.MonkeyPatch, passed: dict[str, str]) -> SpawnContext:
    for name in child_environment.SPAWN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, text in passed.items():
        monkeypatch.setenv(name, text)
    return SpawnContext(by_hand=False)


@pytest.mark.parametrize("passed", [TODAY, THEN, TODAY | THEN], ids=["today", "0.1.0", "both"])
def test_a_child_takes_the_token_and_the_origin_by_either_name(monkeypatch, passed):
    made = context(monkeypatch, passed)
    assert (made.lock_token, made.origin) == ("t", "hook")


def test_no_name_is_left_for_the_apps_own_children(monkeypatch):
    context(monkeypatch, TODAY | THEN)
    assert not {*TODAY, *THEN} & set(os.environ)


@pytest.mark.parametrize(("role", "standby"), [("understudy", True), ("cold", False)])
def test_a_child_knows_its_role_by_the_word_of_0_1_0(monkeypatch, role, standby):
    assert context(monkeypatch, {"INCUMBENT_ROLE": role}).standby is standby


@pytest.mark.parametrize("standby", [True, False])
def test_a_parent_gives_a_child_of_0_1_0_what_it_knows(
    sandbox: Sandbox, data_dir: Path, tmp_path: Path, standby: bool
):
    program = tmp_path / "python"
    program.write_text(f'#!/bin/sh\nenv > "{tmp_path}/passed"\n')
    program.chmod(0o755)
    worker = Worker(environ=sandbox.environment(), data_dir=str(data_dir), port=sandbox.port)
    build = Build("1", "a:app", str(program), (), "", (), "", "")
    process = child_process.spawn(worker, build, "t", "hook", standby, {})
    assert process.reap(20.0) == 0
    process.let_go()
    passed = dict(
        line.partition("=")[::2] for line in (tmp_path / "passed").read_text().splitlines()
    )
    assert passed.items() >= (TODAY | THEN).items()
    assert passed["INCUMBENT_ROLE"] == ("understudy" if standby else "cold")
    assert sys.executable not in passed.values()
