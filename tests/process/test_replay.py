"""Schedules of the explorer on real processes: the rows they take are the rows predicted."""

from __future__ import annotations

import pytest

from ..proof.replaying.conductor import Replay
from ..proof.replaying.covering import Script, follow, saved
from ..proof.schedules import Line
from ..world import World

pytestmark = pytest.mark.process

SCRIPTS = saved()


def replayed(world: World, script: Script) -> tuple[Replay, list[Line]]:
    replay = Replay(script.configuration, world)
    try:
        replay.begin()
        follow(replay, script)
        return replay, replay.observed()
    finally:
        replay.close()


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_real_processes_take_the_rows_that_were_predicted(world, number):
    replay, observed = replayed(world, SCRIPTS[number])
    assert not replay.broken
    assert observed == replay.predicted(), replay.story()
