"""Amounts are said as people say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incumbent.lifecycle.amounts import duration, size


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.0123, "12 ms"),
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.9, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3599.7, "1 h"),
        (7265, "2 h 1 min"),
        (86400 * 3 + 3600 * 4 + 59, "3 d 4 h"),
        (-1, "0 ms"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (41_900_000, "41.9 MB"),
        (99_949_999, "99.9 MB"),
        (99_950_000, "100 MB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (2 * 10**12, "2.0 TB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_a_size_is_told_by_thousands(count, said):
    assert size(count) == said


@given(st.floats(0, 1e9, allow_nan=False))
def test_no_duration_is_told_as_sixty_of_a_unit_that_a_larger_one_holds(seconds):
    said = f" {duration(seconds)} "
    assert " 60 s " not in said
    assert " 60 min " not in said
    assert " 24 h " not in said
