"""A file of ours is replaced whole or not at all; nobody ever reads half of one."""

import os
from pathlib import Path

import pytest

from incumbent.lifecycle import files
from incumbent.lifecycle.errors import FilesError

OLD, NEW = b"the old content, which is longer", b"the new content"


def test_who_has_the_old_file_open_reads_the_old_content_to_its_end(data_dir: Path):
    path = data_dir / "file"
    files.replace(str(path), OLD)
    with path.open("rb") as reader:
        assert reader.read(3) == OLD[:3]
        files.replace(str(path), NEW)
        assert reader.read() == OLD[3:]
    assert path.read_bytes() == NEW


def test_a_replacement_that_fails_leaves_the_old_file_and_nothing_beside_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    path = data_dir / "file"
    files.replace(str(path), OLD)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FilesError) as raised:
        files.replace(str(path), NEW)
    assert "No space left on device" in str(raised.value)
    assert path.read_bytes() == OLD
    assert os.listdir(data_dir) == ["file"]


def test_a_file_is_written_to_its_end_where_the_kernel_takes_it_in_parts(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, content: write(fd, content[:4]))
    files.replace(str(data_dir / "file"), OLD)
    assert (data_dir / "file").read_bytes() == OLD


def test_a_file_that_is_created_is_whole_from_its_first_moment(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
):
    path, write, seen = data_dir / "file", os.write, []

    def watched(fd: int, content: bytes) -> int:
        seen.append(path.exists())
        return write(fd, content)

    monkeypatch.setattr(os, "write", watched)
    assert files.create(str(path), NEW)
    assert seen == [False]
    assert path.read_bytes() == NEW


def test_a_file_that_is_there_is_not_created_over(data_dir: Path):
    path = data_dir / "file"
    assert files.create(str(path), OLD)
    assert not files.create(str(path), NEW)
    assert path.read_bytes() == OLD
    assert os.listdir(data_dir) == ["file"]
