"""Launches are told apart by their numbers, within a line; no clock is asked."""

import pytest

from incumbent.lifecycle.generation import Generation, generation_in


def test_a_higher_number_of_the_line_is_later():
    assert Generation("a", 4).after(Generation("a", 3))


@pytest.mark.parametrize("number", [2, 3])
def test_the_same_or_a_lower_number_of_the_line_is_not_later(number):
    assert not Generation("a", number).after(Generation("a", 3))


def test_another_line_is_later_whatever_its_number():
    assert Generation("b", 1).after(Generation("a", 3))


def test_a_worker_without_a_number_is_never_later():
    assert not Generation().after(Generation())
    assert not Generation().after(Generation("a", 3))


def test_a_generation_is_read_as_it_was_written():
    assert generation_in(str(Generation("a1", 12))) == Generation("a1", 12)


@pytest.mark.parametrize("text", ["", "12", ":12", "a:", "a:x", "a:-1", "a:\u0661"])
def test_any_other_text_is_no_launch(text):
    assert generation_in(text) == Generation()
