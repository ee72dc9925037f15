"""`logs` shows the end of the worker's log."""

import json
from pathlib import Path

import pytest

from incumbent.cli.main import main

LINES = [f"line {number}" for number in range(150)]


@pytest.fixture
def log(data_dir: Path) -> Path:
    """Give the worker's log, with 150 lines."""
    path = data_dir / "logs" / "worker.log"
    path.parent.mkdir(mode=0o700)
    path.write_text("".join(f"{line}\n" for line in LINES))
    return path


def shown(capsys, *words: str) -> list[str]:
    assert main(["logs", *words]) == 0
    said = capsys.readouterr()
    assert said.err == ""
    return str(said.out).splitlines()


@pytest.mark.usefixtures("log")
def test_the_last_hundred_lines_are_shown(capsys):
    assert shown(capsys) == LINES[-100:]


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("count", [1, 150, 999])
def test_as_many_as_wanted_are_shown(capsys, count):
    assert shown(capsys, "-n", str(count)) == LINES[-count:]


@pytest.mark.usefixtures("log")
def test_none_are_shown_where_none_are_wanted(capsys):
    assert shown(capsys, "-n", "0") == []


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("count", ["-1", "x", "1.5"])
def test_a_count_that_is_none_is_a_usage_error(capsys, count):
    assert main(["logs", "-n", count]) == 2
    assert capsys.readouterr().out == ""


def test_without_a_log_one_sentence_says_what_to_type(sandbox, capsys):
    assert main(["logs"]) == 0
    out, talk = capsys.readouterr()
    assert out == ""
    assert "no worker has written" in talk
    assert "`worker-service start`" in talk
    assert not sandbox.data_dir.exists()


def test_what_a_worker_wrote_does_nothing_to_a_terminal(log, capsys):
    log.write_bytes(b"\x1b[2Jgone \xff\n")
    (row,) = shown(capsys)
    assert row.isprintable()
    assert "gone" in row


def test_programs_get_the_lines_as_they_are(log, capsys):
    log.write_text("\x1b[31mred\n")
    assert main(["logs", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {"ok": True, "path": str(log), "lines": ["\x1b[31mred"]}


@pytest.mark.usefixtures("log")
def test_to_follow_as_json_is_a_usage_error(capsys):
    assert main(["logs", "--follow", "--json"]) == 2
    assert "never ends" in capsys.readouterr().err
