"""Why a build can't come up is told by its own interpreter; in doubt it can."""

import os
import sys
from pathlib import Path

import pytest

from incumbent.lifecycle.posix.presence import missing, why_gone
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker


def build(folder: Path, code: str, app: str = "marvel:app", python: str = sys.executable) -> Build:
    folder.mkdir(exist_ok=True)
    (folder / "marvel.py").write_text(code)
    return Build("1.0.0", app, python, (("PYTHONPATH", str(folder)),))


def program(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "python"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


GOOD = "print('noise')\n__version__ = '1.0.0'\nasync def app(*_): ...\n"


def test_a_build_that_can_come_up_lacks_nothing(worker: Worker, tmp_path: Path):
    folder = tmp_path / "code"
    assert why_gone(worker, build(folder, GOOD)) == ""
    assert not (folder / "__pycache__").exists()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise ImportError('no such thing')", "no such thing"),
        ("x = 1", "app"),
        ("__version__ = '2.0.0'\nasync def app(*_): ...\n", "the code there says version 2.0.0"),
    ],
)
def test_a_build_that_cannot_come_up_says_why(worker: Worker, tmp_path: Path, code: str, why: str):
    assert why in why_gone(worker, build(tmp_path / "code", code))


def test_it_is_asked_with_the_settings_of_the_worker(worker: Worker, tmp_path: Path):
    code = f"import os\nassert os.environ['INCUMBENT_DATA_DIR'] == {worker.data_dir!r}\n{GOOD}"
    assert why_gone(worker, build(tmp_path / "code", code)) == ""


def test_one_that_takes_too_long_is_not_blamed(worker: Worker, tmp_path: Path):
    slow = build(tmp_path / "code", "import time; time.sleep(60)")
    assert why_gone(worker, slow, seconds=0.2) == ""


def test_an_interpreter_that_ends_without_a_word_is_named_with_its_last_line(
    worker: Worker, tmp_path: Path
):
    python = program(tmp_path / "bin", "#!/bin/sh\necho first >&2\necho last >&2\necho >&2\nexit 3")
    found = why_gone(worker, build(tmp_path / "code", GOOD, python=python))
    assert found == f"{python} exited 3: last"


def test_an_interpreter_that_ends_in_silence_is_named_with_its_code(worker: Worker, tmp_path: Path):
    python = program(tmp_path / "bin", "#!/bin/sh\nexit 1")
    assert why_gone(worker, build(tmp_path / "code", GOOD, python=python)) == f"{python} exited 1"


@pytest.mark.parametrize("text", ["#!/bin/sh\nkill -9 $$", "#!/bin/sh\nexit 0"])
def test_an_interpreter_that_was_killed_says_nothing_of_the_build(
    worker: Worker, tmp_path: Path, text: str
):
    python = program(tmp_path / "bin", text)
    assert why_gone(worker, build(tmp_path / "code", GOOD, python=python)) == ""


def test_an_interpreter_that_cannot_be_run_is_told_of(worker: Worker, tmp_path: Path):
    python = program(tmp_path / "bin", "#!/no/such/program\n")
    found = why_gone(worker, build(tmp_path / "code", GOOD, python=python))
    assert found == f"can't run {python}: No such file or directory"


@pytest.mark.parametrize("python", ["/no/such/python", os.sep, "/nul\0here"])
def test_a_build_without_its_interpreter_lacks_it(worker: Worker, tmp_path: Path, python: str):
    gone = build(tmp_path / "code", GOOD, python=python)
    assert missing(gone) == why_gone(worker, gone) == f"there is no program {python}"


def test_a_release_whose_folder_is_gone_lacks_it(worker: Worker, tmp_path: Path):
    folder = str(tmp_path / "releases" / "1.0.0")
    gone = Build("1.0.0", "marvel:app", sys.executable, (("PYTHONPATH", folder),))
    assert why_gone(worker, gone) == f"there is no folder {folder}"
