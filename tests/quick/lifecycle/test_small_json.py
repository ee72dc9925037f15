"""The hot path's JSON says what `json` says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incumbent.lifecycle._small_json import dumps, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
WRITTEN = st.recursive(
    st.none() | st.booleans() | st.integers() | FINITE | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_json_writes_is_read_alike(value):
    assert loads(json.dumps(value).encode()) == value


@given(WRITTEN, st.booleans())
def test_what_is_written_is_what_json_writes(value, indent):
    assert dumps(value, indent) == json.dumps(value, indent=1 if indent else None)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), [-float("inf")]])
def test_a_number_that_json_has_not_is_not_written(value):
    with pytest.raises(ValueError, match="no number"):
        dumps(value)


@pytest.mark.parametrize("value", [b"bytes", {1: 2}, {"a": {3}}, object()])
def test_what_json_has_not_is_not_written(value):
    with pytest.raises(TypeError):
        dumps(value)


@given(st.binary())
def test_any_bytes_give_what_json_gives_or_a_value_error(content):
    try:
        expected = json.loads(content.decode())
    except ValueError:
        with pytest.raises(ValueError):  # noqa: PT011 - which one is json's own business
            loads(content)
    else:
        assert repr(loads(content)) == repr(expected)


@pytest.mark.parametrize("content", [b"", b"{", b"{} {}", b'{"a": }', b"nul", b"\xff"])
def test_what_is_no_json_is_refused(content):
    with pytest.raises(ValueError):  # noqa: PT011 - which one is json's own business
        loads(content)
