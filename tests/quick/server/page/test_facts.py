"""What the page shows is looked at again and again; what can't be read is left out."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from incumbent.lifecycle.health import Health
from incumbent.lifecycle.page_access import session
from incumbent.lifecycle.record import Build, Record, Rejection
from incumbent.lifecycle.record_format import encoded
from incumbent.server.page import findings, live
from incumbent.server.page.facts import Facts, Watch
from incumbent.server.page.findings import Doctor, Finding
from incumbent.server.page.pages import TRACE, Pages

from .given import SERVING, health, line

STANDS = Rejection("2", "a:b", "p", "it failed", 1.0)
COUNTS = Rejection("3", "a:b", "p", "it died", 1.0, soon_dead=True)
RECORD = Record("marvel", Build("1.2.3", "a:b", "python"), None, (STANDS, COUNTS))
FOUND = (Finding("a port is taken", "type this"),)


class Control:
    """The worker whose page it is."""

    token = "ab" * 32

    def __init__(self, data_dir: Path) -> None:
        self.its = health()
        self.its.data_dir = str(data_dir)

    def health(self) -> Health:
        return self.its


@pytest.fixture
def control(data_dir: Path) -> Control:
    return Control(data_dir)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the doctor's visits, in place of a process each."""
    visits: list[float] = []

    def doctor() -> tuple[Finding, ...]:
        visits.append(0.0)
        return FOUND

    monkeypatch.setattr(findings, "_doctor", doctor)
    return visits


def append(data_dir: Path, *lines: dict[str, object]) -> None:
    with open(data_dir / "trace.jsonl", "a") as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)


def looked(watch: Watch) -> Facts:
    return asyncio.run(watch.facts())


def test_an_empty_data_dir_is_shown_too(control: Control):
    seen = looked(Watch(control))
    assert (seen.lines, seen.rejected, seen.recorded, seen.kept) == ((), (), "", 0)
    assert seen.findings is None
    assert seen.health is control.its
    assert seen.run == SERVING
    assert seen.usage is not None


def test_each_line_of_the_journal_is_there_once_however_often_one_looks(
    data_dir: Path, control: Control
):
    append(data_dir, line("w", 0, "a"))
    watch = Watch(control)
    assert [one["event"] for one in looked(watch).lines] == ["a"]
    append(data_dir, line("w", 1, "b"))
    assert [one["event"] for one in looked(watch).lines] == ["a", "b"]


def test_what_is_recorded_is_shown_with_what_is_rejected_yet(data_dir: Path, control: Control):
    (data_dir / "launch.json").write_bytes(encoded(RECORD))
    seen = looked(Watch(control))
    assert (seen.recorded, seen.rejected) == ("1.2.3", (STANDS,))


@pytest.mark.parametrize("record", [b"", b"{", b'{"format": 99999, "service": "marvel"}'])
def test_a_record_that_is_none_is_left_out(data_dir: Path, control: Control, record: bytes):
    (data_dir / "launch.json").write_bytes(record)
    seen = looked(Watch(control))
    assert (seen.recorded, seen.rejected) == ("", ())


def test_a_record_of_another_service_is_left_out(data_dir: Path, control: Control):
    (data_dir / "launch.json").write_bytes(encoded(RECORD._replace(name="another")))
    assert looked(Watch(control)).recorded == ""


def test_a_record_that_cannot_be_read_is_left_out(data_dir: Path, control: Control):
    (data_dir / "launch.json").mkdir()
    assert looked(Watch(control)).recorded == ""


def test_the_stamp_differs_when_something_else_is_to_be_shown(data_dir: Path, control: Control):
    watch = Watch(control)
    stamps = [watch.stamp()]
    assert watch.stamp() == stamps[0]
    for event in ("a", "b"):
        append(data_dir, line("w", 0, event))
        stamps.append(watch.stamp())
    (data_dir / "launch.json").write_bytes(encoded(RECORD))
    stamps.append(watch.stamp())
    (data_dir / "spool").mkdir()
    stamps.append(watch.stamp())
    control.its.state = "handing-off/draining"
    stamps.append(watch.stamp())
    control.its.refusal = "no record"
    stamps.append(watch.stamp())
    watch.doctor.found = FOUND
    stamps.append(watch.stamp())
    assert len(set(stamps)) == len(stamps)


def test_the_doctor_is_waited_for_and_not_asked_again_at_once(asked: list[float]):
    async def visits() -> Doctor:
        doctor = Doctor()
        await doctor.ask(wait=30)
        assert doctor.found == FOUND
        for _ in range(3):
            await doctor.ask(wait=30)
        return doctor

    asyncio.run(visits())
    assert len(asked) == 1


def test_the_doctor_is_asked_again_after_a_while(
    asked: list[float], monkeypatch: pytest.MonkeyPatch
):
    async def visits() -> None:
        doctor = Doctor()
        await doctor.ask(wait=30)
        monkeypatch.setattr(findings, "FRESH_S", -1.0)
        await doctor.ask(wait=30)

    asyncio.run(visits())
    assert len(asked) == 2


async def told(watch: Watch, count: int) -> list[str]:
    """Give the first events that an open page hears."""
    heard: list[str] = []
    events = live.changes(watch)
    async for event in events:
        heard.append(event.decode())
        if len(heard) == count:
            break
    return heard


def test_an_open_page_hears_all_at_once_then_only_what_has_changed(
    data_dir: Path, control: Control, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live, "STEP_S", 0.001)
    monkeypatch.setattr(live, "BEAT_S", 0.001)

    async def heard() -> list[str]:
        watch = Watch(control)
        watch.doctor.found = FOUND
        first = await told(watch, 2)
        return first + await told(watch, 3)

    retry, whole, *_, again = asyncio.run(heard())
    assert retry == f"retry: {live.AGAIN_MS}\n\n"
    assert whole.startswith("data: {")
    assert whole.endswith("}\n\n")
    said = json.loads(whole.removeprefix("data: "))
    assert said["box"] == "state-verified"
    assert set(said["parts"]) == {"now", "rows", "line", "folded", "wrong"}
    assert "rows" not in json.loads(again.removeprefix("data: "))["parts"]
    assert os.listdir(data_dir) == []


def test_a_page_hears_nothing_while_nothing_changes_and_asks_the_doctor_meanwhile(
    control: Control, asked: list[float], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live, "STEP_S", 0.001)
    monkeypatch.setattr(live, "BEAT_S", 600.0)

    async def heard() -> None:
        watch = Watch(control)
        events = live.changes(watch)
        for _ in range(3):  # the third tells what the doctor has found
            event = await anext(events)
        assert "a port is taken" in event.decode()
        assert len(asked) == 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 0.2)

    asyncio.run(heard())


def test_a_page_hears_of_the_next_state(control: Control, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "STEP_S", 0.001)
    monkeypatch.setattr(live, "BEAT_S", 600.0)

    async def heard() -> str:
        events = live.changes(Watch(control))
        for _ in range(2):
            await anext(events)
        control.its.state = "handing-off/draining"
        return (await anext(events)).decode()

    said = json.loads(asyncio.run(heard()).removeprefix("data: "))
    assert said["box"] == "state-handing-off-draining"
    assert "is leaving" in said["parts"]["now"]


@pytest.mark.parametrize("query", [b"", b"after=\xff", b"after=1-0&after=2"])
def test_any_query_of_the_journal_has_an_answer(data_dir: Path, control: Control, query: bytes):
    append(data_dir, line("w", 0, "a"))
    given = session(control.token, str(data_dir), (control.its.host, control.its.port), time.time())
    scope = {
        "type": "http", "path": TRACE, "method": "GET", "query_string": query,
        "headers": [(b"authorization", f"Bearer {given}".encode())],
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Pages(control)(scope, None, send))
    assert sent[0]["status"] == 200
    assert [one["event"] for one in json.loads(sent[1]["body"])["lines"]] == ["a"]
