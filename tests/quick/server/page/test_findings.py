"""The doctor is asked in a process of its own, as this worker's user would ask it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from incumbent.server.page.findings import Doctor, Finding


def found() -> tuple[Finding, ...] | None:
    doctor = Doctor()
    asyncio.run(doctor.ask(wait=60))
    return doctor.found


def test_what_the_doctor_finds_is_told_with_what_to_do(data_dir: Path):
    (data_dir / "settings.json").write_text("{")
    findings = found()
    assert findings is not None
    [one] = [one for one in findings if "settings.json" in one.what]
    assert one.next
    assert one.next != one.what


def answering(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int = 1) -> Path:
    """Let a program stand in the interpreter's place that says this; give what it was asked."""
    program = folder / "python"
    program.write_text(
        f"#!/bin/sh\necho \"$@\" >{folder}/asked\nprintf '%s' '{text}'\nexit {code}\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    return folder / "asked"


@pytest.mark.parametrize("code", [0, 1])
def test_an_answer_is_read_whatever_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
):
    said = '{"findings": [{"what": "a port is taken", "next": "type this"}]}'
    asked = answering(tmp_path, monkeypatch, said, code)
    assert found() == (Finding("a port is taken", "type this"),)
    assert asked.read_text() == "-P -m incumbent.cli --json doctor\n"


@pytest.mark.parametrize("said", ["", "[]", "{}", '{"findings": [{}]}', '{"findings": [1]}'])
def test_what_is_no_answer_finds_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
):
    answering(tmp_path, monkeypatch, said)
    assert found() is None


def test_where_no_process_can_be_had_nothing_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
    assert found() is None
