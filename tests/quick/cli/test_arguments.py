"""The words of a command line find their command, or say what is wrong with them."""

import json
import subprocess
import sys

import pytest

from incumbent.cli.arguments import is_hook, seconds, split
from incumbent.cli.command_table import COMMANDS
from incumbent.cli.main import main

SLOW = {"argparse", "asyncio", "dataclasses", "json", "requests", "subprocess", "transitions"}


@pytest.mark.parametrize(
    "words",
    [
        ["--data-dir", "/d", "--port", "7", "--json", "status"],
        ["status", "--data-dir=/d", "--port=7", "--json"],
        ["--json", "status", "--port", "7", "--data-dir", "/d"],
    ],
)
def test_common_options_are_taken_before_and_after_the_command(words):
    assert split(words) == ({"json": "yes", "data_dir": "/d", "port": "7"}, ["status"])


def test_words_of_the_command_are_left_to_it():
    assert split(["restart", "--timeout", "3"]) == ({}, ["restart", "--timeout", "3"])


@pytest.mark.parametrize(
    "words", [["--data-dir"], ["--data-dir", ""], ["--data-dir="], ["--data-dir", "--json"]]
)
def test_an_option_without_its_value_is_a_usage_error(words, capsys):
    assert main(["status", *words]) == 2
    assert capsys.readouterr().err == "worker-service: --data-dir needs a value\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["status", "--nope"],
        ["restart", "--timeout", "soon"],
        ["restart", "--timeout", "nan"],
        ["stop", "--timeout", "-1"],
        ["stop", "--timeout", "inf"],
        ["--port", "0", "status"],
        ["--port", "http", "status"],
        ["trace", "--follow", "--check"],
        ["--port"],
    ],
    ids=" ".join,
)
def test_a_usage_error_exits_2_and_touches_nothing(words, sandbox, capsys):
    assert main(list(words)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("worker-service: ")
    assert not sandbox.data_dir.exists()
    assert main(["--json", *words]) == 2
    error = json.loads(capsys.readouterr().out)
    assert error.keys() == {"ok", "error", "event"}
    assert (error["ok"], error["event"]) == (False, "")


def test_a_bad_setting_in_the_environment_exits_2(monkeypatch, capsys):
    monkeypatch.setenv("INCUMBENT_HOST", "localhost")
    assert main(["status"]) == 2
    assert "INCUMBENT_HOST is 'localhost', expected one literal address" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["0.5", "3", "1e3"])
def test_a_duration_is_taken(text):
    assert seconds(text) == float(text)


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e9", "soon"])
def test_what_is_no_duration_is_not_taken(text):
    with pytest.raises(ValueError, match=r"."):
        seconds(text)


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["restart", "--help"], ["--version"]])
def test_help_is_a_result(words, capsys):
    assert main(list(words)) == 0
    plain = capsys.readouterr()
    assert plain.out
    assert plain.err == ""
    assert main(["--json", *words]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True


def in_help(out: str) -> dict[str, str]:
    """Give each command in the answer to `--help` with its line."""
    rows = out.partition("\ncommands:\n")[2].partition("\n\n")[0].split("\n")
    return dict(row.split(maxsplit=1) for row in rows)


def test_help_has_one_line_for_each_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert in_help(out) == {name: sentence for name, (sentence, _) in COMMANDS.items()}
    assert all(len(row) <= 80 for row in out.split("\n"))


def test_help_says_how_an_app_of_ones_own_is_named(capsys):
    main(["--help"])
    assert "INCUMBENT_APP" in capsys.readouterr().out


def test_help_in_json_is_the_same_text(capsys):
    main(["--help"])
    plain = capsys.readouterr().out
    main(["--help", "--json"])
    assert json.loads(capsys.readouterr().out)["usage"] + "\n" == plain


def test_help_touches_nothing(sandbox):
    assert main(["--help"]) == 0
    assert not sandbox.data_dir.exists()


def test_every_command_explains_itself_with_the_same_words(capsys):
    for name, (sentence, _) in COMMANDS.items():
        if name != "hook":  # it takes its words as they are
            assert main([name, "--help"]) == 0
            out = capsys.readouterr().out
            assert out.startswith(f"usage: worker-service {name} ")
            assert f"{sentence[0].upper()}{sentence[1:]}." in " ".join(out.split())


def test_a_wrong_command_is_told_which_there_are(capsys):
    assert main(["frobnicate"]) == 2
    assert capsys.readouterr().err.endswith(f"\ncommands: {', '.join(COMMANDS)}\n")


def test_a_notice_about_the_settings_is_told_by_every_command(data_dir, capsys):
    (data_dir / "settings.json").write_text('{"log_level": "many"}')
    assert main(["trace"]) == 0
    assert "settings.json: log_level is 'many'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["hook", "X"],
        ["hook"],
        ["--bogus", "hook", "X"],
        ["--bogus", "value", "hook", "X"],
        ["--", "hook", "X"],
        ["--port", "hook", "X"],
        ["--data-dir", "hook", "X"],
        ["--data-dir", "", "hook", "X"],
        ["--help", "hook"],
        ["nonsense", "hook"],
    ],
    ids=" ".join,
)
def test_whatever_may_be_meant_as_a_hook_is_one(words):
    assert is_hook(words, split(words)[1])


@pytest.mark.parametrize(
    "words",
    [[], ["start"], ["trace", "--run", "hook"], ["--data-dir", "hook", "start"], ["start", "hook"]],
    ids=" ".join,
)
def test_another_command_is_no_hook(words):
    assert not is_hook(words, split(words)[1])


def test_the_way_to_a_hook_imports_nothing_slow():
    script = f"import sys, incumbent.cli.main; print(*{SLOW} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
