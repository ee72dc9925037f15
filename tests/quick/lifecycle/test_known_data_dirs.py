"""The index of data dirs is a hint: what is in it is read, never believed."""

import json
from pathlib import Path

import pytest

from incumbent.lifecycle import Worker
from incumbent.lifecycle.known_data_dirs import Known, entry_of, forget, index, known, remember


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Give the environment of a user with a home of their own."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return {"HOME": str(home)}


def worker(environ: dict[str, str], place: Path) -> Worker:
    return Worker("mytool", data_dir=place, environ=environ)


def test_a_data_dir_that_is_remembered_is_known_once(environ, tmp_path):
    one = worker(environ, tmp_path / "one")
    remember(one)
    remember(one)
    entry = entry_of(one.data_dir, environ)
    assert list(known(environ)) == [Known("mytool", one.data_dir, "127.0.0.1", one.port, entry)]


def test_an_entry_is_for_its_user_alone(environ, tmp_path):
    remember(worker(environ, tmp_path / "one"))
    folder = Path(index(environ))
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]


def test_a_data_dir_at_its_default_place_is_known_without_an_entry(environ):
    place = Path(environ["HOME"]) / ".local" / "share" / "incumbent" / "mytool"
    place.mkdir(parents=True, mode=0o700)
    assert list(known(environ)) == []
    (place / "launch.json").write_text("{}")
    assert list(known(environ)) == [Known("mytool", str(place))]


def test_an_entry_that_is_forgotten_leaves_nothing(environ, tmp_path):
    remember(worker(environ, tmp_path / "one"))
    (entry,) = known(environ)
    forget(entry.entry)
    assert list(known(environ)) == []
    assert not Path(index(environ)).exists()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "[" * 10_000, '{"name": 1, "dataDir": "/x"}', '{"name": "a", "dataDir": "x"}'],
)
def test_an_entry_that_says_nothing_is_passed_over(environ, tmp_path, content):
    remember(worker(environ, tmp_path / "one"))
    Path(index(environ), "junk.json").write_text(content)
    assert [one.data_dir for one in known(environ)] == [str(tmp_path / "one")]


def test_an_entry_that_others_may_write_is_passed_over(environ, tmp_path):
    folder = Path(index(environ))
    folder.mkdir(parents=True, mode=0o700)
    (folder / "theirs.json").write_text(json.dumps({"name": "a", "dataDir": str(tmp_path)}))
    (folder / "theirs.json").chmod(0o666)
    assert list(known(environ)) == []


def test_a_home_that_cannot_be_written_stops_no_worker(tmp_path):
    (tmp_path / "file").write_text("")
    nowhere = {"HOME": str(tmp_path / "file")}
    remember(worker(nowhere, tmp_path / "one"))
    assert list(known(nowhere)) == []
