"""What a worker says goes into its log, begun anew when it is long; nothing said is lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from incumbent.server.process import logs

PROGRAM = """
import os, sys
from incumbent.server.process import logs
from incumbent.server.process.logs import Output
log, early, limit = sys.argv[1:]
if limit:
    logs.ROTATE_BYTES = int(limit)
fd = os.open(early, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
os.dup2(fd, 1)
os.dup2(fd, 2)
output = Output(log, early if limit else "", "info")
print("out", flush=True)
output.settle()
print("said later", file=sys.stderr, flush=True)
output.rotate()
print("said last", flush=True)
"""


def ran(log: Path, early: Path, limit: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(log), str(early), limit], check=False, timeout=60
    )
    assert done.returncode == 0


def test_what_was_said_early_comes_first_in_the_log(tmp_path: Path):
    log, early = tmp_path / "worker.log", tmp_path / "early.log"
    log.write_text("of the one before\n")
    ran(log, early, str(logs.ROTATE_BYTES))
    assert log.read_text() == "of the one before\nout\nsaid later\nsaid last\n"
    assert not early.exists()
    assert not (tmp_path / "worker.log.1").exists()


def test_a_log_that_is_long_is_begun_anew_and_kept_once(tmp_path: Path):
    log, early = tmp_path / "worker.log", tmp_path / "early.log"
    ran(log, early, "5")
    assert log.read_text() == "said last\n"
    assert (tmp_path / "worker.log.1").read_text() == "out\nsaid later\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_worker_run_by_hand_keeps_its_own_output(tmp_path: Path):
    log, early = tmp_path / "worker.log", tmp_path / "early.log"
    ran(log, early, "")
    assert not log.exists()
    assert early.read_text() == "out\nsaid later\nsaid last\n"


@pytest.mark.parametrize("place", ["a folder", "no folder"])
def test_where_the_log_cannot_be_written_the_early_one_goes_on(tmp_path: Path, place: str):
    log, early = tmp_path / "logs" / "worker.log", tmp_path / "early.log"
    if place == "a folder":
        log.mkdir(parents=True)
    ran(log, early, str(logs.ROTATE_BYTES))
    assert early.read_text() == "out\nsaid later\nsaid last\n"


@pytest.mark.parametrize("what", ["a pipe", "a link to a device", "a socket"])
def test_what_is_no_file_in_the_logs_place_holds_nobody_up(tmp_path: Path, what: str):
    log, early = tmp_path / "worker.log", tmp_path / "early.log"
    if what == "a pipe":
        os.mkfifo(log)
    elif what == "a socket":
        with socket.socket(socket.AF_UNIX) as there:
            there.bind(str(log))
    else:
        log.symlink_to("/dev/full")
    ran(log, early, str(logs.ROTATE_BYTES))
    [aside] = tmp_path.glob("worker.log.corrupt-*")
    first, second, *rest = log.read_text().splitlines()
    assert (first, rest) == ("out", ["said later", "said last"])
    assert aside.name in second
    assert not log.is_symlink()
    assert not early.exists()
