"""What a run puts on the record, takes off it, leaves as it is; and what it says of that."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from incumbent.lifecycle import health as h
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import Health, ProbeResult
from incumbent.lifecycle.posix import registration as module
from incumbent.lifecycle.posix.own_build import own_build
from incumbent.lifecycle.posix.registration import Registration
from incumbent.lifecycle.record import Build, Record, rejected
from incumbent.lifecycle.record_format import decoded, encoded
from incumbent.lifecycle.record_store import RecordStore
from incumbent.lifecycle.settings import Worker

from ....isolation import Sandbox

NO_PROGRAM = "/no/such/python"
OLD = Build("0.9.0", "old:app", sys.executable)
OLDER = Build("0.8.0", "old:app", sys.executable)
GONE = OLD._replace(python=NO_PROGRAM)


class Case:
    """One run with its record."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.notices = worker, list[str]()
        self.own = own_build(worker)
        self.registration = Registration(worker, RecordStore(worker, []), self.notices)

    def put(self, recorded: Build | None = None, good: Build | None = None) -> None:
        self.write(Record(self.worker.name, recorded, good, generation=Generation("line", 3)))

    def write(self, record: Record) -> None:
        Path(self.worker.path("launch.json")).write_bytes(encoded(record))

    @property
    def record(self) -> Record:
        return decoded(Path(self.worker.path("launch.json")).read_bytes(), self.worker.name)

    @property
    def recorded(self) -> str:
        return self.record.recorded.version if self.record.recorded else ""


@pytest.fixture
def case(sandbox: Sandbox, data_dir: Path) -> Case:
    environ = sandbox.environment() | {"INCUMBENT_VERSION": "1.0.0", "INCUMBENT_APP": "new:app"}
    return Case(Worker(environ=environ, data_dir=str(data_dir), port=sandbox.port))


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Give the versions that can't come up, to be filled, with why."""
    known: dict[str, str] = {}
    monkeypatch.setattr(module, "why_gone", lambda _, build: known.get(build.version, ""))
    return known


def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object) -> str:
        pytest.fail("an app is imported where there is no need")

    monkeypatch.setattr(module, "why_gone", asked)


# To register.


def test_the_first_run_records_its_own_build_and_begins_a_line(case: Case):
    record = case.registration.register(restart=False)
    assert record == case.record
    assert record is not None
    assert case.own.same_as(record.recorded)
    assert record.generation.line
    assert case.notices == []


def test_a_newer_build_takes_the_place_of_an_older_one_without_a_word(case: Case):
    case.put(recorded=OLD)
    case.registration.register(restart=False)
    assert case.recorded == "1.0.0"
    assert case.record.generation == Generation("line", 3)
    assert case.notices == []


def test_an_older_build_leaves_the_newer_one_recorded(case: Case):
    case.put(recorded=OLD._replace(version="2.0.0"))
    record = case.registration.register(restart=False)
    assert record == case.record
    assert case.recorded == "2.0.0"
    assert case.notices == []


def test_what_can_not_be_spawned_any_more_is_told_with_what_it_lacks(case: Case):
    case.put(recorded=GONE._replace(version="2.0.0"), good=OLDER)
    case.registration.register(restart=False)
    assert case.recorded == "1.0.0"
    assert case.notices == [
        f"the recorded version 2.0.0 is gone from this machine: there is no program {NO_PROGRAM}"
    ]


def test_a_rejected_build_is_not_recorded_and_the_run_says_why(case: Case):
    case.write(rejected(Record(case.worker.name, OLD), case.own, "it failed", False, time.time()))
    case.registration.register(restart=False)
    assert case.recorded == "0.9.0"
    [sentence] = case.notices
    assert sentence.startswith("version 1.0.0 was rejected (it failed); using the worker there is.")


def test_a_restart_gives_a_rejected_build_another_try(case: Case):
    case.write(rejected(Record(case.worker.name, OLD), case.own, "it failed", False, time.time()))
    case.registration.register(restart=True)
    assert case.recorded == "1.0.0"
    assert case.record.rejected == ()
    assert case.notices == []


def test_a_record_of_a_newer_incumbent_is_left_alone_and_told_of(case: Case):
    path = Path(case.worker.path("launch.json"))
    path.write_text(json.dumps({"format": 99}))
    assert case.registration.register(restart=False) is None
    assert json.loads(path.read_text()) == {"format": 99}
    [sentence] = case.notices
    assert sentence.startswith(f"{path} was written by a newer incumbent; ")


def test_a_person_whose_build_takes_the_place_of_an_equal_one_is_told(case: Case):
    case.put(recorded=OLD._replace(version="1.0.0"))
    case.registration.register(restart=False, person=True)
    assert case.own.same_as(case.record.recorded)
    assert case.notices == [
        f"the recorded version 1.0.0 (old:app, by {sys.executable}) "
        "gives way to version 1.0.0 of this install"
    ]


def test_nobody_is_told_of_a_build_that_stays(case: Case):
    case.put(recorded=case.own)
    case.registration.register(restart=False, person=True)
    assert case.notices == []


def test_a_build_that_is_gone_is_told_of_once(case: Case):
    case.put(recorded=GONE._replace(version="1.0.0"))
    case.registration.register(restart=False, person=True)
    assert len(case.notices) == 1
    assert "is gone from this machine" in case.notices[0]


def seen(kind: str, version: str = "") -> ProbeResult:
    if not version:
        return ProbeResult(kind)
    said = Health(
        pid=1, version=version, state="verified", since=1.0, instance="i", service="s",
        data_dir="/d", port=1, worker_path="/w", app="a:b",
    )  # fmt: skip
    return ProbeResult(kind, said)


@pytest.mark.parametrize(
    ("there", "gives_way"),
    [
        (None, True),
        (seen(h.DARK), True),
        (seen(h.WORKER_LEAVING, "1.0.0"), True),
        (seen(h.WORKER_SERVING, "0.5.0"), True),
        (seen(h.WORKER_SERVING, "1.0.0"), False),
        (seen(h.WORKER_SERVING, "3.0.0"), False),
        (seen(h.WORKER_SERVING), False),
        (seen(h.SILENT), False),
        (seen(h.FOREIGN), False),
    ],
)  # fmt: skip
def test_a_person_who_may_leave_a_worker_alone_changes_nothing_behind_its_back(
    case: Case, there: ProbeResult | None, gives_way: bool
):
    case.put(recorded=OLD._replace(version="1.0.0"))
    case.registration.register(restart=False, person=True, seen=there)
    assert case.own.same_as(case.record.recorded) is gives_way


# To give way.


def test_a_recorded_build_that_can_not_come_up_gives_way_to_ours(case: Case, gone: dict[str, str]):
    case.put(recorded=OLD._replace(version="2.0.0"), good=OLDER)
    gone |= {"2.0.0": "no such module", "0.8.0": "too old"}
    case.registration.register(restart=False)
    assert case.registration.give_way() is True
    assert case.recorded == ""
    assert case.notices == [
        "the recorded version 0.8.0 is gone from this machine: too old",
        "the recorded version 2.0.0 is gone from this machine: no such module",
    ]


def _prepared(case: Case, recorded: Build | None, good: Build | None) -> None:
    case.put(recorded=recorded, good=good)
    case.registration.register(restart=False)


TWO = OLD._replace(version="2.0.0")
STAYS: list[tuple[str, Callable[[Case], None], dict[str, str]]] = [
    ("one of them can come up", lambda c: _prepared(c, TWO, OLDER), {"2.0.0": "gone"}),
    ("ours can't either", lambda c: _prepared(c, TWO, None), {"2.0.0": "gone", "1.0.0": "gone"}),
    ("ours was tried", lambda c: _prepared(c, c.own, OLD), {"0.9.0": "gone"}),
]


@pytest.mark.parametrize(("prepare", "lack"), [row[1:] for row in STAYS], ids=[r[0] for r in STAYS])
def test_nothing_gives_way_where(
    case: Case, gone: dict[str, str], prepare: Callable[[Case], None], lack: dict[str, str]
):
    gone |= lack
    prepare(case)
    before = case.record
    assert case.registration.give_way() is False
    assert case.record == before
    assert case.notices == []


def test_a_build_of_ours_that_was_rejected_stands_in_for_nobody(
    case: Case, monkeypatch: pytest.MonkeyPatch
):
    unasked(monkeypatch)
    case.write(rejected(Record(case.worker.name, TWO), case.own, "it failed", False, time.time()))
    case.registration.register(restart=False)
    assert case.registration.give_way() is False


def test_a_build_that_somebody_else_recorded_meanwhile_is_worth_another_try(
    case: Case, monkeypatch: pytest.MonkeyPatch
):
    unasked(monkeypatch)
    case.put(recorded=TWO)
    case.registration.register(restart=False)
    case.put(recorded=TWO._replace(version="2.1.0"))
    assert case.registration.give_way() is True
    assert case.recorded == "2.1.0"


def test_where_nothing_is_recorded_ours_may_stand_in(case: Case, gone: dict[str, str]):
    case.put()
    assert case.registration.give_way() is True
    gone["1.0.0"] = "no such module"
    assert case.registration.give_way() is False


@pytest.mark.parametrize("verb", ["give_way", "fell_back"])
def test_a_record_that_cannot_be_read_is_left_alone(case: Case, verb: str):
    path = Path(case.worker.path("launch.json"))
    path.write_text(json.dumps({"format": 99}))
    assert getattr(case.registration, verb)() is False
    assert case.registration.why_older("0.9", "1.0.0") == []
    assert json.loads(path.read_text()) == {"format": 99}


# To fall back.


def test_what_failed_in_this_run_and_is_gone_is_taken_off(case: Case, gone: dict[str, str]):
    gone["2.0.0"] = "no such module"
    case.write(Record(case.worker.name, TWO, TWO, earlier=OLDER))
    case.registration.register(restart=False)
    case.write(rejected(case.record, TWO, "it failed", False, time.time()))
    assert TWO in (case.record.recorded, case.record.good)
    assert case.registration.fell_back() is True
    assert (case.record.recorded, case.record.good, case.record.earlier) == (OLDER, OLDER, None)
    assert case.notices == ["the recorded version 2.0.0 is gone from this machine: no such module"]


@pytest.mark.parametrize("is_gone", [True, False], ids=["not rejected", "not gone"])
def test_what_did_not_fail_or_is_still_there_stays(case: Case, gone: dict[str, str], is_gone: bool):
    _prepared(case, TWO, OLDER)
    if is_gone:
        gone["2.0.0"] = "no such module"
    else:
        case.write(rejected(case.record, TWO, "it failed", False, time.time()))
    before = case.record
    assert case.registration.fell_back() is False
    assert case.record == before
    assert case.notices == []


def test_what_this_run_did_not_try_is_none_of_its_business(
    case: Case, monkeypatch: pytest.MonkeyPatch
):
    unasked(monkeypatch)
    case.write(rejected(Record(case.worker.name, TWO, OLDER), TWO, "it failed", False, time.time()))
    assert case.registration.fell_back() is False
