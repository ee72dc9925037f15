"""`list` shows each data dir of this user, whatever is the matter with one of them."""

import json
import os
from pathlib import Path

import pytest

from incumbent.cli.main import main
from incumbent.lifecycle import Worker
from incumbent.lifecycle.known_data_dirs import known, remember


def listed(capsys) -> dict[str, dict[str, object]]:
    assert main(["list", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    return {worker["dataDir"]: worker for worker in said["workers"]}


def remembered(place: Path, name: str = "mytool") -> Path:
    place.mkdir(mode=0o700)
    remember(Worker(name, data_dir=place, environ=dict(os.environ)))
    return place


def test_where_nothing_ever_ran_a_sentence_says_so(sandbox, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr() == ("No worker of yours has run on this machine yet\n", "")
    assert not sandbox.data_dir.exists()


def test_a_worker_that_does_not_run_is_listed_as_such(sandbox, capsys):
    place = remembered(sandbox.root / "one")
    said = listed(capsys)[str(place)]
    assert (said["name"], said["state"]) == ("mytool", "not running")


def test_a_data_dir_that_is_gone_is_told_and_forgotten(sandbox, capsys):
    place = remembered(sandbox.root / "one")
    place.rmdir()
    assert main(["list"]) == 0
    assert f"data dir {place} is gone" in capsys.readouterr().err
    assert list(known(os.environ)) == []
    assert main(["list"]) == 0
    assert capsys.readouterr().err == ""


def test_an_own_data_dir_without_an_entry_is_listed(data_dir, capsys):
    assert listed(capsys).keys() == {str(data_dir)}


@pytest.mark.parametrize(
    ("trouble", "told"),
    [("open to others", "0777"), ("settings", "settings.json")],
)
def test_one_that_is_refused_keeps_no_other_from_being_listed(sandbox, capsys, trouble, told):
    bad, good = remembered(sandbox.root / "bad"), remembered(sandbox.root / "good")
    if trouble == "settings":
        (bad / "settings.json").write_text("{")
    else:
        bad.chmod(0o777)
    said = listed(capsys)
    assert said[str(bad)]["state"] == "refused"
    assert told in str(said[str(bad)]["detail"])
    assert said[str(good)]["state"] == "not running"


def test_a_name_in_the_data_dir_counts_more_than_one_in_the_index(sandbox, capsys):
    place = remembered(sandbox.root / "one", "wrong")
    (place / "launch.json").write_text('{"format": 1, "name": "right"}')
    assert listed(capsys)[str(place)]["name"] == "right"


def test_own_settings_that_cannot_be_read_keep_no_other_from_being_listed(
    sandbox, capsys, monkeypatch
):
    place = remembered(sandbox.root / "one")
    monkeypatch.setenv("INCUMBENT_PORT", "none")
    assert listed(capsys).keys() == {str(place)}
