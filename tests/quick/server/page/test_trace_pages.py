"""The journal is given in pages: every line once, also across a rotation."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from incumbent.lifecycle.errors import FilesError
from incumbent.server.page import trace_pages
from incumbent.server.page.trace_pages import trace_page, trace_stream


@pytest.fixture
def path(data_dir: Path) -> Path:
    """Give where the journal is."""
    return data_dir / "trace.jsonl"


def append(path: Path, *numbers: int) -> None:
    with open(path, "a") as file:
        file.writelines(json.dumps({"n": number}) + "\n" for number in numbers)


def all_pages(path: Path, after: str = "") -> tuple[list[object], str]:
    found: list[object] = []
    while True:
        lines, following = trace_page(str(path), after)
        found += [line["n"] for line in lines]
        if following == after or not lines:
            return found, following
        after = following


def test_a_journal_that_is_not_there_has_no_lines(path):
    assert all_pages(path) == ([], "")


def test_every_line_comes_once_page_by_page(path, monkeypatch):
    monkeypatch.setattr(trace_pages, "LIMIT_BYTES", 20)
    append(path, *range(30))
    numbers, after = all_pages(path)
    assert numbers == list(range(30))
    append(path, 30)
    assert all_pages(path, after)[0] == [30]


def test_a_line_that_is_longer_than_a_page_is_given_whole(path, monkeypatch):
    monkeypatch.setattr(trace_pages, "LIMIT_BYTES", 5)
    append(path, 10**50, 2)
    assert all_pages(path)[0] == [10**50, 2]


def test_a_line_that_is_not_whole_yet_waits(path):
    path.write_text('{"n": 1}\n{"n":')
    numbers, after = all_pages(path)
    assert numbers == [1]
    with open(path, "a") as file:
        file.write(" 2}\n")
    assert all_pages(path, after)[0] == [2]


def test_nothing_is_left_out_across_a_rotation(path):
    append(path, 1)
    _, after = all_pages(path)
    append(path, 2)
    os.replace(path, f"{path}.1")
    append(path, 3)
    assert all_pages(path, after)[0] == [2, 3]
    assert all_pages(path)[0] == [1, 2, 3]


@pytest.mark.parametrize("after", ["x", "-", "1-", "-5", "9999999-3", "\u0663-1", "1" * 99 + "-1"])
def test_a_place_that_is_none_is_the_beginning(path, after):
    append(path, 1)
    assert all_pages(path, after)[0] == [1]


def test_a_journal_that_is_no_file_is_told(path):
    path.mkdir()
    with pytest.raises(FilesError):
        trace_page(str(path), "")


async def followed(path: Path, after: str, *written: int) -> list[str]:
    """Give what a stream tells until it says that it goes on, again after each line written."""
    stream, heard = trace_stream(str(path), after), list[str]()
    for number in (None, *written):
        if number is not None:
            append(path, number)
        while (event := (await anext(stream)).decode()) != ": go on\n\n":
            heard.append(event)
    return heard


def test_a_stream_gives_each_line_once_and_a_place_to_go_on_from(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trace_pages, "STEP_S", 0.001)
    append(path, 1, 2)
    first, second, third = asyncio.run(followed(path, "", 3))
    assert first == 'data: {"n": 1}\n\n'
    for event, number in ((second, 2), (third, 3)):
        assert event.startswith("id: ")
        assert event.endswith(f'\ndata: {{"n": {number}}}\n\n')
    place = second.partition("\n")[0].removeprefix("id: ")
    assert asyncio.run(followed(path, place)) == [third]


def test_a_stream_is_quiet_while_nothing_comes_and_not_for_longer_than_a_beat(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(trace_pages, "STEP_S", 0.001)

    async def hears(beat: float) -> bytes:
        monkeypatch.setattr(trace_pages, "BEAT_S", beat)
        stream = trace_stream(str(path), "")
        assert await anext(stream) == b": go on\n\n"
        return await asyncio.wait_for(anext(stream), 20.0 if beat < 1 else 0.2)

    assert asyncio.run(hears(0.01)) == b": go on\n\n"
    with pytest.raises(TimeoutError):
        asyncio.run(hears(600.0))
