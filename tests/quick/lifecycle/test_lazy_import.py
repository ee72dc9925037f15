"""A postponed module is the whole module to whoever asks it for something."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

BEGIN = """
import sys
from incumbent.lifecycle._lazy_import import Unread, postpone
"""


def ran(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BEGIN + code], capture_output=True, text=True, check=False, cwd="/"
    )


def assert_runs(code: str):
    done = ran(code)
    assert done.returncode == 0, done.stderr


def test_a_postponed_module_has_not_run():
    assert_runs("postpone('wave'); import wave; assert 'Wave_read' not in vars(wave)")


def test_a_postponed_module_runs_when_it_is_asked_for_a_name():
    assert_runs("postpone('wave'); import wave; assert wave.Wave_read.__module__ == 'wave'")


def test_a_name_can_be_imported_from_a_postponed_module():
    assert_runs("postpone('wave'); from wave import open; assert open.__module__ == 'wave'")


def test_a_postponed_package_gives_its_modules_without_its_own_code():
    code = "postpone('sqlite3'); import sqlite3.dump, sqlite3; "
    assert_runs(code + "assert 'connect' not in vars(sqlite3)")
    assert_runs(code + "assert sqlite3.connect(':memory:').execute('SELECT 1').fetchone() == (1,)")


def test_a_name_that_a_module_does_not_have_is_not_found():
    done = ran("postpone('wave'); import wave; wave.no_such_thing")
    assert "AttributeError: module 'wave' has no attribute 'no_such_thing'" in done.stderr


def test_a_module_that_is_there_already_stays():
    assert_runs("import wave; before = wave; assert postpone('wave') is None; import wave; "
                "assert wave is before and 'Wave_read' in vars(wave)")  # fmt: skip


def test_a_module_that_is_nowhere_is_complained_of_by_its_import():
    done = ran("assert postpone('no_such_module') is None; import no_such_module")
    assert "ModuleNotFoundError" in done.stderr


def test_an_unread_module_is_gone_afterwards():
    assert_runs("""
with Unread('wave'):
    import wave as unread
assert 'wave' not in sys.modules
import wave
assert wave is not unread and 'Wave_read' in vars(wave)
assert unread.Wave_read.__module__ == 'wave'
""")


def test_a_module_that_was_there_before_is_there_afterwards():
    assert_runs("""
import wave
with Unread('wave'):
    assert sys.modules['wave'] is wave
assert sys.modules['wave'] is wave
""")


@pytest.mark.parametrize("first", ["", "import inspect; "], ids=["alone", "with inspect"])
def test_the_engine_leaves_everybody_the_real_inspect(first: str):
    code = first + "import incumbent.lifecycle.machine.engine, inspect; "
    assert_runs(code + "assert 'signature' in vars(inspect)")


def test_a_launch_does_not_pay_for_inspect():
    assert_runs("import incumbent.lifecycle.runs; assert 'dis' not in sys.modules")
