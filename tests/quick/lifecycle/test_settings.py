"""A setting is what the argument says, else the environment, else the file, else the default."""

import os
import pwd
import zlib

import pytest

from incumbent.lifecycle import SettingsError, Worker
from incumbent.lifecycle.settings import (
    BUILT_IN_APP,
    LEASE_S,
    MARGIN_S,
    START_S,
    default_data_dir,
    default_port,
)


@pytest.fixture
def environ(data_dir):
    return {"INCUMBENT_DATA_DIR": str(data_dir), "HOME": str(data_dir.parent / "home")}


def test_the_default_is_the_built_in_worker(environ):
    worker = Worker(environ=environ)
    assert (worker.name, worker.app, worker.host) == ("incumbent", BUILT_IN_APP, "127.0.0.1")
    assert worker.port == 27000 + zlib.crc32(f"{os.getuid()}:incumbent".encode()) % 1000
    assert worker.log_level == "info"
    assert worker.handover == "seamless"


def test_the_file_wins_over_the_default(environ, data_dir):
    (data_dir / "settings.json").write_text('{"port": 21001, "log_level": "debug"}')
    worker = Worker(environ=environ)
    assert (worker.port, worker.log_level) == (21001, "debug")


def test_the_environment_wins_over_the_file(environ, data_dir):
    (data_dir / "settings.json").write_text('{"port": 21001}')
    assert Worker(environ=environ | {"INCUMBENT_PORT": "21002"}).port == 21002


def test_the_argument_wins_over_the_environment(environ):
    assert Worker(port=21003, environ=environ | {"INCUMBENT_PORT": "21002"}).port == 21003


def test_an_empty_variable_does_not_count(environ):
    assert Worker(environ=environ | {"INCUMBENT_LOG_LEVEL": ""}).log_level == "info"


def test_every_variable_is_heard(environ):
    worker = Worker(
        environ=environ
        | {
            "INCUMBENT_HOST": "::1",
            "INCUMBENT_APP": "mine:app",
            "INCUMBENT_VERSION": "3.2.1",
            "INCUMBENT_NAME": "mine",
            "INCUMBENT_HANDOVER": "rebind",
            "INCUMBENT_START_TIMEOUT": "2",
            "INCUMBENT_TIMEOUT": "0.5",
        }
    )
    assert (worker.host, worker.app, worker.version) == ("::1", "mine:app", "3.2.1")
    assert (worker.name, worker.handover) == ("mine", "rebind")
    assert (worker.start_timeout, worker.timeout) == (2.0, 0.5)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("INCUMBENT_PORT", "0"),
        ("INCUMBENT_PORT", "65536"),
        ("INCUMBENT_PORT", "-1"),
        ("INCUMBENT_PORT", "http"),
        ("INCUMBENT_PORT", "²"),
        ("INCUMBENT_HOST", "localhost"),
        ("INCUMBENT_HOST", "0.0.0.0"),
        ("INCUMBENT_HOST", "192.0.2.1"),
        ("INCUMBENT_HOST", "127.1"),
        ("INCUMBENT_APP", "no-attribute"),
        ("INCUMBENT_APP", ":app"),
        ("INCUMBENT_VERSION", "banana"),
        ("INCUMBENT_HANDOVER", "magic"),
        ("INCUMBENT_LOG_LEVEL", "loud"),
        ("INCUMBENT_START_TIMEOUT", "0"),
        ("INCUMBENT_START_TIMEOUT", "nan"),
        ("INCUMBENT_START_TIMEOUT", "soon"),
        ("INCUMBENT_NAME", "../escape"),
        ("INCUMBENT_NAME", ".hidden"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_name(environ, variable, value):
    with pytest.raises(SettingsError) as raised:
        Worker(environ=environ | {variable: value})
    assert variable.removeprefix("INCUMBENT_").lower() in str(raised.value).lower()
    assert value in str(raised.value)


def test_a_name_in_the_file_is_heard(environ, data_dir):
    (data_dir / "settings.json").write_text('{"name": "mine"}')
    worker = Worker(environ=environ)
    assert (worker.name, worker.port) == ("mine", default_port("mine"))
    assert Worker(environ=environ | {"INCUMBENT_NAME": "other"}).name == "other"
    assert Worker("argued", environ=environ).name == "argued"


@pytest.mark.parametrize("said", ['{"name": "../x"}', '{"name": 5}', '{"start_timeout": 58}'])
def test_a_value_in_the_file_that_cannot_be_stops_nobody(environ, data_dir, said):
    (data_dir / "settings.json").write_text(said)
    worker = Worker(environ=environ)
    assert (worker.name, worker.start_timeout) == ("incumbent", START_S)
    assert "going on without it" in " ".join(worker.notices)


@pytest.mark.parametrize("environ", [{}, {"HOME": ""}])
def test_without_a_home_the_user_database_says_where_it_is(environ):
    home = pwd.getpwuid(os.getuid()).pw_dir
    assert default_data_dir("mine", environ).startswith(f"{home}/")


def test_a_relative_place_for_data_is_ignored():
    relative = {"HOME": "/h", "XDG_DATA_HOME": "data"}
    assert default_data_dir("mine", relative) == default_data_dir("mine", {"HOME": "/h"})


def test_a_start_budget_that_outlives_the_lease_is_refused(environ):
    with pytest.raises(SettingsError):
        Worker(start_timeout=LEASE_S - MARGIN_S, environ=environ)


def test_a_waiter_outlasts_a_handover_with_its_rollback(environ):
    worker = Worker(environ=environ)
    spent = worker.lock_timeout + worker.drain_timeout + 2 * worker.start_timeout
    assert worker.timeout > spent


@pytest.mark.parametrize("content", ["", "{", "[]", "\0", "nonsense"])
def test_a_corrupt_file_is_set_aside_with_a_notice(environ, data_dir, content):
    (data_dir / "settings.json").write_text(content)
    worker = Worker(environ=environ)
    assert worker.log_level == "info"
    [aside] = data_dir.glob("settings.json.corrupt-*")
    assert aside.read_text() == content
    assert str(aside) in worker.notices[0]
    assert not (data_dir / "settings.json").exists()


def test_a_corrupt_file_is_left_where_it_is_by_who_does_not_mend(environ, data_dir):
    (data_dir / "settings.json").write_text("{")
    worker = Worker(environ=environ, mend=False)
    assert worker.notices == [f"{data_dir}/settings.json is no JSON object"]
    assert [path.name for path in data_dir.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    "content", ['{"port": "many"}', '{"port": true}', '{"port": null}', '{"log_level": []}']
)
def test_one_bad_value_in_the_file_is_passed_over_with_a_notice(environ, data_dir, content):
    (data_dir / "settings.json").write_text(content)
    worker = Worker(environ=environ)
    assert worker.port == default_port("incumbent")
    assert worker.log_level == "info"
    assert "settings.json" in worker.notices[0]
    assert (data_dir / "settings.json").read_text() == content


def test_the_default_data_dir_lies_below_the_users_own(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert default_data_dir("mine", {"HOME": "/h"}) == "/h/.local/share/incumbent/mine"
    assert default_data_dir("mine", {"HOME": "/h", "XDG_DATA_HOME": "/x"}) == "/x/incumbent/mine"


def test_the_default_data_dir_of_a_mac_lies_in_its_library(monkeypatch):
    monkeypatch.setattr("sys.platform", "darwin")
    expected = "/h/Library/Application Support/incumbent/mine"
    assert default_data_dir("mine", {"HOME": "/h", "XDG_DATA_HOME": "/x"}) == expected


def test_two_names_of_one_data_dir_are_one(environ, data_dir):
    link = data_dir.parent / "link"
    link.symlink_to(data_dir)
    assert Worker(data_dir=link, environ=environ).data_dir == str(data_dir)


def test_every_default_port_lies_below_the_ephemeral_range():
    assert all(27000 <= default_port(f"name-{number}") < 28000 for number in range(200))


def test_an_empty_data_dir_in_the_environment_is_refused():
    with pytest.raises(SettingsError, match="INCUMBENT_DATA_DIR is '', expected a folder"):
        Worker(environ={"INCUMBENT_DATA_DIR": "", "HOME": "/nowhere"})


def test_an_empty_data_dir_as_an_argument_is_refused(environ):
    with pytest.raises(SettingsError, match="data_dir is '', expected a folder"):
        Worker(data_dir="", environ=environ)
