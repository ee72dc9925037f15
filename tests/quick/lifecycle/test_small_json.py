"""The hot path's JSON says what `json` says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incumbent.lifecycle._small_json import dumps_flat, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(VALUES)
def test_what_json_writes_is_read_alike(value):
    assert loads(json.dumps(value).encode()) == value


@given(st.dictionaries(st.text(), st.text() | st.integers() | FINITE))
def test_what_is_written_flat_is_what_json_reads(values):
    assert json.loads(dumps_flat(values)) == values


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
