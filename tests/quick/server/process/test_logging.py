"""What the app logs or prints is in the log at once, in the app's own format where it has one."""

import subprocess
import sys

import pytest

SETTLED = """
from incumbent.server.process.logs import Output, print_at_once
print_at_once()
Output('', '', {level!r})
"""


def said(program: str, level: str = "info") -> str:
    done = subprocess.run(
        [sys.executable, "-c", SETTLED.format(level=level) + program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stderr


def test_an_app_that_sets_up_nothing_is_logged_with_time_and_name():
    row = said("import logging; logging.getLogger('mine').info('hello')")
    assert row.endswith(" INFO mine: hello\n")
    assert row[:2] == "20"


def test_an_app_is_logged_from_the_level_that_the_settings_say():
    program = "import logging; logging.getLogger('mine').warning('hello')"
    assert said(program, "error") == ""
    assert "hello" in said(program, "warning")


@pytest.mark.parametrize("more", ["", ", level='DEBUG'"])
def test_an_app_that_sets_up_logging_has_its_own_format_once(more):
    program = (
        f"import logging; logging.basicConfig(format='<%(message)s>'{more})\n"
        "logging.getLogger('mine').info('hello')\n"
        "logging.getLogger('mine').debug('detail')"
    )
    assert said(program) == "<hello>\n" + ("<detail>\n" if more else "")


def test_what_an_app_prints_is_there_before_it_ends():
    program = SETTLED.format(level="info") + "print('here'); import os; os._exit(0)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "here\n"


def test_a_print_that_nobody_takes_raises_nothing():
    program = SETTLED.format(level="info") + "print('x' * 100_000); print('more'); print('end')"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert (done.returncode, done.stderr) == (0, b"")
