"""What is left in a worker's session is ended; nobody else's process is."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from incumbent.lifecycle.posix import session as module
from incumbent.lifecycle.posix.session import end_leftovers, end_members, members, tell

from ....world import eventually

pytestmark = pytest.mark.slow  # it waits for processes

DATA_DIR = "/data/of/this/worker"
SLEEPING = "import time; time.sleep(60)"
DEAF = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); {SLEEPING}"
)
# A leader with one child, which tells its pid, then ends or stays.
LEADER = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", sys.argv[1], *sys.argv[3:]],
                         stdin=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.read() if sys.argv[2] == "stays" else os._exit(0)
"""

Begin = Callable[..., tuple[int, int]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Begin a leader of a session of its own with one child: give both pids."""
    begun: list[tuple[subprocess.Popen[bytes], int]] = []

    def beginning(
        code: str = SLEEPING, stays: bool = True, *more: str, **environment: str
    ) -> tuple[int, int]:
        leader = subprocess.Popen(
            [sys.executable, "-S", "-c", LEADER, code, "stays" if stays else "ends", *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | environment,
        )
        assert leader.stdout is not None
        child = int(leader.stdout.readline())
        begun.append((leader, child))
        if code != "pass":  # its parent hears of the exec before its words can be read
            words = Path(f"/proc/{child}/cmdline")
            eventually(lambda: code.encode() in words.read_bytes(), "the child runs")
        if code == DEAF:
            leader.stdout.readline()
        if not stays:
            leader.wait()
        return leader.pid, child

    yield beginning
    for leader, child in begun:
        for pid in (child, leader.pid):
            tell([pid] if lives(pid) else [], signal.SIGKILL)
        leader.communicate()
        eventually(functools.partial(is_gone, child), "the child is gone")


def is_gone(pid: int) -> bool:
    return not lives(pid)


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return False
    return state not in (b"Z", b"X")


def test_the_members_of_a_session_are_told_without_its_leader(begin: Begin):
    leader, child = begin()
    assert members(leader) == [child]
    assert members(child) == []


def test_we_are_no_member_of_our_own_session():
    assert os.getpid() not in members(os.getsid(0))


def test_a_zombie_is_no_member(begin: Begin):
    leader, child = begin("pass")
    stat = Path(f"/proc/{child}/stat")
    eventually(lambda: b") Z " in stat.read_bytes(), "the child is a zombie")
    assert members(leader) == []


def test_what_cleans_up_shared_memory_ends_by_itself(begin: Begin):
    tracker = "from multiprocessing.resource_tracker import main; main(0)"
    leader, child = begin(f"{SLEEPING}  # {tracker}")
    assert lives(child)
    assert members(leader) == []


def test_members_are_ended_politely(begin: Begin, tmp_path: Path):
    told = tmp_path / "told"
    polite = (
        "import signal, sys, time\n"
        f"def end(*_): open({str(told)!r}, 'w').close(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"print(flush=True)\n{SLEEPING}"
    )
    leader, child = begin(polite)
    eventually(lambda: b"SigCgt" in Path(f"/proc/{child}/status").read_bytes(), "it runs")
    eventually(lambda: _catches(child, signal.SIGTERM), "it listens to SIGTERM")
    end_members(leader)
    assert told.exists()
    assert not lives(child)
    assert lives(leader)


def _catches(pid: int, number: int) -> bool:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [mask] = [line.split()[1] for line in lines if line.startswith("SigCgt")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_member_that_does_not_hear_is_killed_after_its_grace(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "GRACE_S", 0.05)
    leader, child = begin(DEAF)
    end_members(leader)
    eventually(lambda: not lives(child), "the deaf child is killed")
    assert lives(leader)


def test_where_nobody_is_left_nobody_is_waited_for(begin: Begin, monkeypatch: pytest.MonkeyPatch):
    def waited(_: float) -> None:
        pytest.fail("there was nobody to wait for")

    monkeypatch.setattr(module, "sleep", waited)
    leader, _ = begin("pass")
    eventually(lambda: members(leader) == [], "the child is gone")
    end_members(leader)


def test_what_a_dead_worker_left_is_ended(begin: Begin):
    leader, child = begin(stays=False, INCUMBENT_DATA_DIR=DATA_DIR)
    assert lives(child)
    end_leftovers(leader, DATA_DIR)
    eventually(lambda: not lives(child), "the leftover is ended")


@pytest.mark.parametrize("theirs", ["/data/of/this/worker/2", "/data/of/this", "", None])
def test_who_was_not_given_the_data_dir_at_birth_is_spared(begin: Begin, theirs: str | None):
    said = {} if theirs is None else {"INCUMBENT_DATA_DIR": theirs}
    leader, child = begin(stays=False, **said)
    end_leftovers(leader, DATA_DIR)
    assert lives(child)


def test_who_is_in_another_session_is_spared(begin: Begin):
    leader, child = begin(stays=False, INCUMBENT_DATA_DIR=DATA_DIR)
    end_leftovers(child, DATA_DIR)
    end_leftovers(leader + 1, DATA_DIR)
    assert lives(child)


ENDING_FROM_BELOW = """
import os, sys
from incumbent.lifecycle.posix.session import end_leftovers
end_leftovers(os.getsid(0), sys.argv[1])
os.write(1, b"done\\n")
"""


def test_whoever_we_are_a_child_of_is_spared():
    done = subprocess.run(
        [
            "/bin/sh", "-c", '"$0" -c "$1" "$2"; echo parent lives',
            sys.executable, ENDING_FROM_BELOW, DATA_DIR,
        ],
        env=os.environ | {"INCUMBENT_DATA_DIR": DATA_DIR},
        start_new_session=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "done\nparent lives\n"


def test_a_signal_for_who_is_gone_reaches_nobody():
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert tell([gone.pid], signal.SIGTERM) is False
    assert tell([], signal.SIGTERM) is False


def test_a_signal_is_told_also_to_those_behind_one_who_is_gone(begin: Begin):
    gone = subprocess.Popen(["true"])
    gone.wait()
    _, child = begin()
    assert tell([gone.pid, child], signal.SIGKILL) is True
    eventually(lambda: not lives(child), "the signal came")


def test_who_is_gone_while_it_is_looked_at_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    gone = subprocess.Popen(["true"])
    gone.wait()
    monkeypatch.setattr(module, "members", lambda _: [gone.pid])
    monkeypatch.setattr(os, "getppid", lambda: gone.pid)
    signalled: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: signalled.append(pid))
    end_leftovers(7, DATA_DIR)
    assert signalled == []
