"""A hook prints what its app answered, if that is one short object that its host takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from incumbent.cli.hook import HOSTS
from incumbent.cli.hook_answer import ACCEPTED, LIMIT_BYTES, printed

EVENT = "PreToolUse"
CONTEXT = {"hookSpecificOutput": {"hookEventName": EVENT, "additionalContext": "ä"}}


def answer(own: Any, **more: Any) -> bytes:
    return json.dumps({"id": "i", "hook": own} | more).encode()


@pytest.mark.parametrize("host", ["", *HOSTS])
@pytest.mark.parametrize("own", [{}, {"continue": True}, CONTEXT, {"decision": "block"}])
def test_what_the_host_takes_is_printed_as_one_line(host: str, own: dict[str, Any]):
    line = printed(answer(own), EVENT, host)
    assert json.loads(line) == own
    assert line.count(b"\n") == 1


NONE = (b"", b"no", b'"hook"', b"[" * 9000, b'["hook"]', b'{"hook": null}', b'{"a": {"hook": {}}}')


@pytest.mark.parametrize("said", [*NONE, b"\xff"])
def test_an_answer_that_is_none_prints_nothing_and_says_nothing(said: bytes, capsys):
    assert printed(said, EVENT, "") == b""
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("own", ["x", 7, [], True])
def test_an_answer_that_is_no_object_is_told_and_not_printed(own: Any, capsys):
    assert printed(answer(own), EVENT, "") == b""
    assert "it is no JSON object" in capsys.readouterr().err


def test_an_answer_that_is_too_long_is_told_and_not_printed(capsys):
    line = b'{"systemMessage": ""}\n'
    just = {"systemMessage": "x" * (LIMIT_BYTES - len(line))}
    assert len(printed(answer(just), EVENT, "")) == LIMIT_BYTES
    assert printed(answer({"systemMessage": just["systemMessage"] + "x"}), EVENT, "") == b""
    assert f"over {LIMIT_BYTES} bytes" in capsys.readouterr().err


def test_the_host_that_marks_a_hook_failed_for_a_word_does_not_get_it(capsys):
    own = {"suppressOutput": True}
    assert [host for host in ("", *HOSTS) if printed(answer(own), EVENT, host)] == [
        "", "claude", "gemini",
    ]  # fmt: skip
    assert "codex does not take 'suppressOutput'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("specific", "takers"),
    [
        ({"hookEventName": "Stop"}, [""]),
        ({"additionalContext": "x"}, ["", "gemini"]),
        ("x", [""]),
    ],
)
def test_an_answer_to_another_event_is_not_printed(specific: Any, takers: list[str], capsys):
    own = {"hookSpecificOutput": specific}
    assert [host for host in ("", *HOSTS) if printed(answer(own), EVENT, host)] == takers
    assert "not passed on" in capsys.readouterr().err


def test_every_host_that_can_be_named_has_its_words():
    assert set(HOSTS) == set(ACCEPTED)
