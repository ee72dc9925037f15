"""One value of a JSON text is changed, every other byte stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incumbent.cli.setup.json_text import JsonTextError, parsed, with_value, without

COMMENTED = """{
  // of the user
  "theme": "dark", /* and so on */
  "hooks": {
    "Stop": [
      {"hooks": []}
    ]
  },
}
"""
NAMES = st.text(max_size=3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda held: st.lists(held, max_size=3) | st.dictionaries(NAMES, held, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)


@pytest.mark.parametrize("indent", [None, 2, "\t"])
@given(OBJECTS, VALUES)
def test_what_is_added_is_there_and_is_taken_back(indent, found, value):
    text = json.dumps(found, indent=indent, ensure_ascii=False)
    added = with_value(text, ("added here", "deeper"), None, value)
    assert parsed(added).value == found | {"added here": {"deeper": [value]}}
    taken = without(added, ("added here", "deeper", 0))
    assert parsed(taken).value == found
    assert taken == text or not found


def test_comments_and_commas_of_a_user_stay():
    added = with_value(COMMENTED, ("hooks", "Stop"), None, {"ours": 1})
    assert "// of the user" in added
    assert "/* and so on */" in added
    assert parsed(added).value["hooks"]["Stop"] == [{"hooks": []}, {"ours": 1}]
    assert without(added, ("hooks", "Stop", 1)) == COMMENTED


def test_each_member_can_be_taken():
    text = '{"a": [1, 2, 3], "b": {"c": 4}}'
    assert without(text, ("a", 0)) == '{"a": [2, 3], "b": {"c": 4}}'
    assert without(text, ("a", 1)) == '{"a": [1, 3], "b": {"c": 4}}'
    assert without(text, ("a", 2)) == '{"a": [1, 2], "b": {"c": 4}}'
    assert without(text, ("b", "c")) == '{"a": [1, 2, 3]}'
    assert without('{"b": {"c": [4]}}', ("b", "c", 0)) == "{}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", 1),
        ('{"a": 1,\n "b" 2}', 2),
        ("{}\n\nx", 3),
        ('{"a": /* ', 1),
        ("nothing", 1),
        ("[1 2]", 1),
    ],
)
def test_what_is_no_json_is_told_with_its_line(text, line):
    with pytest.raises(JsonTextError) as told:
        parsed(text)
    assert str(told.value) == f"line {line} is no JSON"
