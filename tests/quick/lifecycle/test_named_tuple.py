"""Our named tuple behaves as the one of `typing`, whatever is asked of both."""

import pickle
from typing import Any
from typing import NamedTuple as Typings

import pytest

from incumbent.lifecycle import _named_tuple
from incumbent.lifecycle._named_tuple import NamedTuple as Ours
from incumbent.lifecycle.record import Build


class Real(Typings):
    name: str
    number: int = 3
    why: str = ""


class Twin(Ours):
    name: str
    number: int = 3
    why: str = ""


BOTH = pytest.mark.parametrize("made", [Real, Twin])
GIVEN = [
    (("a",), {}),
    (("a", 1), {}),
    (("a",), {"why": "b"}),
    ((), {"why": "b", "name": "a", "number": 0}),
    (("a", 1, "b"), {}),
]


@pytest.mark.parametrize(("places", "names"), GIVEN)
def test_what_is_given_is_what_is_there(places: Any, names: Any):
    real, twin = Real(*places, **names), Twin(*places, **names)
    assert tuple(twin) == tuple(real)
    assert (twin.name, twin.number, twin.why) == (real.name, real.number, real.why)
    assert twin._asdict() == real._asdict()
    assert hash(twin) == hash(real)
    assert repr(twin) == repr(real).replace("Real", "Twin")
    assert tuple(twin._replace(number=7)) == tuple(real._replace(number=7))
    assert type(twin._replace(why="c")) is Twin


@BOTH
@pytest.mark.parametrize(
    ("places", "names"),
    [
        ((), {}),
        ((), {"number": 1}),
        (("a", 1, "b", "c"), {}),
        (("a",), {"name": "b"}),
        (("a", 1, "b"), {"why": "c"}),
        (("a",), {"other": 1}),
    ],
)
def test_a_field_too_many_or_too_few_is_refused(made: Any, places: Any, names: Any):
    with pytest.raises(TypeError):
        made(*places, **names)


@BOTH
def test_a_field_cannot_be_set(made: Any):
    with pytest.raises(AttributeError):
        made("a").number = 4


@BOTH
def test_an_unknown_field_cannot_be_replaced(made: Any):
    with pytest.raises((TypeError, ValueError)):
        made("a")._replace(other=1)


def test_a_record_of_ours_is_such_a_twin():
    assert issubclass(Build, _named_tuple.NamedTuple)


def test_it_crosses_from_process_to_process():
    build = Build("1.0.0", "app:app", "python")
    again = pickle.loads(pickle.dumps(build))
    assert again == build
    assert type(again) is Build
