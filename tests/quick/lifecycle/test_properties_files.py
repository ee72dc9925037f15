"""Whatever bytes stand in our files, a parser gives a value or the one error it documents."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incumbent.lifecycle import files
from incumbent.lifecycle.client.probe import judged
from incumbent.lifecycle.client.proof import Proof
from incumbent.lifecycle.errors import IncumbentError, SettingsError
from incumbent.lifecycle.generation import Generation
from incumbent.lifecycle.health import (
    FOREIGN,
    WORKER_LEAVING,
    WORKER_SERVING,
    WORKER_STARTING,
    Health,
)
from incumbent.lifecycle.lock.spawn_lock import owner_in
from incumbent.lifecycle.machine import trace_check
from incumbent.lifecycle.machine.tables import MACHINES
from incumbent.lifecycle.posix.secret import admin_token
from incumbent.lifecycle.record import (
    Build,
    NewerFormatError,
    Record,
    Rejection,
    marked_good,
    rejected,
)
from incumbent.lifecycle.record_format import decoded, encoded
from incumbent.lifecycle.settings import Worker

PROFILE = settings(print_blob=True, deadline=None, max_examples=150)
# These empty their folder after each example.
IN_A_FOLDER = settings(PROFILE, suppress_health_check=[HealthCheck.function_scoped_fixture])

NUMBERS = st.integers() | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
NESTED = st.integers(1, 200_000).map(lambda depth: b"[" * depth)


@st.composite
def near(draw: st.DrawFn, whole: bytes) -> bytes:
    """Give a valid file after an accident: one field changed or gone, or bytes torn."""
    kind = draw(st.sampled_from(("field", "gone", "cut", "bytes", "whole")))
    if kind in ("field", "gone"):
        said = json.loads(whole)
        key = draw(st.sampled_from(sorted(said)))
        if kind == "gone":
            del said[key]
        else:
            said[key] = draw(JSON)
        return json.dumps(said).encode()
    at = draw(st.integers(0, len(whole)))
    if kind == "cut":
        return whole[:at]
    if kind == "bytes":
        return whole[:at] + draw(st.binary(max_size=4)) + whole[at + draw(st.integers(0, 4)) :]
    return whole


def anything_like(whole: bytes) -> st.SearchStrategy[bytes]:
    accidents = near(whole)
    return accidents | st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()) | NESTED


HEALTH = Health(
    pid=4711,
    version="1.2.3",
    state="verified",
    since=12.5,
    instance="a1b2",
    service="incumbent",
    data_dir="/data",
    port=27000,
    uptime=3.5,
    started_at="2026-01-01T00:00:00Z",
    worker_path="/data/releases/1.2.3",
    app="demo:app",
)
HEALTH_BYTES = json.dumps(HEALTH.to_json()).encode()
LOCK_BYTES = json.dumps(
    {
        "token": "c0ffee",
        "pid": 4711,
        "start": "123",
        "host": "here",
        "boot": "b/pid:[1]",
        "version": "1.2.3",
        "acquiredAt": "2026-01-01T00:00:00Z",
    }
).encode()

# Text that can be written: a lone surrogate is none.
WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
BUILDS = st.builds(
    Build,
    version=WORDS,
    app=WORDS,
    python=WORDS,
    environment=st.dictionaries(WORDS, WORDS, max_size=3).map(lambda pairs: tuple(pairs.items())),
    fingerprint=WORDS,
    strategies=st.lists(WORDS, max_size=3).map(tuple),
    registered_at=WORDS,
    registered_by=WORDS,
)
REJECTIONS = st.builds(
    Rejection,
    version=WORDS,
    app=WORDS,
    fingerprint=WORDS,
    reason=WORDS,
    at=st.floats(allow_nan=False, allow_infinity=False),
    late=st.booleans(),
    environment=WORDS,
    tries=st.integers(1, 9),
)
RECORDS = st.builds(
    Record,
    name=st.just("incumbent"),
    recorded=st.none() | BUILDS,
    good=st.none() | BUILDS,
    rejected=st.lists(REJECTIONS, max_size=3).map(tuple),
    pinned=WORDS,
    generation=st.builds(Generation, line=st.text("abc", min_size=1), number=st.integers(0, 2**31)),
    earlier=st.none() | BUILDS,
)
RECORD_BYTES = encoded(
    Record(
        "incumbent",
        Build("2.0", "demo:app", "/usr/bin/python3", (("PATH", "/bin"),), "f2"),
        Build("1.0", "demo:app", "/usr/bin/python3"),
        (Rejection("3.0", "demo:app", "f3", "exited 1", 12.0, False),),
    )
)


@PROFILE
@given(anything_like(HEALTH_BYTES), st.integers(0, 999))
def test_any_answer_is_classified_and_only_a_whole_one_of_ours_is_no_foreigner(content, status):
    seen = judged(Proof(status if status % 3 else 200, content, "n"), "incumbent", "/data")
    assert seen.kind in (FOREIGN, WORKER_STARTING, WORKER_SERVING, WORKER_LEAVING)
    if seen.kind == FOREIGN:
        assert seen.health is None
        assert seen.detail
    else:
        assert seen.health is not None
        assert (seen.health.service, seen.health.data_dir) == ("incumbent", "/data")
        assert seen.health.pid > 0
        assert Health.from_json(seen.health.to_json()) == seen.health


@PROFILE
@given(anything_like(LOCK_BYTES))
def test_any_lock_file_names_a_whole_owner_or_none(content):
    owner = owner_in(content)
    if owner is not None:
        assert owner.token
        assert isinstance(owner.token, str)
        assert type(owner.pid) is int
        assert all(isinstance(text, str) for text in (owner.start, owner.host, owner.boot))


def test_the_lock_file_we_write_names_its_owner():
    owner = owner_in(LOCK_BYTES)
    assert owner is not None
    assert (owner.token, owner.pid) == ("c0ffee", 4711)


@PROFILE
@given(RECORDS)
def test_a_record_is_read_as_it_was_written(record):
    assert decoded(encoded(record), "incumbent") == record


@PROFILE
@given(anything_like(RECORD_BYTES))
def test_any_record_is_read_or_refused_with_its_own_error(content):
    try:
        record = decoded(content, "incumbent")
    except (ValueError, NewerFormatError):
        return
    assert decoded(encoded(record), "incumbent") == record


@PROFILE
@given(RECORDS, BUILDS, st.booleans())
def test_a_record_after_a_verdict_can_be_written_and_is_never_emptied(record, build, late):
    after = rejected(record, build, "exited 1", late, 12.0)
    assert decoded(encoded(after), "incumbent") == after
    assert (after.recorded is None) == (record.recorded is None)
    assert any(rejection.is_of(build) for rejection in after.rejected)
    good = marked_good(record, build, 12.0)
    assert good.good == build
    assert not any(rejection.is_of(build) for rejection in good.rejected)


SETTINGS = {
    "host": "127.0.0.1",
    "port": 27001,
    "app": "demo:app",
    "version": "1.0",
    "python": "/usr/bin/python3",
    "log_level": "info",
    "handover": "seamless",
    "start_timeout": 10,
    "drain_timeout": 1.5,
    "lock_timeout": 2,
    "timeout": 30,
}


@IN_A_FOLDER
@given(content=anything_like(json.dumps(SETTINGS).encode()))
def test_any_settings_file_gives_a_whole_worker_or_is_refused_by_name(data_dir: Path, content):
    path = data_dir / "settings.json"
    path.write_bytes(content)
    try:
        worker = Worker(data_dir=data_dir, environ={})
    except SettingsError as refused:
        assert str(refused).startswith(str(path))  # noqa: PT017 - one of two good ends
        assert path.read_bytes() == content
    else:
        assert 0 < worker.port < 65536
        assert worker.host.startswith("127.") or worker.host == "::1"
        assert ":" in worker.app
        assert all(isinstance(text, str) for text in (worker.app, worker.python, worker.version))
        assert 0 < worker.start_timeout < 60
        assert worker.timeout > 0
    finally:
        for left in data_dir.iterdir():
            left.unlink()


@IN_A_FOLDER
@given(content=st.binary(max_size=80) | st.text("0123456789abcdef\n ", max_size=70).map(str.encode))
def test_any_secret_file_gives_a_secret_that_stays(data_dir: Path, content):
    path = data_dir / "token"
    path.write_bytes(content)
    secret = admin_token(str(path), [])
    assert re.fullmatch("[0-9a-f]{64}", secret)
    assert admin_token(str(path), []) == secret
    if content.strip() == secret.encode():
        assert path.read_bytes() == content
    for left in data_dir.iterdir():
        left.unlink()


@IN_A_FOLDER
@given(content=st.binary(max_size=300), before=st.none() | st.binary(max_size=20))
def test_what_replaces_a_file_is_read_back_whole(data_dir: Path, content, before):
    path = data_dir / "file"
    if before is not None:
        path.write_bytes(before)
    files.replace(str(path), content)
    assert files.read(str(path)) == content
    assert [left.name for left in data_dir.iterdir()] == ["file"]


# The journal.


@st.composite
def journals(draw) -> list[dict[str, object]]:
    """Give a journal that the tables allow, of runs that do not overlap."""
    lines: list[dict[str, object]] = []
    for run in range(draw(st.integers(1, 3))):
        machine = draw(st.sampled_from(sorted(MACHINES)))
        rows, initials, _ = MACHINES[machine]
        state, standing = draw(st.sampled_from(initials)), None
        for _ in range(draw(st.integers(1, 12))):
            # Nobody tells twice that nothing has changed.
            ways = [row for row in rows if row.source == state and row != standing]
            if not ways:
                break
            row = draw(st.sampled_from(ways))
            lines.append(
                {
                    "at": "2026-01-01T00:00:00.000000Z",
                    "mono": float(len(lines)),
                    "machine": machine,
                    "run": f"run{run}",
                    "pid": 100 + run,
                    "origin": "api",
                    "from": row.source,
                    "event": row.event,
                    "to": row.dest,
                    "ms": 0.5,
                }
            )
            state, standing = row.dest, row if row.source == row.dest else None
    return lines


def journal_bytes(lines: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@PROFILE
@given(journals())
def test_a_journal_that_follows_the_tables_has_no_fault(lines):
    report = trace_check.check(None, journal_bytes(lines))
    assert report.faults == []
    assert report.lines == len(lines)


@PROFILE
@given(journals(), st.data())
def test_a_journal_with_one_row_that_is_none_names_its_line(lines, data):
    number = data.draw(st.integers(0, len(lines) - 1))
    line = lines[number]
    key = data.draw(st.sampled_from(("from", "event", "to")))
    rows = MACHINES[str(line["machine"])][0]
    words = {word for row in rows for word in row} | {"nowhere"}
    line[key] = data.draw(st.sampled_from(sorted(words - {str(line[key])})))
    if (line["event"], line["from"], line["to"]) in rows:
        return
    report = trace_check.check(None, journal_bytes(lines))
    assert any(fault.startswith(f"trace.jsonl, line {number + 1}: ") for fault in report.faults)


@PROFILE
@given(journals(), st.data())
def test_a_journal_with_a_line_lost_inside_a_run_has_a_fault(lines, data):
    inside = [
        number
        for number in range(1, len(lines) - 1)
        if lines[number - 1]["run"] == lines[number]["run"] == lines[number + 1]["run"]
        and lines[number]["from"] != lines[number]["to"]
    ]
    if not inside:
        return
    del lines[data.draw(st.sampled_from(inside))]
    assert trace_check.check(None, journal_bytes(lines)).faults


@PROFILE
@given(st.lists(st.binary(max_size=60) | JSON.map(lambda v: json.dumps(v).encode()), max_size=5))
def test_any_lines_are_checked_without_an_error(lines):
    content = b"".join(line + b"\n" for line in lines)
    report = trace_check.check(None, content)
    blank = sum(bool(line) and not line.strip(b" ") for line in content.split(b"\n")[:-1])
    assert len(report.faults) + report.lines + blank >= content.count(b"\n")


@PROFILE
@given(journals(), st.data())
def test_a_journal_with_one_field_of_another_kind_is_checked_without_an_error(lines, data):
    line = data.draw(st.sampled_from(lines))
    line[data.draw(st.sampled_from(sorted(line)))] = data.draw(JSON)
    trace_check.check(None, journal_bytes(lines))


@pytest.mark.parametrize("content", [b"", b"{", b"[[", b"\xff", b"null"])
def test_our_errors_for_torn_files_are_never_pythons_own(content):
    with pytest.raises((ValueError, IncumbentError)):
        decoded(content, "incumbent")
    assert owner_in(content) is None
