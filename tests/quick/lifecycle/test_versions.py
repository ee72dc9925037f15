"""Versions are ordered as packages order them."""

import itertools

import pytest

from incumbent.lifecycle.versions import at_least, lower, newer, parse

ASCENDING = ["0.9", "1.0.0.dev1", "1.0.0rc1", "1.0.0", "1.0.0.post1", "1.2", "1.10", "1!0.1"]


@pytest.mark.parametrize(("older", "younger"), list(itertools.pairwise(ASCENDING)))
def test_a_later_version_is_newer(older, younger):
    assert newer(younger, older)
    assert not newer(older, younger)
    assert at_least(younger, older)
    assert not at_least(older, younger)
    assert lower(older, younger) == lower(younger, older) == older


def test_two_spellings_of_one_version_satisfy_each_other():
    assert at_least("1.0", "1.0.0")
    assert at_least("1.0.0", "1.0")


def test_another_spelling_of_the_same_version_is_not_newer():
    assert not newer("1.0", "1.0.0")


def test_what_is_no_version_is_older_than_everything():
    assert not at_least("banana", "0.1")
    assert not newer("banana", "0.1")


def test_what_is_no_version_satisfies_itself():
    assert at_least("banana", "banana")
    assert not newer("banana", "banana")


@pytest.mark.parametrize("text", ["", "banana", "1..2", "1.0 beta !"])
def test_what_is_no_version_cannot_be_parsed(text):
    with pytest.raises(ValueError, match=r"1\.2\.3"):
        parse(text)
