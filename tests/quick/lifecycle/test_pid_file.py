"""The PID file names one process, and only that one removes it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from incumbent.lifecycle import pid_file
from incumbent.lifecycle.errors import FilesError
from incumbent.lifecycle.lock.process_identity import MAX_PID, self_token
from incumbent.lifecycle.pid_file import PidFile

OURS = {"pid": os.getpid(), "start": self_token(), "version": "1.0", "port": 27001}


@pytest.fixture
def path(data_dir: Path) -> Path:
    return data_dir / "worker.pid"


def test_what_is_written_is_read_and_removed(path: Path):
    pid_file.write(str(path), "1.0", 27001)
    assert json.loads(path.read_text()) == OURS
    assert path.stat().st_mode & 0o777 == 0o600
    assert pid_file.pid_file(str(path)) == PidFile(os.getpid(), self_token(), "1.0", 27001)
    pid_file.remove(str(path))
    assert not path.exists()
    pid_file.remove(str(path))


@pytest.mark.parametrize(
    "says", [{"pid": os.getppid()}, {"start": "1"}, {"pid": os.getppid(), "start": "1"}]
)
def test_a_file_of_another_process_stays(path: Path, says: dict[str, object]):
    content = json.dumps(OURS | says)
    path.write_text(content)
    pid_file.remove(str(path))
    assert path.read_text() == content


@pytest.mark.parametrize(
    "says",
    [{"pid": 0}, {"pid": -1}, {"pid": MAX_PID + 1}, {"pid": "1"}, {"pid": True}, {"start": 1},
     {"version": None}, {"port": "27001"}, {"port": 1.5}],
    ids=str,
)  # fmt: skip
def test_what_can_name_no_worker_is_no_pid_file(path: Path, says: dict[str, object]):
    path.write_text(json.dumps(OURS | says))
    assert pid_file.pid_file(str(path)) is None


@pytest.mark.parametrize("missing", sorted(OURS))
def test_a_file_without_one_of_its_words_is_none(path: Path, missing: str):
    path.write_text(json.dumps({key: said for key, said in OURS.items() if key != missing}))
    assert pid_file.pid_file(str(path)) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_other_bytes_are_no_pid_file(path: Path, content: bytes):
    path.write_bytes(content)
    assert pid_file.pid_file(str(path)) is None


def test_a_file_that_cannot_be_read_or_written_is_none(path: Path):
    path.mkdir()
    assert pid_file.pid_file(str(path)) is None
    pid_file.remove(str(path))
    with pytest.raises(FilesError):
        pid_file.write(str(path), "1.0", 1)
    assert path.is_dir()
