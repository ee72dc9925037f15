"""Which folders are watched for code that changes."""

from pathlib import Path

import pytest

from incumbent.cli.arguments import UsageError
from incumbent.cli.reloading import folders_of
from incumbent.lifecycle.settings import Worker


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder on the import path, with a module and a package."""
    folder = tmp_path / "code"
    (folder / "package" / "inner").mkdir(parents=True)
    (folder / "package" / "__init__.py").touch()
    (folder / "package" / "inner" / "app.py").touch()
    (folder / "single.py").touch()
    monkeypatch.syspath_prepend(folder)
    return folder


def worker(tmp_path: Path, app: str | None) -> Worker:
    return Worker(data_dir=str(tmp_path / "data"), app=app, version="1.0.0")


def test_a_module_is_watched_with_its_folder(tmp_path: Path, code: Path):
    assert folders_of(worker(tmp_path, "single:app"), []) == [str(code)]


def test_a_package_is_watched_whole_but_not_its_neighbours(tmp_path: Path, code: Path):
    assert folders_of(worker(tmp_path, "package.inner.app:app"), []) == [str(code / "package")]


def test_named_folders_are_watched_too(tmp_path: Path, code: Path):
    named = folders_of(worker(tmp_path, "single:app"), [str(tmp_path)])
    assert set(named) == {str(tmp_path), str(code)}
    assert folders_of(worker(tmp_path, None), [str(tmp_path)]) == [str(tmp_path)]


@pytest.mark.parametrize("app", [None, "no_such_module_anywhere:app"])
def test_where_no_code_is_to_be_seen_one_is_told_what_to_say(tmp_path: Path, app: str | None):
    with pytest.raises(UsageError, match="--watch DIR"):
        folders_of(worker(tmp_path, app), [])


def test_a_folder_that_is_not_there_is_told(tmp_path: Path):
    with pytest.raises(UsageError, match=f"no folder {tmp_path}/none"):
        folders_of(worker(tmp_path, None), [f"{tmp_path}/none"])
