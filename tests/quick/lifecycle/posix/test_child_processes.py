"""A parent knows each child until it is settled, then no more."""

import sys

import pytest

from incumbent.lifecycle.drivers.ports import Child
from incumbent.lifecycle.posix.child_process import Process
from incumbent.lifecycle.posix.child_processes import ChildProcesses
from incumbent.lifecycle.posix.spawn_lock_hold import SpawnLockHold
from incumbent.lifecycle.record import Build
from incumbent.lifecycle.settings import Worker

BUILD = Build("1.0.0", "app:app", sys.executable)


@pytest.fixture
def processes(worker: Worker) -> ChildProcesses:
    return ChildProcesses(worker, "api", SpawnLockHold(worker, []))


class Pipe:
    """Our end of a pair, which only notes that it was closed."""

    closed = False

    def close(self) -> None:
        self.closed = True


def test_whoever_gives_up_settles_every_child(processes: ChildProcesses):
    pipes = [Pipe(), Pipe()]
    for pid, pipe in enumerate(pipes, 1):
        processes.unsettled[pid] = Process(None, pipe)
    processes.abandon()
    assert [pipe.closed for pipe in pipes] == [True, True]
    with pytest.raises(KeyError):
        processes.process(Child(1, BUILD))


@pytest.mark.parametrize(("code", "crashed"), [(-11, True), (-6, True), (-9, False), (1, False)])
def test_a_crash_is_a_signal_that_the_code_answers_for(
    processes: ChildProcesses, code: int, crashed: bool
):
    process = Process(None, Pipe(), trouble="last words")
    process.up = process.ready = True
    processes.unsettled[7] = process
    ended = processes.ended(Child(7, BUILD), code, late=True)
    assert (ended.code, ended.crashed, ended.last_output) == (code, crashed, "last words")
    assert (ended.up, ended.ready, ended.late) == (True, True, True)
    assert processes.unsettled == {}
