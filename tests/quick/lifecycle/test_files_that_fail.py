"""A file of ours is read, made, set aside as it should be; what can't be says which file."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from incumbent.lifecycle import files, private
from incumbent.lifecycle.errors import FilesError, TrustError


@pytest.fixture
def path(data_dir: Path) -> Path:
    return data_dir / "file"


def fails(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, failing)


def refused(verb: object, *said: object) -> tuple[str, str]:
    assert callable(verb)
    with pytest.raises(FilesError) as raised:
        verb(*said)
    return raised.value.path, raised.value.reason


# To read.


def test_what_is_not_there_and_what_is_no_file_are_two_things(path: Path):
    assert files.read(str(path)) is None
    path.symlink_to("nowhere")
    assert files.read(str(path)) == b""
    path.unlink()
    path.symlink_to(path)
    assert files.read(str(path)) == b""
    path.unlink()
    path.mkdir()
    assert files.read(str(path)) == b""


def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(path: Path):
    os.mkfifo(path)
    assert files.read(str(path)) == b""


def test_a_file_is_read_up_to_a_limit(path: Path, monkeypatch: pytest.MonkeyPatch):
    path.write_bytes(b"0123456789")
    assert files.read(str(path)) == b"0123456789"
    monkeypatch.setattr(files, "LIMIT_BYTES", 4)
    assert files.read(str(path)) == b"0123"


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EACCES, errno.EIO])
def test_a_file_that_cannot_be_opened_is_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    path.write_bytes(b"x")
    fails(monkeypatch, "open", number)
    assert refused(files.read, str(path)) == (str(path), os.strerror(number))


def test_a_file_that_cannot_be_read_is_an_error_and_closed(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    path.write_bytes(b"x")
    before = sorted(os.listdir("/dev/fd"))
    with monkeypatch.context() as patch:
        fails(patch, "read", errno.EIO)
        assert refused(files.read, str(path)) == (str(path), os.strerror(errno.EIO))
    assert sorted(os.listdir("/dev/fd")) == before


def test_a_file_that_others_may_write_is_not_read(path: Path):
    path.write_bytes(b"x")
    path.chmod(0o666)
    with pytest.raises(TrustError):
        files.read(str(path))


# To make.


def test_what_is_made_is_for_its_user_alone_whatever_the_umask(path: Path):
    for mask in (0o000, 0o777):
        before = os.umask(mask)
        try:
            files.replace(str(path), b"x")
            assert path.stat().st_mode & 0o777 == 0o600
            folder = path.with_name(f"folder-{mask}")
            files.make_own_folder(str(folder / "deep"))
        finally:
            os.umask(before)
        for made in (folder, folder / "deep"):
            assert made.stat().st_mode & 0o777 == 0o700


def test_a_file_that_its_owner_may_not_write_is_mended(path: Path):
    path.touch(mode=0o400)
    path.chmod(0o400)
    os.close(private.open_file(str(path), os.O_RDONLY))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_mode_that_is_wide_enough_is_left_as_it_is(path: Path):
    path.touch()
    path.chmod(0o640)
    os.close(private.open_file(str(path), os.O_RDONLY))
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_cannot_be_mended_is_closed(path: Path, monkeypatch: pytest.MonkeyPatch):
    path.touch()
    path.chmod(0o400)
    before = sorted(os.listdir("/dev/fd"))
    with monkeypatch.context() as patch:
        fails(patch, "fchmod", errno.EPERM)
        with pytest.raises(PermissionError):
            private.open_file(str(path), os.O_RDONLY)
    assert sorted(os.listdir("/dev/fd")) == before


def test_a_folder_that_is_there_is_left_as_it_is(data_dir: Path):
    folder = data_dir / "folder"
    folder.mkdir()
    folder.chmod(0o750)
    private.make_folder(str(folder))
    assert folder.stat().st_mode & 0o777 == 0o750


def test_a_file_in_the_place_of_a_folder_is_an_error(path: Path):
    path.touch()
    with pytest.raises(FileExistsError):
        private.make_folder(str(path))
    told, why = refused(files.make_own_folder, str(path))
    assert told == str(path)
    assert why


def test_a_folder_in_a_relative_place_is_made(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(data_dir)
    private.make_folder("one")
    private.make_folder("two/three")
    assert (data_dir / "one").is_dir()
    assert (data_dir / "two" / "three").is_dir()


@pytest.mark.parametrize("call", ["link", "replace"])
def test_a_file_that_cannot_be_put_in_place_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
):
    with monkeypatch.context() as patch:
        fails(patch, call, errno.EACCES)
        told, why = refused(files.create, str(path), b"x")
    assert told.startswith(str(path))
    assert why == "Permission denied"
    assert os.listdir(path.parent) == []


# To set aside.


def test_what_is_corrupt_is_set_aside_with_its_content(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "now")
    path.write_bytes(b"corrupt")
    aside = Path(f"{path}.corrupt-now")
    said = f"{path} was corrupt; set aside as {aside}, going on with defaults"
    assert files.set_aside(str(path)) == said
    assert aside.read_bytes() == b"corrupt"
    assert not path.exists()


def test_what_is_gone_meanwhile_is_told_as_gone(path: Path):
    said = f"{path} was corrupt and is gone; going on with defaults"
    assert files.set_aside(str(path)) == said


def test_what_cannot_be_set_aside_stays_and_is_told(path: Path, monkeypatch: pytest.MonkeyPatch):
    path.write_bytes(b"corrupt")
    fails(monkeypatch, "rename", errno.EACCES)
    assert files.set_aside(str(path)) == (
        f"{path} is corrupt and can't be set aside (Permission denied); going on without it"
    )
    assert path.read_bytes() == b"corrupt"


def test_a_data_dir_is_made_and_one_of_others_is_refused(data_dir: Path):
    made = data_dir / "deep" / "data"
    files.make_data_dir(str(made))
    assert made.stat().st_mode & 0o777 == 0o700
    made.chmod(0o777)
    with pytest.raises(TrustError):
        files.make_data_dir(str(made))
