"""The record is changed under the guard only, by one at a time."""

import threading
from pathlib import Path

import pytest

from incumbent.lifecycle.errors import AnotherServiceError
from incumbent.lifecycle.lock.guard import Guard
from incumbent.lifecycle.record import NewerFormatError, Record, numbered
from incumbent.lifecycle.record_format import encoded
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker


def is_guarded(worker: Worker) -> bool:
    guard = Guard(worker.path("spawn.lock.guard"))
    free = guard.take(wait=False)
    guard.give_back()
    return not free


def test_a_change_is_made_under_the_guard_which_is_given_back(worker: Worker):
    store, seen = RecordStore(worker, []), []

    def change(record: Record) -> Record:
        seen.append(is_guarded(worker))
        return numbered(record)

    before, after = store.change(change)
    assert seen == [True]
    assert not is_guarded(worker)
    assert before == Record(worker.name)
    assert after.generation.number == 1
    assert store.read() == after


def test_a_change_that_fails_gives_the_guard_back_and_writes_nothing(worker: Worker):
    def change(_: Record) -> Record:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        RecordStore(worker, []).change(change)
    assert not is_guarded(worker)
    assert not Path(worker.path("launch.json")).exists()


def test_what_is_no_change_is_not_written(worker: Worker):
    RecordStore(worker, []).change(lambda record: record)
    assert not Path(worker.path("launch.json")).exists()


def test_a_corrupt_record_is_set_aside_under_the_guard_only(worker: Worker):
    path, notices = Path(worker.path("launch.json")), list[str]()
    path.write_text("{")
    store = RecordStore(worker, notices)
    assert store.read() == Record(worker.name)
    assert path.read_text() == "{"
    assert notices == []
    assert store.change(lambda record: record)[0] == Record(worker.name)
    assert not path.exists()
    [notice] = notices
    assert "was corrupt; set aside as" in notice


def test_why_a_record_is_corrupt_is_told_to_who_asks(worker: Worker):
    Path(worker.path("launch.json")).write_text("[]")
    with pytest.raises(ValueError, match="not a launch record"):
        RecordStore(worker, []).checked()
    assert Path(worker.path("launch.json")).read_text() == "[]"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"format": 99, "name": "incumbent"}', NewerFormatError),
        (encoded(Record("other")), AnotherServiceError),
    ],
    ids=["a newer format", "another service"],
)
def test_what_is_not_ours_to_judge_is_left_alone(
    worker: Worker, content: bytes, error: type[Exception]
):
    path, notices = Path(worker.path("launch.json")), list[str]()
    path.write_bytes(content)
    store = RecordStore(worker, notices)
    for act in (store.read, store.checked, lambda: store.change(numbered)):
        with pytest.raises(error):
            act()
    assert path.read_bytes() == content
    assert notices == []
    assert not is_guarded(worker)


def test_changes_at_once_lose_nothing(worker: Worker):
    store = RecordStore(worker, [])
    changing = [threading.Thread(target=store.change, args=(numbered,)) for _ in range(8)]
    for thread in changing:
        thread.start()
    for thread in changing:
        thread.join()
    assert store.read().generation.number == 8
