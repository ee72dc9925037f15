"""A setting is what the argument says, else the environment, else the file, else the default."""

import json
import os
import pwd
import zlib
from pathlib import Path

import pytest

from incumbent.lifecycle import SettingsError, Worker
from incumbent.lifecycle.settings import (
    BUILT_IN_APP,
    LEASE_S,
    MARGIN_S,
    default_data_dir,
    default_port,
)


@pytest.fixture
def environ(data_dir):
    return {"INCUMBENT_DATA_DIR": str(data_dir), "HOME": str(data_dir.parent / "home")}


def test_the_default_is_the_built_in_worker(environ):
    worker = Worker(environ=environ)
    assert (worker.name, worker.app, worker.host) == ("incumbent", BUILT_IN_APP, "127.0.0.1")
    place = f"{os.getuid()}:{worker.data_dir}"
    assert worker.port == 27000 + zlib.crc32(place.encode()) % 1000
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
    assert (worker.name, worker.port) == ("mine", default_port(str(data_dir)))
    assert Worker(environ=environ | {"INCUMBENT_NAME": "other"}).name == "other"
    assert Worker("argued", environ=environ).name == "argued"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../x"),
        ("name", 5),
        ("host", "localhost"),
        ("port", "many"),
        ("port", True),
        ("port", None),
        ("app", "mytool"),
        ("version", "banana"),
    ],
)
def test_a_wrong_value_of_what_decides_the_place_is_refused_with_its_line(
    environ, data_dir, key, value
):
    path = data_dir / "settings.json"
    path.write_text(f'{{\n  // as ever\n  "{key}": {json.dumps(value)}\n}}')
    with pytest.raises(SettingsError, match=f"{path}, line 3: {key} is ") as raised:
        Worker(environ=environ)
    assert repr(value) in str(raised.value)
    assert [there.name for there in data_dir.iterdir()] == ["settings.json"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("start_timeout", 58), ("log_level", []), ("handover", "magic"), ("pass_env", "a b")],
)
def test_another_wrong_value_is_passed_over_with_a_notice(environ, data_dir, key, value):
    said = json.dumps({key: value})
    (data_dir / "settings.json").write_text(said)
    worker = Worker(environ=environ)
    assert getattr(worker, key) == getattr(Worker(data_dir=data_dir.parent, environ={}), key)
    [notice] = worker.notices
    assert notice.startswith(f"settings.json: {key} is ")
    assert notice.endswith("going on without it")
    assert (data_dir / "settings.json").read_text() == said


@pytest.mark.parametrize(
    ("key", "close"),
    [
        ("prot", "port"),
        ("log-level", "log_level"),
        ("INCUMBENT_HOST", "host"),
        ("start_time", "start_timeout"),
    ],
)
def test_a_key_that_no_setting_has_is_told_once_with_the_closest(environ, data_dir, key, close):
    (data_dir / "settings.json").write_text(json.dumps({key: 1, "log_level": "debug"}))
    worker = Worker(environ=environ)
    assert worker.log_level == "debug"
    assert worker.notices == [
        f"settings.json: no setting is called {key!r}; did you mean {close!r}?"
    ]


def test_a_key_like_none_of_ours_is_told_with_all_there_are(environ, data_dir):
    (data_dir / "settings.json").write_text('{"zzz": 1}')
    [notice] = Worker(environ=environ).notices
    assert "no setting is called 'zzz'; there is name, host, port" in notice


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


@pytest.mark.parametrize("said", [0, "0", 2.5])
def test_a_hang_timeout_may_be_nothing(environ, said):
    assert Worker(hang_timeout=said, environ=environ).hang_timeout == float(said)
    by_variable = environ | {"INCUMBENT_HANG_TIMEOUT": str(said)}
    assert Worker(environ=by_variable).hang_timeout == float(said)


@pytest.mark.parametrize("said", [-1, "never", ""])
def test_a_hang_timeout_that_is_no_time_is_refused(environ, said):
    with pytest.raises(SettingsError):
        Worker(hang_timeout=said, environ=environ)


def test_a_waiter_outlasts_a_handover_with_its_rollback(environ):
    worker = Worker(environ=environ)
    spent = worker.lock_timeout + worker.drain_timeout + 2 * worker.start_timeout
    assert worker.timeout > spent


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
    assert all(27000 <= default_port(f"/h/{number}") < 28000 for number in range(200))


def test_two_data_dirs_are_two_workers_by_default(data_dir):
    places = [str(data_dir / "a"), str(data_dir / "b")]
    one, other = (Worker(data_dir=place, environ={}) for place in places)
    assert one.port != other.port
    assert (one.port, other.port) == tuple(map(default_port, places))


def test_two_names_of_one_data_dir_have_one_port(environ, data_dir):
    link = data_dir.parent / "link"
    link.symlink_to(data_dir)
    assert Worker(data_dir=link, environ=environ).port == default_port(str(data_dir))


def test_a_data_dir_whose_name_is_no_text_has_a_port(data_dir):
    assert Worker(data_dir=os.fsdecode(os.fsencode(data_dir) + b"/\xff"), environ={}).port >= 27000


# Variables that the app gets.


@pytest.mark.parametrize(
    "said", ["MYTOOL_*,DB_URL", " MYTOOL_* , DB_URL,", ["MYTOOL_*", "DB_URL"]], ids=str
)
def test_what_the_app_gets_is_named_by_argument_environment_or_file(environ, data_dir, said):
    wanted = ("MYTOOL_*", "DB_URL")
    assert Worker(pass_env=said, environ=environ).pass_env == wanted
    if isinstance(said, str):
        assert Worker(environ=environ | {"INCUMBENT_PASS_ENV": said}).pass_env == wanted
    (data_dir / "settings.json").write_text(json.dumps({"pass_env": said}))
    assert Worker(environ=environ).pass_env == wanted
    assert Worker(pass_env=[], environ=environ).pass_env == ()


@pytest.mark.parametrize("said", ["*", "A B", "A*B", "MY-TOOL", "A=B", 5, ["A", 5], {"A": "B"}])
def test_what_is_no_name_of_a_variable_is_refused(environ, said):
    with pytest.raises(SettingsError, match="pass_env"):
        Worker(pass_env=said, environ=environ)


# In the environment of another service's worker.


def of_a_worker(name: str, data_dir: Path) -> dict[str, str]:
    return {
        "HOME": "/h",
        "PATH": "/usr/bin",
        "INCUMBENT_NAME": name,
        "INCUMBENT_DATA_DIR": str(data_dir),
        "INCUMBENT_PORT": "21001",
        "INCUMBENT_HOST": "127.0.0.2",
        "INCUMBENT_APP": "a:app",
        "INCUMBENT_VERSION": "7.0",
        "INCUMBENT_LOG_LEVEL": "debug",
        "INCUMBENT_PASS_ENV": "A_SECRET",
        "INCUMBENT_COMMAND": "b worker",
    }


def test_the_places_of_a_worker_of_another_name_are_not_ours(data_dir):
    worker = Worker("b", environ=of_a_worker("a", data_dir))
    own = Worker("b", environ={"HOME": "/h"})
    for setting in ("data_dir", "port", "host", "app", "version", "log_level", "pass_env"):
        assert getattr(worker, setting) == getattr(own, setting), setting
    assert worker.environ == {"HOME": "/h", "PATH": "/usr/bin", "INCUMBENT_COMMAND": "b worker"}


@pytest.mark.parametrize("name", ["a", None])
def test_the_places_of_a_worker_of_the_same_name_are_ours(data_dir, name):
    worker = Worker(name, environ=of_a_worker("a", data_dir))
    assert (worker.name, worker.data_dir, worker.port) == ("a", str(data_dir), 21001)
    assert (worker.host, worker.app, worker.version) == ("127.0.0.2", "a:app", "7.0")


def test_places_that_name_no_service_are_the_callers(data_dir):
    environ = of_a_worker("a", data_dir)
    del environ["INCUMBENT_NAME"]
    worker = Worker("b", environ=environ)
    assert (worker.name, worker.data_dir, worker.port) == ("b", str(data_dir), 21001)


def test_an_empty_data_dir_in_the_environment_is_refused():
    with pytest.raises(SettingsError, match="INCUMBENT_DATA_DIR is '', expected a folder"):
        Worker(environ={"INCUMBENT_DATA_DIR": "", "HOME": "/nowhere"})


def test_an_empty_data_dir_as_an_argument_is_refused(environ):
    with pytest.raises(SettingsError, match="data_dir is '', expected a folder"):
        Worker(data_dir="", environ=environ)
