"""The scripts that real processes replay take every row that can be led to."""

from __future__ import annotations

import pytest

from ...proof.automaton import every_row
from ...proof.replaying.covering import UNTAKEN, can_be_led, follow, rows_of, saved
from ...proof.schedules import Simulation

pytestmark = pytest.mark.slow


def test_the_scripts_take_every_row_but_those_that_say_why():
    taken = set()
    for script in saved():
        simulation = Simulation(script.configuration)
        follow(simulation, script)
        assert not simulation.broken, simulation.story()
        taken |= rows_of(simulation.lines)
    rows = {(machine, tuple(row)) for machine, row in every_row()}
    left = sorted(rows - taken)
    again = "choose anew: python -m tests.proof.replaying.covering"
    assert left == sorted(UNTAKEN), again


def test_every_step_of_a_script_can_be_led():
    for script in saved():
        simulation = Simulation(script.configuration)
        for number in script.choices:
            option = simulation.options()[number]
            assert can_be_led(simulation.state, option[0]), option[0].what
            simulation.take(option)
