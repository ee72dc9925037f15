"""Schedules of the explorer on real processes: the rows they take are the rows predicted."""

from __future__ import annotations

import pytest

from ..proof.replaying.conductor import DivergedError, Replay
from ..proof.replaying.covering import Script, follow, saved
from ..world import World

pytestmark = pytest.mark.process

SCRIPTS = saved()


def replayed(world: World, script: Script) -> Replay:
    replay = Replay(script.configuration, world)
    try:
        follow(replay, script)
    finally:
        replay.close()
    return replay


@pytest.mark.parametrize("number", range(len(SCRIPTS)))
def test_real_processes_take_the_rows_that_were_predicted(world, number):
    replay = replayed(world, SCRIPTS[number])
    assert not replay.broken
    assert replay.observed() == replay.predicted(), replay.story()
