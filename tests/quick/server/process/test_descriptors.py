"""Some descriptors are kept for ourselves, however many clients there are."""

import resource

import pytest

from incumbent.server.process import descriptors


def room_under(soft: int) -> int:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        return descriptors.room()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize(
    ("soft", "room"), [(4096, 4096 - 64), (256, 192), (64, 32), (4, 2), (1, 1)]
)
def test_some_descriptors_are_kept_for_ourselves(soft: int, room: int):
    assert room_under(soft) == room


def test_the_soft_limit_is_raised_to_the_hard_one():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        descriptors.raise_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("limited", [True, False])
def test_where_nothing_is_limited_there_is_room_for_many(
    monkeypatch: pytest.MonkeyPatch, limited: bool
):
    if limited:
        infinity = resource.RLIM_INFINITY
        monkeypatch.setattr(resource, "getrlimit", lambda _: (infinity, infinity))
    else:
        monkeypatch.setattr(descriptors, "resource", None)
        descriptors.raise_limit()
    assert descriptors.room() == descriptors.MANY


@pytest.mark.parametrize("error", [OSError, ValueError])
def test_a_limit_that_cannot_be_raised_stays(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
):
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "setrlimit", refused)
    descriptors.raise_limit()
