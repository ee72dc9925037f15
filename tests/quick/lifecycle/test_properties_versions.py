"""The order of versions is one total order, the one that Python packaging defines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from incumbent.lifecycle.versions import at_least, lower, newer, parse

PROFILE = settings(derandomize=False, print_blob=True, deadline=None, max_examples=200)

PARTS = st.lists(st.integers(0, 20).map(str), min_size=1, max_size=4).map(".".join)
VERSIONS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "v", "1!"]),
        PARTS,
        st.sampled_from(["", "a1", "b2", "rc1", "-alpha.3"]),
        st.sampled_from(["", ".post1", "-2"]),
        st.sampled_from(["", ".dev3"]),
        st.sampled_from(["", "+local.7"]),
    ),
)
NO_VERSIONS = st.sampled_from(["", "latest", "1..2", "1.0-", "x1", "1.0+", "one"])


@PROFILE
@given(VERSIONS, VERSIONS)
def test_versions_compare_as_packaging_compares_them(one, other):
    assert at_least(one, other) == (Version(one) >= Version(other))
    assert newer(one, other) == (Version(one) > Version(other))


@PROFILE
@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_is_total_and_transitive(one, two, three):
    assert at_least(one, one)
    assert at_least(one, two) or at_least(two, one)
    if at_least(one, two) and at_least(two, three):
        assert at_least(one, three)
    if at_least(one, two) and at_least(two, one):
        assert parse(one) == parse(two)


@PROFILE
@given(VERSIONS, VERSIONS)
def test_exactly_one_of_newer_older_and_equal_holds(one, other):
    equal = parse(one) == parse(other)
    assert [newer(one, other), newer(other, one), equal].count(True) == 1


@PROFILE
@given(VERSIONS, VERSIONS)
def test_the_lower_of_two_is_one_of_them_and_not_newer_than_either(one, other):
    least = lower(one, other)
    assert least in (one, other)
    assert at_least(one, least)
    assert at_least(other, least)


@PROFILE
@given(NO_VERSIONS, VERSIONS)
def test_what_is_no_version_is_at_least_nothing_but_itself(word, version):
    assert at_least(word, word)
    assert not at_least(word, version)
    assert not newer(word, version)


@PROFILE
@given(st.text(max_size=20))
def test_any_text_is_parsed_or_refused_as_a_value(text):
    try:
        parse(text)
    except ValueError:
        assert at_least(text, text)
        assert not at_least(text, "1.0")


def test_a_word_is_refused_with_an_example():
    with pytest.raises(ValueError, match=r"such as 1\.2\.3"):
        parse("latest")
