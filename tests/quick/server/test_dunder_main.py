"""What a parent spawns takes its words from its command line, and nothing else."""

from __future__ import annotations

import gc
import runpy
import sys

import pytest

from incumbent.server import main as module


@pytest.mark.parametrize(
    ("words", "given"),
    [
        ([], (False, False, False)),
        (["--by-hand"], (True, False, False)),
        (["--managed"], (False, True, False)),
        (["--json"], (False, False, True)),
        (["--json", "--by-hand", "--managed"], (True, True, True)),
    ],
)
def test_each_word_says_one_thing(
    monkeypatch: pytest.MonkeyPatch, words: list[str], given: tuple[bool, ...]
):
    heard: list[tuple[bool, ...]] = []

    def main(*said: bool) -> int:
        heard.append(said)
        assert not gc.isenabled()  # until it serves
        return 7

    monkeypatch.setattr(module, "main", main)
    monkeypatch.setattr(sys, "argv", ["incumbent.server", *words])
    try:
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("incumbent.server", run_name="__main__")
    finally:
        gc.enable()
    assert heard == [given]
    assert ended.value.code == 7


def test_what_nobody_said_is_not_so():
    assert module.main.__defaults__ == (False, False)  # neither managed, nor a program that asks
