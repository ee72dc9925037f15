"""A postponed module is the whole module to whoever asks it for something."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

BEGIN = """
import sys
from incumbent.lifecycle._lazy_import import Given, Later, LaterClass, postpone
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


def test_a_module_is_given_others_than_it_imports_and_nobody_else_is():
    assert_runs("""
class Told:
    Chunk = 'told'
with Given('wave', {'struct': Told, 'sys': sys}):
    import wave, struct
assert wave.struct is Told and struct is not Told and sys.modules['struct'] is struct
assert wave.__file__.endswith('wave.py') and wave.Wave_read.__module__ == 'wave'
assert not any(type(finder) is Given for finder in sys.meta_path)
""")


def test_a_module_that_was_there_before_stays_as_it_is():
    assert_runs("""
import wave
with Given('wave', {'struct': None}):
    import wave as again
assert again is wave and wave.struct is not None
""")


def test_a_module_given_others_that_can_not_be_found_is_complained_of():
    done = ran("with Given('no_such_module', {}): import no_such_module")
    assert "ModuleNotFoundError" in done.stderr


def test_what_comes_later_is_imported_when_it_is_asked_for_a_name():
    assert_runs("""
later = Later('wave')
assert 'wave' not in sys.modules
assert later.Wave_read.__module__ == 'wave'
assert 'wave' in sys.modules
""")


def test_a_class_that_comes_later_is_made_and_asked_for_its_names():
    assert_runs("""
later = LaterClass('fractions', 'Fraction')
assert 'fractions' not in sys.modules
assert later.from_float(0.5) == later(1, 2)
""")


@pytest.mark.parametrize("first", ["", "import inspect; "], ids=["alone", "with inspect"])
def test_the_engine_leaves_everybody_the_real_inspect(first: str):
    code = first + "import incumbent.lifecycle.machine.engine, inspect; "
    assert_runs(code + "assert 'signature' in vars(inspect)")


@pytest.mark.parametrize("spared", ["inspect", "json", "logging", "re", "six", "socket"])
def test_a_launch_does_not_pay_for_what_it_has_no_use_for(spared: str):
    assert_runs(f"import incumbent.lifecycle.runs; assert {spared!r} not in sys.modules")


def test_an_error_that_the_library_logs_is_still_logged():
    assert_runs("""
import io, logging
import incumbent.lifecycle.machine.engine, transitions
logging.getLogger('transitions').addHandler(logging.StreamHandler(said := io.StringIO()))
transitions.core._LOGGER.error('%s went wrong', 'it')
transitions.core._LOGGER.warning('nothing to see')
assert said.getvalue() == 'it went wrong\\n', said.getvalue()
""")


def test_who_uses_the_library_has_all_of_it():
    assert_runs("""
import incumbent.lifecycle.machine.engine
from transitions import Machine
class Matter:
    def cooled(self): self.seen = True
matter = Matter()
machine = Machine(matter, ['gas', 'liquid'], initial='gas')
machine.add_transition('cool', 'gas', 'liquid', after='cooled')
assert matter.cool() and matter.is_liquid() and matter.seen
""")
