"""What reaches the app is named; what only begins like a name of ours may be a secret."""

import json
import os

import pytest

from incumbent.lifecycle import Worker
from incumbent.lifecycle.environment import from_anywhere, passed
from incumbent.lifecycle.posix.child_environment import SPAWN_VARIABLES, environment_of

SECRETS = {
    "INCUMBENT_DB_PASSWORD": "s3cret",
    "INCUMBENT_TOKEN": "s3cret",
    "LC_API_KEY": "s3cret",
    "PYTHON_KEYRING": "s3cret",
    "PYTHONTOKEN": "s3cret",
    "XDG_SECRET": "s3cret",
    "SSL_CERT_PASSWORD": "s3cret",
    "LD_LIBRARY_TOKEN": "s3cret",
    "PATH_TOKEN": "s3cret",
    "AWS_SECRET_ACCESS_KEY": "s3cret",
}
OURS = {
    "PATH": "/usr/bin",
    "HOME": "/h",
    "LANG": "C.UTF-8",
    "LC_ALL": "C",
    "LC_CTYPE": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONUTF8": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "XDG_DATA_HOME": "/h/data",
    "SSL_CERT_FILE": "/h/ca.pem",
    "LD_LIBRARY_PATH": "/h/lib",
    "VIRTUAL_ENV": "/h/venv",
    "INCUMBENT_COMMAND": "mytool worker",
}


def test_what_an_app_needs_to_run_reaches_it():
    assert passed(OURS | SECRETS) == OURS


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_what_only_begins_like_one_of_ours_stays_out(name, data_dir):
    worker = Worker(data_dir=data_dir, environ=OURS | SECRETS)
    assert name not in dict(environment_of(worker))
    assert "s3cret" not in json.dumps(environment_of(worker))


@pytest.mark.parametrize("asked", ["LC_API_KEY", "LC_API_*", "INCUMBENT_DB_PASSWORD,LC_*"])
def test_what_was_asked_for_reaches_the_app(data_dir, asked):
    worker = Worker(data_dir=data_dir, pass_env=asked, environ=OURS | SECRETS)
    got = dict(environment_of(worker))
    assert got["LC_API_KEY"] == "s3cret"
    assert "AWS_SECRET_ACCESS_KEY" not in got
    assert got["INCUMBENT_PASS_ENV"] == asked


def test_a_beginning_without_its_star_is_a_name(data_dir):
    worker = Worker(data_dir=data_dir, pass_env="LC_API", environ=OURS | SECRETS)
    assert "LC_API_KEY" not in dict(environment_of(worker))


def test_what_a_parent_passes_to_its_child_is_nobody_elses(data_dir):
    environ = OURS | dict.fromkeys(SPAWN_VARIABLES, "theirs")
    worker = Worker(data_dir=data_dir, pass_env="INCUMBENT_*", environ=environ)
    assert not set(SPAWN_VARIABLES) & set(dict(environment_of(worker)))


@pytest.mark.parametrize(
    ("path", "absolute"),
    [
        ("", None),
        (":", None),
        ("/a:", "/a"),
        (":/a", "/a"),
        ("/a::/b", "/a:/b"),
        ("rel", os.path.abspath("rel")),
        (".", os.getcwd()),
    ],
)
def test_an_empty_entry_of_the_import_path_is_dropped(path, absolute):
    assert passed({"PYTHONPATH": path}).get("PYTHONPATH") == absolute


@pytest.mark.parametrize(
    ("path", "kept"),
    [(".", ""), ("", ""), ("/a:.", "/a"), ("rel:/a:./b:/c:", "/a:/c"), ("/a", "/a"), ("../x", "")],
)
def test_from_anywhere_the_import_path_is_the_same(path: str, kept: str):
    assert from_anywhere({"PYTHONPATH": path, "A": "b"}) == {"PYTHONPATH": kept, "A": "b"}
    assert from_anywhere({"A": "b"}) == {"A": "b"}
